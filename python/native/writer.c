/* Writer: one plasma_mutable_buffer_t, exported by the buffer protocol. */
#include "native.h"
#include <string.h>

typedef struct Writer {
    PyObject_HEAD
    plasma_mutable_buffer_t buffer;
    plasma_buffer_t sealed; /* held after the seal as long as there are views */
    struct Writer *next, *previous; /* in the ring of all writers of this process */
    Py_ssize_t exports;
    unsigned forks;
    char busy;     /* a call works on it */
    char given_up; /* to be aborted when its last view is gone */
} Writer;

static Writer ring = {.next = &ring, .previous = &ring};

static int writer_abort_now(Writer *writer)
{
    int status;

    Py_BEGIN_ALLOW_THREADS
    status = plasma_abort(&writer->buffer);
    Py_END_ALLOW_THREADS
    return status;
}

PyTypeObject *writer_type;

PyObject *writer_new(PyTypeObject *type)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Writer *writer = (Writer *)allocate(type, 0);

    if (writer == NULL)
        return NULL;
    writer->forks = plasma_forks;
    writer->next = ring.next;
    writer->previous = &ring;
    ring.next = ring.next->previous = writer;
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

    writer->next->previous = writer->previous;
    writer->previous->next = writer->next;
    if (writer->buffer.data != NULL && writer->forks == plasma_forks)
        writer_abort_now(writer);
    plasma_release(&writer->sealed);
    release(writer);
    Py_DECREF(type);
}

void writers_end(void)
{
    Writer *writer;

    for (writer = ring.next; writer != &ring; writer = writer->next) {
        if (writer->forks != plasma_forks)
            continue;
        if (writer->buffer.data != NULL && !writer->busy)
            plasma_abort(&writer->buffer);
        plasma_release(&writer->sealed);
    }
}

/* Whether the writer can be used; otherwise sets an exception. */
static int writer_ready(Writer *writer)
{
    if (writer->busy)
        PyErr_SetString(PyExc_RuntimeError, "another thread is in a call with this buffer");
    else if (writer->forks != plasma_forks)
        raise_error("ForkedError", "the buffer belongs to the parent process");
    else if (writer->buffer.data == NULL || writer->given_up)
        raise_error("SealedError", "the buffer was sealed or aborted");
    else
        return 1;
    return 0;
}

static int writer_lend(Writer *writer, Py_buffer *view, int flags)
{
    if (!writer_ready(writer) ||
        PyBuffer_FillInfo(view, (PyObject *)writer, writer->buffer.data,
                          (Py_ssize_t)writer->buffer.size, 0, flags) < 0)
        return -1;
    writer->exports++;
    return 0;
}

static void writer_take_back(Writer *writer, Py_buffer *view)
{
    (void)view;
    if (--writer->exports > 0 || writer->forks != plasma_forks)
        return;
    plasma_release(&writer->sealed);
    if (writer->given_up && writer->buffer.data != NULL)
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
    if (!writer_ready(writer))
        return NULL;
    writer->busy = 1;
    Py_BEGIN_ALLOW_THREADS
    status = writer->exports > 0 ? plasma_seal_and_get(&writer->buffer, &writer->sealed)
                                : plasma_seal(&writer->buffer);
    Py_END_ALLOW_THREADS
    writer->busy = 0;
    if (writer->exports == 0)
        plasma_release(&writer->sealed);
    return PyLong_FromLong(status);
}

static PyObject *writer_abort(Writer *writer, PyObject *unused)
{
    int status = PLASMA_OK;

    (void)unused;
    if (!writer_ready(writer))
        return NULL;
    writer->given_up = 1;
    if (writer->exports == 0)
        status = writer_abort_now(writer);
    return PyLong_FromLong(status);
}

/* Raises an exception if it cannot be used. */
static PyObject *writer_check(Writer *writer, PyObject *unused)
{
    (void)unused;
    if (!writer_ready(writer))
        return NULL;
    Py_RETURN_NONE;
}

/* _call(function, *args): calls it while no other thread uses or views the writer. */
static PyObject *writer_call(Writer *writer, PyObject *args)
{
    PyObject *function, *rest, *result;

    if (!writer_ready(writer))
        return NULL;
    function = PyTuple_GetItem(args, 0);
    rest = PyTuple_GetSlice(args, 1, PyTuple_Size(args));
    if (function == NULL || rest == NULL) {
        Py_XDECREF(rest);
        return NULL;
    }
    writer->busy = 1;
    result = PyObject_CallObject(function, rest);
    writer->busy = 0;
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
    return PyLong_FromSsize_t(writer->exports);
}

static PyObject *writer_open(Writer *writer, void *unused)
{
    (void)unused;
    return PyBool_FromLong(writer->buffer.data != NULL && !writer->given_up);
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
    writer_type = (PyTypeObject *)PyType_FromSpec(&writer_spec);
    if (writer_type == NULL)
        return -1;
    Py_INCREF((PyObject *)writer_type); /* for writer_type itself */
    return PyModule_AddObject(module, "Writer", (PyObject *)writer_type);
}
