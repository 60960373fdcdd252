/* Writer: one plasma_mutable_buffer_t, exported by the buffer protocol. */
#include "native.h"
#include <stddef.h>
#include <string.h>

typedef struct {
    PyObject_HEAD
    Link link; /* in the ring of all writers of this process */
    Lock lock; /* guards the rest; while it is busy, the buffer belongs to the call */
    plasma_mutable_buffer_t buffer;
    plasma_buffer_t sealed; /* held after the seal as long as there are views */
    Py_ssize_t exports;
    unsigned forks;
    char busy;     /* a call works on it */
    char given_up; /* to be aborted when its last view is gone */
} Writer;

static Link ring = {&ring, &ring};
static Lock ring_lock = UNLOCKED;

/* When nothing else can use the buffer. */
static int writer_abort_now(Writer *writer)
{
    int status;

    Py_BEGIN_ALLOW_THREADS
    status = plasma_abort(&writer->buffer);
    Py_END_ALLOW_THREADS
    return status;
}

PyObject *writer_new(PyTypeObject *type)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Writer *writer = (Writer *)allocate(type, 0);

    if (writer == NULL)
        return NULL;
    writer->forks = plasma_forks;
    lock_init(&writer->lock);
    link_in(&ring, &ring_lock, &writer->link);
    return (PyObject *)writer;
}

static PyObject *writer_create(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    (void)args, (void)kwargs;
    return writer_new(type);
}

plasma_mutable_buffer_t *writer_buffer(PyObject *writer)
{
    return &((Writer *)writer)->buffer;
}

static void writer_dealloc(Writer *writer)
{
    PyTypeObject *type = Py_TYPE((PyObject *)writer);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);

    link_out(&ring_lock, &writer->link);
    if (writer->buffer.data != NULL && writer->forks == plasma_forks)
        writer_abort_now(writer);
    plasma_release(&writer->sealed);
    release(writer);
    Py_DECREF(type);
}

void writers_end(void)
{
    Link *link;

    lock(&ring_lock);
    for (link = ring.next; link != &ring; link = link->next) {
        Writer *writer = (Writer *)((char *)link - offsetof(Writer, link));

        if (writer->forks != plasma_forks || writer->busy)
            continue;
        if (writer->buffer.data != NULL)
            plasma_abort(&writer->buffer);
        plasma_release(&writer->sealed);
    }
    unlock(&ring_lock);
}

/* Why a writer cannot be used. */
typedef enum { READY, BUSY, INHERITED, SEALED } State;

/* Under its lock. */
static State writer_state(const Writer *writer)
{
    if (writer->forks != plasma_forks)
        return INHERITED;
    if (writer->busy)
        return BUSY;
    return writer->buffer.data == NULL || writer->given_up ? SEALED : READY;
}

/* Sets the exception of a state; true where the state has none. */
static int is_ready(State state)
{
    if (state == BUSY)
        PyErr_SetString(PyExc_RuntimeError, "another thread is in a call with this buffer");
    else if (state == INHERITED)
        raise_error("ForkedError", "the buffer belongs to the parent process");
    else if (state == SEALED)
        raise_error("SealedError", "the buffer was sealed or aborted");
    return state == READY;
}

/* Reserves a writer for one call; otherwise sets an exception. */
static int writer_begin_call(Writer *writer)
{
    State state;

    lock(&writer->lock);
    state = writer_state(writer);
    if (state == READY)
        writer->busy = 1;
    unlock(&writer->lock);
    return is_ready(state);
}

/* Takes the lease on the sealed object, once it has no views; otherwise all zeros. */
static plasma_buffer_t writer_unused(Writer *writer)
{
    plasma_buffer_t unused = {0};

    if (writer->exports == 0 && !writer->busy) {
        unused = writer->sealed;
        memset(&writer->sealed, 0, sizeof writer->sealed);
    }
    return unused;
}

static void writer_end_call(Writer *writer)
{
    plasma_buffer_t unused;

    lock(&writer->lock);
    writer->busy = 0;
    unused = writer_unused(writer);
    unlock(&writer->lock);
    plasma_release(&unused);
}

static int writer_lend(Writer *writer, Py_buffer *view, int flags)
{
    void *data = NULL;
    Py_ssize_t size = 0;
    State state;

    lock(&writer->lock);
    state = writer_state(writer);
    if (state == READY) {
        data = writer->buffer.data;
        size = (Py_ssize_t)writer->buffer.size;
        writer->exports++;
    }
    unlock(&writer->lock);
    if (!is_ready(state))
        return -1;
    if (PyBuffer_FillInfo(view, (PyObject *)writer, data, size, 0, flags) == 0)
        return 0;
    lock(&writer->lock);
    writer->exports--;
    unlock(&writer->lock);
    return -1;
}

