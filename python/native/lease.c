/* Lease: one plasma_buffer_t, exported by the buffer protocol, read-only. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "native.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

PyTypeObject *lease_type;
static Link ring = {&ring, &ring};
static Lock ring_lock = UNLOCKED;

static Lease *lease_at(Link *link)
{
    return (Lease *)((char *)link - offsetof(Lease, link));
}

PyObject *lease_new(PyTypeObject *type, PyObject *connection, plasma_buffer_t *buffer)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Lease *lease = (Lease *)allocate(type, 0);

    if (lease == NULL) {
        plasma_release(buffer);
        return NULL;
    }
    Py_INCREF(connection);
    lease->connection = connection;
    lease->buffer = *buffer;
    memset(buffer, 0, sizeof *buffer);
    lease->exports = lease->calls = 0;
    lease->given_up = lease->identified = 0;
    lease->forks = plasma_forks;
    lock_init(&lease->lock);
    link_in(&ring, &ring_lock, &lease->link);
    return (PyObject *)lease;
}

static PyObject *lease_create(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    (void)type, (void)args, (void)kwargs;
    PyErr_SetString(PyExc_TypeError, "buffers come from a client's get()");
    return NULL;
}

/* Takes the buffer of a lease that was given up, once nothing uses it; otherwise all zeros. In a forked
 * child a buffer of the parent cannot be released, and stays with the parent. */
static plasma_buffer_t lease_unused(Lease *lease)
{
    plasma_buffer_t buffer = {0};

    if (lease->given_up && lease->exports == 0 && lease->calls <= 0) {
        buffer = lease->buffer;
        memset(&lease->buffer, 0, sizeof lease->buffer);
    }
    return buffer;
}

static void lease_dealloc(Lease *lease)
{
    PyTypeObject *type = Py_TYPE((PyObject *)lease);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);

    link_out(&ring_lock, &lease->link);
    plasma_release(&lease->buffer);
    Py_DECREF(lease->connection);
    release(lease);
    Py_DECREF(type);
}

static int lease_lend(Lease *lease, Py_buffer *view, int flags)
{
    int released, inherited;
    void *data;
    Py_ssize_t size;

    lock(&lease->lock);
    data = (void *)lease->buffer.data;
    size = (Py_ssize_t)lease->buffer.size;
    released = data == NULL || lease->given_up;
    inherited = lease->forks != plasma_forks;
    if (!released && !inherited)
        lease->exports++;
    unlock(&lease->lock);
    if (released)
        PyErr_SetString(PyExc_ValueError, "the buffer was released");
    else if (inherited)
        raise_error("ForkedError", "the object was deleted before this process was forked");
    else if (PyBuffer_FillInfo(view, (PyObject *)lease, data, size, 1, flags) == 0)
        return 0;
    else {
        lock(&lease->lock);
        lease->exports--;
        unlock(&lease->lock);
    }
    return -1;
}

static void lease_take_back(Lease *lease, Py_buffer *view)
{
    plasma_buffer_t unused;

    (void)view;
    lock(&lease->lock);
    lease->exports--;
    unused = lease_unused(lease);
    unlock(&lease->lock);
    plasma_release(&unused);
}

static Py_ssize_t lease_length(Lease *lease)
{
    Py_ssize_t size;

    lock(&lease->lock);
    size = (Py_ssize_t)lease->buffer.size;
    unlock(&lease->lock);
    return size;
}

/* Releases it now or after the last call that uses it; whether that can be. */
static int lease_end(Lease *lease, int with_views)
{
    plasma_buffer_t unused = {0};
    int ends;

    lock(&lease->lock);
    ends = with_views || lease->exports == 0;
    if (ends) {
        lease->given_up = 1;
        unused = lease_unused(lease);
    }
    unlock(&lease->lock);
    plasma_release(&unused);
    return ends;
}

static PyObject *lease_release(Lease *lease, PyObject *unused)
{
    (void)unused;
    if (!lease_end(lease, 0)) {
        PyErr_SetString(PyExc_BufferError, "views of the buffer are alive: delete them first");
        return NULL;
    }
    Py_RETURN_NONE;
}

/* Releases it now, or after its last view. */
static PyObject *lease_give_up(Lease *lease, PyObject *unused)
{
    (void)unused;
    lease_end(lease, 1);
    Py_RETURN_NONE;
}

static void lease_end_call(Lease *lease)
{
    plasma_buffer_t unused;

    lock(&lease->lock);
    lease->calls--;
    unused = lease_unused(lease);
    unlock(&lease->lock);
    plasma_release(&unused);
}

/* _call(function, *args): calls it. The buffer at _address is not released before it returns. */
static PyObject *lease_call(Lease *lease, PyObject *args)
{
    PyObject *function = PyTuple_GetItem(args, 0), *rest, *result;

    rest = function == NULL ? NULL : PyTuple_GetSlice(args, 1, PyTuple_Size(args));
    if (rest == NULL)
        return NULL;
    lock(&lease->lock);
    lease->calls++;
    unlock(&lease->lock);
    result = PyObject_CallObject(function, rest);
    lease_end_call(lease);
    Py_DECREF(rest);
    return result;
}

