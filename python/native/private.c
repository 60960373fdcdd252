/* Private: a second mapping of a view of a Lease. It is writable: a page that is written to becomes a page
 * of this process, and the object stays as it is. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "native.h"
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct {
    PyObject_HEAD
    Py_buffer view; /* what it maps; keeps the lease */
    Lease *lease;
    char *map;
    size_t map_size;
    size_t begin; /* of the data, in the map */
    Link link; /* in the ring of all of this process */
} Private;

static Link ring = {&ring, &ring};
static Lock ring_lock = UNLOCKED;

static void private_dealloc(Private *self)
{
    PyTypeObject *type = Py_TYPE((PyObject *)self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);

    if (self->link.next != NULL)
        link_out(&ring_lock, &self->link);
    if (self->map != NULL)
        munmap(self->map, self->map_size);
    if (self->view.obj != NULL)
        PyBuffer_Release(&self->view);
    release(self);
    Py_DECREF(type);
}

/* Whether the view is of memory of the lease. */
static int is_of(const Py_buffer *view, Lease *lease)
{
    const char *data, *begin = view->buf;
    size_t size;

    lock(&lease->lock);
    data = (const char *)lease->buffer.data;
    size = (size_t)lease->buffer.size;
    unlock(&lease->lock);
    return data != NULL && begin >= data && (size_t)(begin - data) <= size &&
           (size_t)view->len <= size - (size_t)(begin - data);
}

/* Private(lease, view, descriptor, offset): the view begins at that offset of the file. */
static PyObject *private_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    PyObject *lease, *view;
    Private *self;
    int descriptor;
    long long offset;
    void *map;

    (void)kwargs;
    if (!PyArg_ParseTuple(args, "O!OiL", lease_type, &lease, &view, &descriptor, &offset))
        return NULL;
    self = (Private *)allocate(type, 0);
    if (self == NULL || PyObject_GetBuffer(view, &self->view, PyBUF_SIMPLE) < 0) {
        Py_XDECREF((PyObject *)self);
        return NULL;
    }
    self->lease = (Lease *)lease;
    self->begin = (size_t)offset & ((size_t)sysconf(_SC_PAGESIZE) - 1);
    self->map_size = self->begin + (size_t)self->view.len;
    if (!is_of(&self->view, self->lease) || self->view.len == 0) {
        PyErr_SetString(PyExc_ValueError, "the view is not of the lease, or empty");
        Py_DECREF(self);
        return NULL;
    }
    /* Without MAP_NORESERVE the system would set memory aside for pages that are never written to. */
    map = mmap(NULL, self->map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, descriptor,
               (off_t)(offset - (long long)self->begin));
    if (map == MAP_FAILED) {
        PyErr_SetFromErrno(PyExc_OSError);
        Py_DECREF(self);
        return NULL;
    }
    self->map = map;
    link_in(&ring, &ring_lock, &self->link);
    return (PyObject *)self;
}

static int private_lend(Private *self, Py_buffer *view, int flags)
{
    return PyBuffer_FillInfo(view, (PyObject *)self, self->map + self->begin, self->view.len, 0, flags);
}

static Py_ssize_t private_length(Private *self)
{
    return self->view.len;
}

int privates_copy_pages(const Lease *lease)
{
    Link *link;

    for (link = ring.next; link != &ring; link = link->next) {
        Private *each = (Private *)((char *)link - offsetof(Private, link));

        if (each->lease == lease && copy_pages(each->map, each->map_size, PROT_READ | PROT_WRITE) < 0)
            return -1;
    }
    return 0;
}

static PyType_Slot private_slots[] = {
    {Py_tp_new, private_new},
    {Py_tp_dealloc, private_dealloc},
    {Py_bf_getbuffer, private_lend},
    {Py_sq_length, private_length},
    {0},
};
static PyType_Spec private_spec = {
    "plasma._native.Private", sizeof(Private), 0, Py_TPFLAGS_DEFAULT, private_slots,
};

int add_private(PyObject *module)
{
    PyObject *type = PyType_FromSpec(&private_spec);

    return type == NULL ? -1 : PyModule_AddObject(module, "Private", type);
}
