/* The processes of the demo, for the driver: see processes.h. */
#include "processes.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

child_t children[CHILDREN];

static char directory[4000];
static int pipe_ends[2];
static pid_t self;
static void (*last_act)(void);
static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    stopped = number;
}

static void end(void)
{
    size_t i;

    if (getpid() != self)
        return;
    for (i = 0; i < CHILDREN; i++) {
        if (children[i].alive) {
            kill(children[i].pid, SIGKILL);
            waitpid(children[i].pid, NULL, 0);
        }
        children[i].alive = 0;
    }
    last_act();
}

int processes_begin(void (*clean_up)(void))
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    const ssize_t n =
        readlink("/proc/self/exe", directory, sizeof directory - 1);
    struct sigaction action;
    size_t i;

    if (n <= 0 || strrchr(directory, '/') == NULL)
        die("/proc/self/exe: %s", strerror(errno));
    *strrchr(directory, '/') = 0; /* the programs are beside this one */
    if (pipe(pipe_ends) != 0)
        die("pipe: %s", strerror(errno));

    self = getpid();
    last_act = clean_up;
    atexit(end);
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    for (i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* closed stdout: go on, clean up, then fail */
    return pipe_ends[0];
}

void process_start(int child, const char *program, const char *name,
                   const char *store, const char *argument, const char *other)
{
    char path[sizeof directory + 32];
    pid_t pid;

    snprintf(path, sizeof path, "%s/%s", directory, program);
    fflush(stdout);
    pid = fork();
    if (pid < 0)
        die("fork: %s", strerror(errno));
    if (pid == 0) {
        /* The child dies with the driver, however the driver dies. */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != self || dup2(pipe_ends[1], NOTES) < 0)
            _exit(127);
        execl(path, program, store, argument, other, (char *)NULL);
        _exit(127);
    }
    children[child].pid = pid;
    children[child].name = name;
    children[child].alive = 1;
}

void process_kill(int child)
{
    int status;

    children[child].alive = 0;
    if (kill(children[child].pid, SIGKILL) != 0 ||
        waitpid(children[child].pid, &status, 0) < 0 ||
        !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        die("%s did not die of SIGKILL", children[child].name);
}

static void check_stopped(void)
{
    const int number = stopped;

    if (number == 0)
        return;
    progress_end();
    fprintf(stderr, "demo: stopped by signal %d\n", number);
    end();
    signal(number, SIG_DFL);
    raise(number);
}

void processes_check(void)
{
    int i, status;

    check_stopped();
    for (i = 0; i < CHILDREN; i++) {
        if (!children[i].alive ||
            waitpid(children[i].pid, &status, WNOHANG) != children[i].pid)
            continue;
        children[i].alive = 0;
        check_stopped(); /* a ^C may have ended the child first */
        if (WIFSIGNALED(status))
            die("%s died of signal %d", children[i].name, WTERMSIG(status));
        if (status != 0)
            die("%s failed", children[i].name);
    }
}

int processes_alive(void)
{
    int i, alive = 0;

    for (i = 0; i < CHILDREN; i++)
        alive += children[i].alive;
    return alive;
}

static char state_of(pid_t pid)
{
    char path[64], line[256], *name_end;
    FILE *file;
    size_t n;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    file = fopen(path, "r");
    if (file == NULL)
        return '?';
    n = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[n] = 0;
    name_end = strrchr(line, ')');
    return name_end != NULL && name_end[1] == ' ' ? name_end[2] : '?';
}

void process_must_sleep(int child)
{
    int rounds, asleep = 0;

    for (rounds = 0; rounds < 10000 && asleep < 3; rounds++) {
        asleep = state_of(children[child].pid) == 'S' ? asleep + 1 : 0;
        poll(NULL, 0, 1);
        processes_check();
    }
    if (asleep < 3)
        die("%s does not wait", children[child].name);
}

int worker_of(int32_t pid)
{
    int i;

    for (i = 0; i < WORKERS; i++)
        if (children[i].pid == pid)
            return i;
    return -1;
}