static PyObject *lease_address(Lease *lease, void *unused)
{
    (void)unused;
    return PyLong_FromVoidPtr(&lease->buffer);
}

static PyObject *lease_connection(Lease *lease, void *unused)
{
    (void)unused;
    Py_INCREF(lease->connection);
    return lease->connection;
}

static PyObject *lease_released(Lease *lease, void *unused)
{
    int released;

    (void)unused;
    lock(&lease->lock);
    released = lease->buffer.data == NULL || lease->given_up;
    unlock(&lease->lock);
    return PyBool_FromLong(released);
}

static PyObject *lease_exports(Lease *lease, void *unused)
{
    Py_ssize_t exports;

    (void)unused;
    lock(&lease->lock);
    exports = lease->exports;
    unlock(&lease->lock);
    return PyLong_FromSsize_t(exports);
}

/* Finds out which object it is, under its lock. */
static int lease_identify(Lease *lease)
{
    plasma_object_info_t info;
    int status;

    if (lease->identified)
        return PLASMA_OK;
    /* The fields up to this one cost little. */
    info.struct_size = offsetof(plasma_object_info_t, lease_count);
    status = plasma_buffer_info(&lease->buffer, &info);
    if (status == PLASMA_OK) {
        lease->id = info.id;
        lease->create_time_us = info.create_time_us;
        lease->named = (info.flags & PLASMA_OBJECT_NAMED) != 0;
        lease->identified = 1;
    }
    return status;
}

static int lease_identify_locked(Lease *lease)
{
    int status;

    lock(&lease->lock);
    status = lease_identify(lease);
    unlock(&lease->lock);
    return status;
}

/* The id of the object as bytes, or a status. */
static PyObject *lease_id(Lease *lease, PyObject *unused)
{
    int status = lease_identify_locked(lease);

    (void)unused;
    if (status != PLASMA_OK)
        return PyLong_FromLong(status);
    return PyBytes_FromStringAndSize((char *)lease->id.bytes, PLASMA_ID_SIZE);
}

/* Whether the object has a name, as 0 or 1, or a status. */
static PyObject *lease_named(Lease *lease, PyObject *unused)
{
    int status = lease_identify_locked(lease);

    (void)unused;
    return PyLong_FromLong(status != PLASMA_OK ? status : lease->named);
}

/* The value of a metadata key, which is valid while the calls or exports of the lease are counted: it
 * counts one call. */
static int lease_metadata(Lease *lease, const char *key, const void **value, uint64_t *size)
{
    int status;

    lock(&lease->lock);
    lease->calls++;
    status = plasma_get_metadata(&lease->buffer, key, value, size);
    unlock(&lease->lock);
    return status;
}

/* _metadata(key): the value of a metadata key as bytes, None without that key, or a status. */
static PyObject *lease_metadata_value(Lease *lease, PyObject *key)
{
    const char *wanted = PyBytes_AsString(key);
    PyObject *result = NULL;
    const void *value;
    uint64_t size;
    int status;

    if (wanted == NULL)
        return NULL;
    status = lease_metadata(lease, wanted, &value, &size);
    if (status == PLASMA_OK)
        result = PyBytes_FromStringAndSize(value, (Py_ssize_t)size);
    lease_end_call(lease);
    if (status == PLASMA_ERR_NOT_FOUND)
        Py_RETURN_NONE;
    return status == PLASMA_OK ? result : PyLong_FromLong(status);
}

static size_t aligned(size_t offset)
{
    return (offset + 63) & ~(size_t)63;
}

/* view[begin:end] */
static PyObject *slice_of(PyObject *view, size_t begin, size_t end)
{
    PyObject *from = PyLong_FromSize_t(begin), *to = PyLong_FromSize_t(end);
    PyObject *slice = from != NULL && to != NULL ? PySlice_New(from, to, NULL) : NULL;
    PyObject *part = slice == NULL ? NULL : PyObject_GetItem(view, slice);

    Py_XDECREF(from);
    Py_XDECREF(to);
    Py_XDECREF(slice);
    return part;
}

/* The views of the parts that follow an index: see docs/format.md. */
static PyObject *parts_of(PyObject *view, const char *data, size_t size)
{
    uint64_t count, length;
    size_t at, i;
    PyObject *list;

    if (size < 16) {
        raise_error("FormatError", "the index of the object is broken: it is too short");
        return NULL;
    }
    memcpy(&count, data, sizeof count);
    if (count > (size - 16) / sizeof count) {
        raise_error("FormatError", "the index of the object is broken: it is longer than the object");
        return NULL;
    }
    list = PyList_New(0);
    at = aligned((size_t)(count + 2) * sizeof count);
    for (i = 0; list != NULL && i <= count; i++) {
        PyObject *part = NULL;

        memcpy(&length, data + (i + 1) * sizeof length, sizeof length);
        if (at > size || length > size - at)
            raise_error("FormatError", "the object is shorter than its index states");
        else
            part = slice_of(view, at, at + (size_t)length);
        if (part == NULL || PyList_Append(list, part) < 0)
            Py_CLEAR(list);
        Py_XDECREF(part);
        at = aligned(at + (size_t)length);
    }
    return list;
}

