/* The C part of the plasma package: it owns leases and exports their memory. */
#ifndef PLASMA_NATIVE_H
#define PLASMA_NATIVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <plasma.h>

/* The number of forks between the process that loaded the module and this one. */
extern unsigned plasma_forks;

/* A lease on a sealed object, the base of plasma.Buffer. */
typedef struct Lease {
    PyObject_HEAD
    plasma_buffer_t buffer;
    PyObject *connection; /* that it came from, which a forked child connects anew */
    struct Lease *next, *previous; /* in the ring of all leases of this process */
    Py_ssize_t exports;
    unsigned forks;
    char given_up;   /* to be released when its last view is gone */
    char identified; /* the next three are known */
    char named;
    plasma_id_t id;
    int64_t create_time_us;
} Lease;

extern PyTypeObject *lease_type;

extern PyTypeObject *writer_type;

/* Makes an empty Writer of a derived type. */
PyObject *writer_new(PyTypeObject *type);
plasma_mutable_buffer_t *writer_buffer(PyObject *writer);

/* Raises the exception of that name in plasma.errors. */
void raise_error(const char *kind, const char *message);

int add_lease(PyObject *module);
int add_writer(PyObject *module);
int add_connection(PyObject *module);
int add_private(PyObject *module);

/* The client of a Connection of this process, or NULL. */
plasma_client_t *connection_client(PyObject *connection);

/* Replaces pages, from the first byte of one on, by a copy of them. */
int copy_pages(char *from, size_t size, int protection);

/* Does so with all that map a lease privately. */
int privates_copy_pages(const Lease *lease);

/* In a forked child, lets it read the leases of its parent. */
void leases_borrow(void);

/* Give everything back when the interpreter has ended, however it is still referred to. */
void leases_end(void);
void writers_end(void);
void connections_end(void);

/* Makes a Lease of a derived type that owns the buffer; releases the buffer on failure. */
PyObject *lease_new(PyTypeObject *type, PyObject *connection, plasma_buffer_t *buffer);

#endif
