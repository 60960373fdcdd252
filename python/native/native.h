/* The C part of the plasma package: it owns leases and exports their memory.
 *
 * Its state is that of the process, as leases are: they end with it, and a fork concerns all of them. So
 * one interpreter of a process can have the module, the main one.
 *
 * Without the interpreter's lock, of Pythons that have none, a lock in each object guards its state, and
 * one for each ring the links. The thread that holds such a lock calls no code of Python. So nothing
 * can stop it there: not the collector of garbage, and not a fork, which stops the other threads first.
 * With the interpreter's lock they are nothing. */
#ifndef PLASMA_NATIVE_H
#define PLASMA_NATIVE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <plasma.h>

#ifdef Py_GIL_DISABLED
#include <pthread.h>
typedef pthread_mutex_t Lock;
#define UNLOCKED PTHREAD_MUTEX_INITIALIZER
#define lock_init(lock) pthread_mutex_init(lock, NULL)
#define lock(lock) pthread_mutex_lock(lock)
#define unlock(lock) pthread_mutex_unlock(lock)
#define load(word) __atomic_load_n(word, __ATOMIC_SEQ_CST)
#define store(word, value) __atomic_store_n(word, value, __ATOMIC_SEQ_CST)
#define add(word, value) __atomic_add_fetch(word, value, __ATOMIC_SEQ_CST)
#define take(word) __atomic_exchange_n(word, NULL, __ATOMIC_SEQ_CST)
#define swap(word, old, new) \
    __atomic_compare_exchange_n(word, &(old), new, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)
#else
typedef char Lock;
#define UNLOCKED 0
#define lock_init(lock) ((void)(lock))
#define lock(lock) ((void)(lock))
#define unlock(lock) ((void)(lock))
#define load(word) (*(word))
#define store(word, value) (*(word) = (value))
#define add(word, value) (*(word) += (value))
#define take(word) __atomic_exchange_n(word, NULL, __ATOMIC_RELAXED)
#define swap(word, old, new) ((void)(old), *(word) = (new), 1)
#endif

/* An object in a ring of all of its kind in this process. */
typedef struct Link {
    struct Link *next, *previous;
} Link;

static inline void link_in(Link *ring, Lock *guard, Link *link)
{
    lock(guard);
    link->next = ring->next;
    link->previous = ring;
    ring->next = ring->next->previous = link;
    unlock(guard);
}

static inline void link_out(Lock *guard, Link *link)
{
    lock(guard);
    link->next->previous = link->previous;
    link->previous->next = link->next;
    unlock(guard);
}

/* The number of forks between the process that loaded the module and this one. */
extern unsigned plasma_forks;

/* A lease on a sealed object, the base of plasma.Buffer. */
typedef struct {
    PyObject_HEAD
    Link link; /* in the ring of all leases of this process */
    Lock lock; /* guards the rest */
    plasma_buffer_t buffer;
    PyObject *connection; /* that it came from, which a forked child connects anew */
    Py_ssize_t exports;
    Py_ssize_t calls; /* that use the buffer */
    unsigned forks;
    char given_up;   /* to be released when its last view and call is gone */
    char identified; /* the next three are known */
    char named;
    plasma_id_t id;
    int64_t create_time_us;
} Lease;

extern PyTypeObject *lease_type;

/* Makes an empty Writer of a derived type. */
PyObject *writer_new(PyTypeObject *type);
plasma_mutable_buffer_t *writer_buffer(PyObject *writer);

/* Raises the exception of that name in plasma.errors. */
void raise_error(const char *kind, const char *message);

int add_lease(PyObject *module);
int add_forks(PyObject *module);
int add_writer(PyObject *module);
int add_connection(PyObject *module);
int add_private(PyObject *module);

/* The client of a Connection of this process, or NULL. */
plasma_client_t *connection_client(PyObject *connection);

/* Replaces pages, from the first byte of one on, by a copy of them. */
int copy_pages(char *from, size_t size, int protection);

/* Does so with all that map a lease privately. */
int privates_copy_pages(const Lease *lease);

/* In a forked child: the calls of the threads of its parent are gone. */
void connections_forked(void);
/* In a forked child, lets it read the leases of its parent. */
void leases_borrow(void);

/* Give everything back when the interpreter has ended, however it is still referred to. */
void leases_end(void);
void writers_end(void);
void connections_end(void);

/* Makes a Lease of a derived type that owns the buffer; releases the buffer on failure. */
PyObject *lease_new(PyTypeObject *type, PyObject *connection, plasma_buffer_t *buffer);

/* A list of an ObjectInfo for each object of a list; the first argument is KINDS of infos.py. */
PyObject *infos_of(PyObject *kinds, const plasma_list_t *list);

/* The 160 bits of a random id; -1 with an exception. */
int random_bytes(unsigned char *bytes);

/* An id of a class derived from bytes, made by bytes.__new__. */
PyObject *id_new(PyObject *type, PyObject *new_bytes, const unsigned char *bytes);

#endif