/* _parts(format): the parts of an object of that format, in a list; or a status and, if it is OK, the
 * format that the object has. */
static PyObject *lease_parts(Lease *lease, PyObject *format)
{
    const void *found;
    uint64_t size;
    char *wanted;
    Py_ssize_t wanted_size;
    PyObject *view, *parts = NULL;
    int status;

    if (PyBytes_AsStringAndSize(format, &wanted, &wanted_size) < 0)
        return NULL;
    status = lease_metadata(lease, "format", &found, &size);
    if (status == PLASMA_ERR_NOT_FOUND)
        parts = Py_BuildValue("iO", PLASMA_OK, Py_None);
    else if (status != PLASMA_OK)
        parts = Py_BuildValue("iO", status, Py_None);
    else if (size != (uint64_t)wanted_size || memcmp(found, wanted, (size_t)size) != 0)
        parts = Py_BuildValue("iy#", PLASMA_OK, (const char *)found, (Py_ssize_t)size);
    else if ((view = PyMemoryView_FromObject((PyObject *)lease)) != NULL) {
        /* The view keeps the buffer. */
        parts = parts_of(view, (const char *)lease->buffer.data, (size_t)lease->buffer.size);
        Py_DECREF(view);
    }
    lease_end_call(lease);
    return parts;
}

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
    lock(&ring_lock);
    for (link = ring.next; link != &ring; link = link->next)
        room++;
    kept = room == 0 ? NULL : malloc(sizeof *kept + room * sizeof kept->buffers[0]);
    if (kept != NULL) {
        kept->forks = plasma_forks;
        kept->count = 0;
        for (link = ring.next; link != &ring; link = link->next)
            lease_keep(lease_at(link), kept);
    }
    unlock(&ring_lock);
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
    for (link = ring.next; set != NULL && link != &ring; link = link->next) {
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
    for (link = ring.next; link != &ring; link = link->next) {
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

    for (link = ring.next; link != &ring; link = link->next)
        if (lease_is_parents(lease_at(link)))
            lease_at(link)->forks = plasma_forks;
}

void leases_end(void)
{
    Link *link;

    lock(&ring_lock);
    for (link = ring.next; link != &ring; link = link->next) {
        Lease *lease = lease_at(link);

        lock(&lease->lock);
        if (lease->forks == plasma_forks)
            plasma_release(&lease->buffer);
        unlock(&lease->lock);
    }
    unlock(&ring_lock);
}

static PyMethodDef lease_methods[] = {
    {"release", (PyCFunction)lease_release, METH_NOARGS, NULL},
    {"_give_up", (PyCFunction)lease_give_up, METH_NOARGS, NULL},
    {"_call", (PyCFunction)lease_call, METH_VARARGS, NULL},
    {"_metadata", (PyCFunction)lease_metadata_value, METH_O, NULL},
    {"_id", (PyCFunction)lease_id, METH_NOARGS, NULL},
    {"_named", (PyCFunction)lease_named, METH_NOARGS, NULL},
    {"_parts", (PyCFunction)lease_parts, METH_O, NULL},
    {0},
};
static PyGetSetDef lease_properties[] = {
    {"_address", (getter)lease_address, NULL, NULL, NULL},
    {"_connection", (getter)lease_connection, NULL, NULL, NULL},
    {"released", (getter)lease_released, NULL, NULL, NULL},
    {"_exports", (getter)lease_exports, NULL, NULL, NULL},
    {0},
};
static PyType_Slot lease_slots[] = {
    {Py_tp_new, lease_create},
    {Py_tp_dealloc, lease_dealloc},
    {Py_tp_methods, lease_methods},
    {Py_tp_getset, lease_properties},
    {Py_bf_getbuffer, lease_lend},
    {Py_bf_releasebuffer, lease_take_back},
    {Py_sq_length, lease_length},
    {0},
};
static PyType_Spec lease_spec = {
    "plasma._native.Lease", sizeof(Lease), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, lease_slots,
};
static PyMethodDef functions[] = {
    {"keep_leases", keep_leases, METH_NOARGS, NULL},
    {"inherited_connections", inherited_connections, METH_NOARGS, NULL},
    {"renew_leases", renew_leases, METH_NOARGS, NULL},
    {0},
};

int add_lease(PyObject *module)
{
    lease_type = (PyTypeObject *)PyType_FromSpec(&lease_spec);
    if (lease_type == NULL || PyModule_AddFunctions(module, functions) < 0)
        return -1;
    Py_INCREF((PyObject *)lease_type); /* for lease_type itself */
    return PyModule_AddObject(module, "Lease", (PyObject *)lease_type);
}
