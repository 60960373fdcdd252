/* plasma._native: see native.h. */
#include "native.h"
#include <sys/random.h>

unsigned plasma_forks;

void raise_error(const char *kind, const char *message)
{
    PyObject *errors = PyImport_ImportModule("plasma.errors");
    PyObject *class = errors == NULL ? NULL : PyObject_GetAttrString(errors, kind);

    if (class != NULL)
        PyErr_SetString(class, message);
    Py_XDECREF(class);
    Py_XDECREF(errors);
}

/* forked(executes): must be called first in a forked child. If it executes a program next, its parent
 * keeps the leases until then, and the child may read them. */
static PyObject *forked(PyObject *module, PyObject *executes)
{
    int borrows = PyObject_IsTrue(executes);

    (void)module;
    if (borrows < 0)
        return NULL;
    plasma_forks++;
    if (borrows)
        leases_borrow();
    Py_RETURN_NONE;
}

/* Runs the handlers of pending signals, as after an interrupted system call. */
static PyObject *check_signals(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    if (PyErr_CheckSignals() < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* Views in globals and in frames of daemon threads are never collected. No code of Python runs now, but
 * code without the interpreter's lock may still read the memory, which stays mapped: see
 * connections_end(). */
static void end_all(void)
{
    writers_end();
    leases_end();
    connections_end();
}

/* random_id(ObjectID, bytes.__new__): 160 bits from the kernel. */
static PyObject *random_id(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    PyObject *plain = PyBytes_FromStringAndSize(NULL, PLASMA_ID_SIZE), *id = NULL;

    (void)module;
    if (plain == NULL || count != 2)
        return plain;
    /* The kernel gives so few bytes at once, and at most waits while the machine boots. */
    if (getrandom(PyBytes_AsString(plain), PLASMA_ID_SIZE, 0) != PLASMA_ID_SIZE)
        PyErr_SetFromErrno(PyExc_OSError);
    else
        id = PyObject_CallFunctionObjArgs(args[1], args[0], plain, NULL);
    Py_DECREF(plain);
    return id;
}

/* As when the interpreter has ended. */
static PyObject *end(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    end_all();
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"forked", forked, METH_O, NULL},
    {"end", end, METH_NOARGS, NULL},
    {"random_id", (PyCFunction)(void (*)(void))random_id, METH_FASTCALL, NULL},
    {"check_signals", check_signals, METH_NOARGS, NULL},
    {0},
};
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "plasma._native", .m_size = -1, .m_methods = functions,
};

PyMODINIT_FUNC PyInit__native(void)
{
    PyObject *module = PyModule_Create(&definition);

    if (module != NULL &&
        (add_lease(module) < 0 || add_private(module) < 0 || add_writer(module) < 0 ||
         add_connection(module) < 0))
        Py_CLEAR(module);
    if (module != NULL)
        Py_AtExit(end_all);
    return module;
}
