/* Leases in a fork: the parent keeps them until the child has its own, or a copy. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "lease.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Leases of the parent that a fork keeps, whatever its threads release in the meantime. */
typedef struct {
    unsigned forks;
    size_t count;
    plasma_buffer_t buffers[];
} Kept;

static void kept_release(PyObject *capsule)
{
    Kept *kept = PyCapsule_GetPointer(capsule, NULL);

    if (kept->forks == plasma_forks)
        plasma_release_many(kept->buffers, kept->count);
    free(kept);
}

static void lease_keep(Lease *lease, Kept *kept)
{
    lock(&lease->lock);
    if (lease->buffer.data != NULL && lease->forks == plasma_forks) {
        lease_identify(lease);
        if (plasma_retain(&lease->buffer, &kept->buffers[kept->count]) == PLASMA_OK)
            kept->count++;
    }
    unlock(&lease->lock);
}

/* In a process that is about to fork: retains all leases. Returns a capsule that releases them when it
 * is collected, or None without leases. */
static PyObject *keep_leases(PyObject *module, PyObject *unused)
{
    size_t room = 0;
    PyObject *capsule;
    Kept *kept;
    Link *link;

    (void)module, (void)unused;
    lock(&leases_lock);
    for (link = leases.next; link != &leases; link = link->next)
        room++;
    kept = room == 0 ? NULL : malloc(sizeof *kept + room * sizeof kept->buffers[0]);
    if (kept != NULL) {
        kept->forks = plasma_forks;
        kept->count = 0;
        for (link = leases.next; link != &leases; link = link->next)
            lease_keep(lease_at(link), kept);
    }
    unlock(&leases_lock);
    if (room == 0)
        Py_RETURN_NONE;
    if (kept == NULL)
        return PyErr_NoMemory();
    capsule = PyCapsule_New(kept, NULL, kept_release);
    if (capsule == NULL)
        free(kept);
    return capsule;
}

/* In a forked child: replaces the lease of the parent by one of the child. Views keep the mapping of
 * the parent, which stays: the buffer of the parent is dropped here without a release. */
static int lease_renew(Lease *lease)
{
    plasma_client_t *client = connection_client(lease->connection);
    Lease own = {0};

    if (client == NULL || !lease->identified ||
        plasma_get(client, &lease->id, 0, &own.buffer) != PLASMA_OK)
        return 0;
    /* Another object may have the id now. */
    if (lease_identify(&own) != PLASMA_OK || own.create_time_us != lease->create_time_us) {
        plasma_release(&own.buffer);
        return 0;
    }
    lease->buffer = own.buffer;
    lease->forks = plasma_forks;
    return 1;
}

int copy_pages(char *from, size_t size, int protection)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *copy;

    if (size == 0)
        return 0;
    size = (size + page - 1) & ~(page - 1);
    copy = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copy == MAP_FAILED)
        return -1;
    memcpy(copy, from, size);
    if (mprotect(copy, size, protection) != 0 ||
        mremap(copy, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, from) == MAP_FAILED)
        return -1;
    return 0;
}

/* In a forked child that can have no lease, replaces the pages of its views by a copy, while the
 * waiting parent holds the object. */
static int lease_copy_pages(Lease *lease)
{
    size_t in_page = (size_t)lease->buffer.data & ((size_t)sysconf(_SC_PAGESIZE) - 1);
    char *from = (char *)lease->buffer.data - in_page;

    if (copy_pages(from, (size_t)lease->buffer.size + in_page, PROT_READ) < 0 ||
        privates_copy_pages(lease) < 0)
        return -1;
    lease->forks = plasma_forks;
    return 0;
}

/* Whether the lease was one of the parent of this process. */
static int lease_is_parents(const Lease *lease)
{
    return lease->buffer.data != NULL && lease->forks + 1 == plasma_forks;
}

/* The connections of the leases that a forked child has from its parent, in a set. */
static PyObject *inherited_connections(PyObject *module, PyObject *unused)
{
    PyObject *set = PySet_New(NULL), *last = NULL;
    Link *link;

    (void)module, (void)unused;
    for (link = leases.next; set != NULL && link != &leases; link = link->next) {
        Lease *lease = lease_at(link);

        if (!lease_is_parents(lease) || lease->connection == last)
            continue;
        last = lease->connection;
        if (PySet_Add(set, last) < 0)
            Py_CLEAR(set);
    }
    return set;
}

/* In a forked child: takes leases on what its parent holds. */
static PyObject *renew_leases(PyObject *module, PyObject *unused)
{
    Link *link;

    (void)module, (void)unused;
    for (link = leases.next; link != &leases; link = link->next) {
        Lease *lease = lease_at(link);

        lease->calls = 0; /* of threads of the parent */
        if (lease_is_parents(lease) && !lease_renew(lease) && lease->exports > 0 &&
            lease_copy_pages(lease) < 0)
            return PyErr_SetFromErrno(PyExc_OSError);
    }
    Py_RETURN_NONE;
}

void leases_borrow(void)
{
    Link *link;

    for (link = leases.next; link != &leases; link = link->next)
        if (lease_is_parents(lease_at(link)))
            lease_at(link)->forks = plasma_forks;
}

static PyMethodDef functions[] = {
    {"keep_leases", keep_leases, METH_NOARGS, NULL},
    {"inherited_connections", inherited_connections, METH_NOARGS, NULL},
    {"renew_leases", renew_leases, METH_NOARGS, NULL},
    {0},
};

int add_forks(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