static void writer_take_back(Writer *writer, Py_buffer *view)
{
    plasma_buffer_t unused = {0};
    int aborts = 0;

    (void)view;
    lock(&writer->lock);
    writer->exports--;
    if (writer->forks == plasma_forks) {
        unused = writer_unused(writer);
        aborts = writer->exports == 0 && writer->given_up && writer->buffer.data != NULL;
    }
    unlock(&writer->lock);
    plasma_release(&unused);
    if (aborts)
        writer_abort_now(writer);
}

static Py_ssize_t writer_length(Writer *writer)
{
    return (Py_ssize_t)writer->buffer.size;
}

/* A view that is still alive could write into the memory of a later object, so a lease keeps it. */
static PyObject *writer_seal(Writer *writer, PyObject *unused)
{
    int status;

    (void)unused;
    if (!writer_begin_call(writer))
        return NULL;
    /* During the call others may take views back, and lend none. */
    Py_BEGIN_ALLOW_THREADS
    status = load(&writer->exports) > 0 ? plasma_seal_and_get(&writer->buffer, &writer->sealed)
                                       : plasma_seal(&writer->buffer);
    Py_END_ALLOW_THREADS
    writer_end_call(writer);
    return PyLong_FromLong(status);
}

static PyObject *writer_abort(Writer *writer, PyObject *unused)
{
    int status = PLASMA_OK, aborts = 0;
    State state;

    (void)unused;
    lock(&writer->lock);
    state = writer_state(writer);
    if (state == READY) {
        writer->given_up = 1;
        aborts = writer->exports == 0;
    }
    unlock(&writer->lock);
    if (!is_ready(state))
        return NULL;
    if (aborts)
        status = writer_abort_now(writer);
    return PyLong_FromLong(status);
}

/* Raises an exception if it cannot be used. */
static PyObject *writer_check(Writer *writer, PyObject *unused)
{
    State state;

    (void)unused;
    lock(&writer->lock);
    state = writer_state(writer);
    unlock(&writer->lock);
    if (!is_ready(state))
        return NULL;
    Py_RETURN_NONE;
}

/* _call(function, *args): calls it while no other thread uses or views the writer. */
static PyObject *writer_call(Writer *writer, PyObject *args)
{
    PyObject *function = PyTuple_GetItem(args, 0), *rest, *result;

    rest = function == NULL ? NULL : PyTuple_GetSlice(args, 1, PyTuple_Size(args));
    if (rest == NULL)
        return NULL;
    if (!writer_begin_call(writer)) {
        Py_DECREF(rest);
        return NULL;
    }
    result = PyObject_CallObject(function, rest);
    writer_end_call(writer);
    Py_DECREF(rest);
    return result;
}

static PyObject *writer_address(Writer *writer, void *unused)
{
    (void)unused;
    return PyLong_FromVoidPtr(&writer->buffer);
}

static PyObject *writer_exports(Writer *writer, void *unused)
{
    (void)unused;
    return PyLong_FromSsize_t(load(&writer->exports));
}

static PyObject *writer_open(Writer *writer, void *unused)
{
    int open;

    (void)unused;
    lock(&writer->lock);
    open = writer->busy || (writer->buffer.data != NULL && !writer->given_up);
    unlock(&writer->lock);
    return PyBool_FromLong(open);
}

static PyMethodDef writer_methods[] = {
    {"_check", (PyCFunction)writer_check, METH_NOARGS, NULL},
    {"_seal", (PyCFunction)writer_seal, METH_NOARGS, NULL},
    {"_abort", (PyCFunction)writer_abort, METH_NOARGS, NULL},
    {"_call", (PyCFunction)writer_call, METH_VARARGS, NULL},
    {0},
};
static PyGetSetDef writer_properties[] = {
    {"_address", (getter)writer_address, NULL, NULL, NULL},
    {"_exports", (getter)writer_exports, NULL, NULL, NULL},
    {"_open", (getter)writer_open, NULL, NULL, NULL},
    {0},
};
static PyType_Slot writer_slots[] = {
    {Py_tp_new, writer_create},
    {Py_tp_dealloc, writer_dealloc},
    {Py_tp_methods, writer_methods},
    {Py_tp_getset, writer_properties},
    {Py_bf_getbuffer, writer_lend},
    {Py_bf_releasebuffer, writer_take_back},
    {Py_sq_length, writer_length},
    {0},
};
static PyType_Spec writer_spec = {
    "plasma._native.Writer", sizeof(Writer), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, writer_slots,
};

int add_writer(PyObject *module)
{
    PyObject *type = PyType_FromSpec(&writer_spec);

    return type == NULL ? -1 : PyModule_AddObject(module, "Writer", type);
}
