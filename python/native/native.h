/* The part of the plasma package that is in C: what owns leases and lends their memory. */
#ifndef PLASMA_NATIVE_H
#define PLASMA_NATIVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <plasma.h>

/* How many forks lie between this process and the one that loaded the module. */
extern unsigned plasma_forks;

/* A lease on a sealed object: plasma.Buffer is made of it. */
typedef struct Lease {
    PyObject_HEAD
    plasma_buffer_t buffer;
    PyObject *connection; /* that it came from, which a forked child connects anew */
    struct Lease *next, *previous; /* in the ring of all leases of this process */
    Py_ssize_t exports;
    unsigned forks;
    char given_up; /* to be released when its last view is gone */
} Lease;

extern PyTypeObject *lease_type;

/* Raises the class of that name in plasma.errors. */
void raise_error(const char *kind, const char *message);

int add_lease(PyObject *module);
int add_draft(PyObject *module);
int add_connection(PyObject *module);

/* A new Lease, of a type derived from it, that owns the buffer, or gives it back if it fails. */
PyObject *lease_new(PyTypeObject *type, PyObject *connection, plasma_buffer_t *buffer);

#endif
