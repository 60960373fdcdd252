/* plasma._native: see native.h. */
#include "native.h"

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

/* Must be called first in a forked child. */
static PyObject *forked(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    plasma_forks++;
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

static PyMethodDef functions[] = {
    {"forked", forked, METH_NOARGS, NULL},
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
        (add_lease(module) < 0 || add_writer(module) < 0 || add_connection(module) < 0))
        Py_CLEAR(module);
    return module;
}
