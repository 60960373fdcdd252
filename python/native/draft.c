/* Draft: one plasma_mutable_buffer_t, lent out through the buffer protocol. */
#include "native.h"
#include <string.h>

typedef struct {
    PyObject_HEAD
    plasma_mutable_buffer_t buffer;
    plasma_buffer_t sealed; /* held after the seal as long as there are views */
    Py_ssize_t exports;
    unsigned forks;
    char busy;     /* a call works on it */
    char given_up; /* to be aborted when its last view is gone */
} Draft;

static int draft_abort_now(Draft *draft)
{
    int status;

    Py_BEGIN_ALLOW_THREADS
    status = plasma_abort(&draft->buffer);
    Py_END_ALLOW_THREADS
    return status;
}

static PyObject *draft_create(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Draft *draft = (Draft *)allocate(type, 0);

    (void)args, (void)kwargs;
    if (draft != NULL)
        draft->forks = plasma_forks;
    return (PyObject *)draft;
}

static void draft_dealloc(Draft *draft)
{
    PyTypeObject *type = Py_TYPE((PyObject *)draft);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);

    if (draft->buffer.data != NULL && draft->forks == plasma_forks)
        draft_abort_now(draft);
    plasma_release(&draft->sealed);
    release(draft);
    Py_DECREF(type);
}

/* Whether the draft can be used now; else an exception is set. */
static int draft_ready(Draft *draft)
{
    if (draft->busy)
        PyErr_SetString(PyExc_RuntimeError, "another thread is in a call with this buffer");
    else if (draft->forks != plasma_forks)
        raise_error("ForkedError", "the buffer belongs to the parent process");
    else if (draft->buffer.data == NULL || draft->given_up)
        raise_error("SealedError", "the buffer was sealed or aborted");
    else
        return 1;
    return 0;
}

static int draft_lend(Draft *draft, Py_buffer *view, int flags)
{
    if (!draft_ready(draft) ||
        PyBuffer_FillInfo(view, (PyObject *)draft, draft->buffer.data,
                          (Py_ssize_t)draft->buffer.size, 0, flags) < 0)
        return -1;
    draft->exports++;
    return 0;
}

static void draft_take_back(Draft *draft, Py_buffer *view)
{
    (void)view;
    if (--draft->exports > 0 || draft->forks != plasma_forks)
        return;
    plasma_release(&draft->sealed);
    if (draft->given_up && draft->buffer.data != NULL)
        draft_abort_now(draft);
}

static Py_ssize_t draft_length(Draft *draft)
{
    return (Py_ssize_t)draft->buffer.size;
}

/* Who still has a view could write to it when its memory is another object's: so a lease is kept. */
static PyObject *draft_seal(Draft *draft, PyObject *unused)
{
    int status;

    (void)unused;
    if (!draft_ready(draft))
        return NULL;
    draft->busy = 1;
    Py_BEGIN_ALLOW_THREADS
    status = draft->exports > 0 ? plasma_seal_and_get(&draft->buffer, &draft->sealed)
                                : plasma_seal(&draft->buffer);
    Py_END_ALLOW_THREADS
    draft->busy = 0;
    if (draft->exports == 0)
        plasma_release(&draft->sealed);
    return PyLong_FromLong(status);
}

static PyObject *draft_abort(Draft *draft, PyObject *unused)
{
    int status = PLASMA_OK;

    (void)unused;
    if (!draft_ready(draft))
        return NULL;
    draft->given_up = 1;
    if (draft->exports == 0)
        status = draft_abort_now(draft);
    return PyLong_FromLong(status);
}

/* Raises what is in the way of using it. */
static PyObject *draft_check(Draft *draft, PyObject *unused)
{
    (void)unused;
    if (!draft_ready(draft))
        return NULL;
    Py_RETURN_NONE;
}

/* _call(function, *args): call it while nobody else uses or views the draft. */
static PyObject *draft_call(Draft *draft, PyObject *args)
{
    PyObject *function, *rest, *result;

    if (!draft_ready(draft))
        return NULL;
    function = PyTuple_GetItem(args, 0);
    rest = PyTuple_GetSlice(args, 1, PyTuple_Size(args));
    if (function == NULL || rest == NULL) {
        Py_XDECREF(rest);
        return NULL;
    }
    draft->busy = 1;
    result = PyObject_CallObject(function, rest);
    draft->busy = 0;
    Py_DECREF(rest);
    return result;
}

static PyObject *draft_address(Draft *draft, void *unused)
{
    (void)unused;
    return PyLong_FromVoidPtr(&draft->buffer);
}

static PyObject *draft_exports(Draft *draft, void *unused)
{
    (void)unused;
    return PyLong_FromSsize_t(draft->exports);
}

static PyObject *draft_open(Draft *draft, void *unused)
{
    (void)unused;
    return PyBool_FromLong(draft->buffer.data != NULL && !draft->given_up);
}

static PyMethodDef draft_methods[] = {
    {"_check", (PyCFunction)draft_check, METH_NOARGS, NULL},
    {"_seal", (PyCFunction)draft_seal, METH_NOARGS, NULL},
    {"_abort", (PyCFunction)draft_abort, METH_NOARGS, NULL},
    {"_call", (PyCFunction)draft_call, METH_VARARGS, NULL},
    {0},
};
static PyGetSetDef draft_properties[] = {
    {"_address", (getter)draft_address, NULL, NULL, NULL},
    {"_exports", (getter)draft_exports, NULL, NULL, NULL},
    {"_open", (getter)draft_open, NULL, NULL, NULL},
    {0},
};
static PyType_Slot draft_slots[] = {
    {Py_tp_new, draft_create},
    {Py_tp_dealloc, draft_dealloc},
    {Py_tp_methods, draft_methods},
    {Py_tp_getset, draft_properties},
    {Py_bf_getbuffer, draft_lend},
    {Py_bf_releasebuffer, draft_take_back},
    {Py_sq_length, draft_length},
    {0},
};
static PyType_Spec draft_spec = {
    "plasma._native.Draft", sizeof(Draft), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, draft_slots,
};

int add_draft(PyObject *module)
{
    PyObject *type = PyType_FromSpec(&draft_spec);

    return type == NULL ? -1 : PyModule_AddObject(module, "Draft", type);
}
