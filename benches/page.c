/* The table of a benchmark, as text and as a page: see page.h. */
#include "page.h"

#include <inttypes.h>
#include <plasma.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)

static const char *time_text(double ns, char out[24])
{
    if (ns < 1e4)
        snprintf(out, 24, "%.0f ns", ns);
    else if (ns < 1e7)
        snprintf(out, 24, "%.1f us", ns / 1e3);
    else
        snprintf(out, 24, "%.1f ms", ns / 1e6);
    return out;
}

static const char *size_text(uint64_t size, char out[24])
{
    if (size < 1024)
        snprintf(out, 24, "%" PRIu64 " B", size);
    else if (size < MIB)
        snprintf(out, 24, "%" PRIu64 " KiB", size >> 10);
    else
        snprintf(out, 24, "%" PRIu64 " MiB", size >> 20);
    return out;
}

void write_table(FILE *out, const row_t *rows, size_t count)
{
    char size[24], median[24], p99[24], rate[24];
    size_t i;

    fprintf(out, "| %-27s | %-7s | %-9s | %-9s | %-5s |\n", "operation",
            "size", "median", "p99", "GB/s");
    fprintf(out, "|-%.27s-|-%.7s:|-%.9s:|-%.9s:|-%.5s:|\n",
            "---------------------------", "-------", "---------",
            "---------", "-----");
    for (i = 0; i < count; i++) {
        const row_t *row = &rows[i];

        rate[0] = 0;
        if (row->copies)
            snprintf(rate, sizeof rate, "%.1f",
                     (double)row->size / row->median_ns);
        fprintf(out, "| %-27s | %7s | %9s | %9s | %5s |\n", row->what,
                size_text(row->size, size), time_text(row->median_ns, median),
                time_text(row->p99_ns, p99), rate);
    }
}

static void cpu_model(char *out, size_t room)
{
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[256], *colon;

    snprintf(out, room, "unknown");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || colon == NULL)
            continue;
        line[strcspn(line, "\n")] = 0;
        snprintf(out, room, "%s", colon + 2);
        break;
    }
    if (file != NULL)
        fclose(file);
}

void load_average(char *out, size_t room)
{
    FILE *file = fopen("/proc/loadavg", "r");

    if (file == NULL || fgets(out, (int)room, file) == NULL)
        snprintf(out, room, "unknown");
    out[strcspn(out, " \n")] = 0;
    if (file != NULL)
        fclose(file);
}

void write_page(FILE *out, const row_t *rows, size_t count, const char *load,
                uint64_t clock_ns)
{
    const time_t now = time(NULL);
    struct utsname kernel;
    char cpu[256], date[32];

    cpu_model(cpu, sizeof cpu);
    uname(&kernel);
    strftime(date, sizeof date, "%Y-%m-%d", gmtime(&now));
    fprintf(out,
            "# Performance\n\n"
            "Written by `make bench` (`benches/ops.c`, `benches/recovery.c`); run it to get the"
            " numbers of your machine.\n\n"
            "    date     %s, Plasma %s\n"
            "    cpu      %s, %ld online\n"
            "    kernel   %s %s %s\n"
            "    load     %s before the run\n\n",
            date, plasma_version_string(), cpu, sysconf(_SC_NPROCESSORS_ONLN),
            kernel.sysname, kernel.release, kernel.machine, load);
    write_table(out, rows, count);
    fprintf(out,
            "\n## Method\n\n"
            "One process, one thread, one client, C API of the release"
            " `libplasma.so`, a store of its own in\n"
            "`/dev/shm` with all memory reserved"
            " (`PLASMA_CONNECT_RESERVE`), nobody else connected. Warm-up\n"
            "runs are left out.\n\n"
            " * median: of many batches, each timed as a whole and divided by"
            " its operations.\n"
            " * p99: of operations each timed alone. The clock's own %" PRIu64
            " ns are taken off both.\n"
            " * get + release: always the same object, its payload not"
            " touched; \"1 of 10,000\" takes one at random.\n"
            " * create + seal: the payload is not touched. Objects are"
            " deleted between batches, not timed.\n"
            " * put: creates, copies the payload and seals. The source is the"
            " same each time and may be in the\n"
            "   processor's caches, the target is other memory each time; so it"
            " is with memcpy, which is there\n"
            "   for comparison and goes from and to private memory.\n"
            " * GB/s: 10^9 bytes of payload a second, at the median.\n",
            clock_ns);
}
