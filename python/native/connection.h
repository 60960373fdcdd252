/* Connection, for the files that have parts of it: connection.c its life, gets.c and puts.c its calls. */
#ifndef PLASMA_CONNECTION_H
#define PLASMA_CONNECTION_H

#include "native.h"

typedef struct {
    PyObject_HEAD
    Link link; /* in the ring of all connections of this process */
    plasma_client_t *client; /* NULL after it was closed */
    PyObject *weak; /* a weak reference to itself */
    Py_ssize_t users; /* calls that are in it */
    unsigned forks;
    char opened;
} Connection;

static inline void end_call(Connection *connection)
{
    add(&connection->users, -1);
}

/* The client, which is not freed before end_call(); NULL if it is closed. The call is counted first:
 * then either it sees that the client is closed, or the one who closes it sees the call. */
static inline plasma_client_t *begin_call(Connection *connection)
{
    plasma_client_t *client;

    add(&connection->users, 1);
    client = load(&connection->client);
    if (client == NULL)
        end_call(connection);
    return client;
}

typedef struct {
    plasma_id_t id;
    const char *name; /* or NULL: by id */
} Key;

/* The key that an object of Python is; -1 with an exception. */
int key_of(PyObject *object, Key *key);

PyObject *connection_get(Connection *connection, PyObject *const *args, Py_ssize_t count);
PyObject *connection_get_many(Connection *connection, PyObject *const *args, Py_ssize_t count);
PyObject *connection_sealed(Connection *connection, PyObject *keys);
PyObject *connection_list_objects(Connection *connection, PyObject *kinds);
PyObject *connection_put(Connection *connection, PyObject *const *args, Py_ssize_t count);
PyObject *connection_create_object(Connection *connection, PyObject *const *args, Py_ssize_t count);

#endif
