/* Lease: one plasma_buffer_t, exported by the buffer protocol, read-only. */
#define _GNU_SOURCE
#include "native.h"
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

PyTypeObject *lease_type;
static Lease ring = {.next = &ring, .previous = &ring};

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
    lease->exports = 0;
    lease->given_up = 0;
    lease->forks = plasma_forks;
    lease->next = ring.next;
    lease->previous = &ring;
    ring.next = ring.next->previous = lease;
    return (PyObject *)lease;
}

static PyObject *lease_create(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    (void)type, (void)args, (void)kwargs;
    PyErr_SetString(PyExc_TypeError, "buffers come from a client's get()");
    return NULL;
}

static void lease_end(Lease *lease)
{
    /* In a forked child a lease of the parent cannot be used, and stays with the parent. */
    plasma_release(&lease->buffer);
    memset(&lease->buffer, 0, sizeof lease->buffer);
}

static void lease_dealloc(Lease *lease)
{
    PyTypeObject *type = Py_TYPE((PyObject *)lease);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);

    lease->next->previous = lease->previous;
    lease->previous->next = lease->next;
    lease_end(lease);
    Py_DECREF(lease->connection);
    release(lease);
    Py_DECREF(type);
}

static int lease_lend(Lease *lease, Py_buffer *view, int flags)
{
    if (lease->buffer.data == NULL || lease->given_up) {
        PyErr_SetString(PyExc_ValueError, "the buffer was released");
        return -1;
    }
    if (lease->forks != plasma_forks) {
        raise_error("ForkedError", "the object was deleted before this process was forked");
        return -1;
    }
    if (PyBuffer_FillInfo(view, (PyObject *)lease, (void *)lease->buffer.data,
                          (Py_ssize_t)lease->buffer.size, 1, flags) < 0)
        return -1;
    lease->exports++;
    return 0;
}

static void lease_take_back(Lease *lease, Py_buffer *view)
{
    (void)view;
    if (--lease->exports == 0 && lease->given_up)
        lease_end(lease);
}

static Py_ssize_t lease_length(Lease *lease)
{
    return (Py_ssize_t)lease->buffer.size;
}

static PyObject *lease_release(Lease *lease, PyObject *unused)
{
    (void)unused;
    if (lease->exports > 0) {
        PyErr_SetString(PyExc_BufferError, "views of the buffer are alive: delete them first");
        return NULL;
    }
    lease_end(lease);
    Py_RETURN_NONE;
}

/* Releases it now, or after its last view. */
static PyObject *lease_give_up(Lease *lease, PyObject *unused)
{
    (void)unused;
    lease->given_up = 1;
    if (lease->exports == 0)
        lease_end(lease);
    Py_RETURN_NONE;
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

static PyObject *lease_exports(Lease *lease, void *unused)
{
    (void)unused;
    return PyLong_FromSsize_t(lease->exports);
}

/* In a forked child, replaces the lease of the parent by its own. Views keep the mapping of the
 * parent, which stays: the buffer of the parent is dropped here without a release. */
static PyObject *lease_renew(Lease *lease, PyObject *other)
{
    if (!PyObject_TypeCheck(other, lease_type)) {
        PyErr_SetString(PyExc_TypeError, "the argument must be a Lease");
        return NULL;
    }
    lease->buffer = ((Lease *)other)->buffer;
    lease->forks = plasma_forks;
    memset(&((Lease *)other)->buffer, 0, sizeof lease->buffer);
    Py_RETURN_NONE;
}

/* In a forked child that can have no lease, replaces the pages of its views by a copy, while the
 * waiting parent holds the object. */
static PyObject *lease_copy_pages(Lease *lease, PyObject *unused)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t from = (size_t)lease->buffer.data & ~(page - 1);
    size_t size = ((size_t)lease->buffer.data + lease->buffer.size - from + page - 1) & ~(page - 1);
    void *copy;

    (void)unused;
    copy = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copy == MAP_FAILED)
        return PyErr_NoMemory();
    memcpy(copy, (void *)from, size);
    if (mprotect(copy, size, PROT_READ) != 0 ||
        mremap(copy, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, from) == MAP_FAILED)
        return PyErr_SetFromErrno(PyExc_OSError);
    lease->forks = plasma_forks;
    Py_RETURN_NONE;
}

/* The leases of this process. */
static PyObject *leases(PyObject *module, PyObject *unused)
{
    PyObject *list = PyList_New(0);
    Lease *lease;

    (void)module, (void)unused;
    for (lease = ring.next; list != NULL && lease != &ring; lease = lease->next)
        if (lease->buffer.data != NULL && Py_REFCNT((PyObject *)lease) > 0 &&
            PyList_Append(list, (PyObject *)lease) < 0)
            Py_CLEAR(list);
    return list;
}

static PyMethodDef lease_methods[] = {
    {"release", (PyCFunction)lease_release, METH_NOARGS, NULL},
    {"_give_up", (PyCFunction)lease_give_up, METH_NOARGS, NULL},
    {"_renew", (PyCFunction)lease_renew, METH_O, NULL},
    {"_copy_pages", (PyCFunction)lease_copy_pages, METH_NOARGS, NULL},
    {0},
};
static PyGetSetDef lease_properties[] = {
    {"_address", (getter)lease_address, NULL, NULL, NULL},
    {"_connection", (getter)lease_connection, NULL, NULL, NULL},
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
static PyMethodDef functions[] = {{"leases", leases, METH_NOARGS, NULL}, {0}};

int add_lease(PyObject *module)
{
    lease_type = (PyTypeObject *)PyType_FromSpec(&lease_spec);
    if (lease_type == NULL || PyModule_AddFunctions(module, functions) < 0)
        return -1;
    Py_INCREF((PyObject *)lease_type); /* for lease_type itself */
    return PyModule_AddObject(module, "Lease", (PyObject *)lease_type);
}
