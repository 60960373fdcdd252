/* Connection: one plasma_client_t, which is not freed while a call uses it. */
#include "connection.h"
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

static Link ring = {&ring, &ring};
static Lock ring_lock = UNLOCKED;

static Connection *connection_at(Link *link)
{
    return (Connection *)((char *)link - offsetof(Connection, link));
}

static PyObject *connection_create(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Connection *connection = (Connection *)allocate(type, 0);

    (void)args, (void)kwargs;
    if (connection == NULL)
        return NULL;
    connection->forks = plasma_forks;
    connection->weak = PyWeakref_NewRef((PyObject *)connection, NULL);
    link_in(&ring, &ring_lock, &connection->link);
    if (connection->weak == NULL)
        Py_CLEAR(connection);
    return (PyObject *)connection;
}

/* Ends the calls that wait, waits until the last has returned, and disconnects. */
static void connection_leave(Connection *connection)
{
    plasma_client_t *client = take(&connection->client);

    if (client == NULL)
        return;
    /* A call may be about to wait and miss one interrupt. */
    while (load(&connection->users) > 0 && load(&connection->forks) == plasma_forks) {
        Py_BEGIN_ALLOW_THREADS
        plasma_interrupt(client);
        usleep(1000);
        Py_END_ALLOW_THREADS
    }
    Py_BEGIN_ALLOW_THREADS
    plasma_disconnect(client);
    Py_END_ALLOW_THREADS
}

static void connection_dealloc(Connection *connection)
{
    PyTypeObject *type = Py_TYPE((PyObject *)connection);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);

    link_out(&ring_lock, &connection->link);
    connection_leave(connection);
    Py_XDECREF(connection->weak);
    release(connection);
    Py_DECREF(type);
}

static PyObject *connection_close(Connection *connection, PyObject *unused)
{
    (void)unused;
    connection_leave(connection);
    Py_RETURN_NONE;
}

/* Keeps the memory of the store mapped until the process ends. A subscription does that, and does not
 * count as a user of the store. */
static void stay_mapped(plasma_client_t *client)
{
    plasma_subscription_t *subscription;

    (void)plasma_subscribe(client, &subscription);
}

/* leave_at_exit(): as close(), but the memory of views stays mapped when their leases end. */
static PyObject *connection_leave_at_exit(Connection *connection, PyObject *unused)
{
    plasma_client_t *client = begin_call(connection);

    (void)unused;
    if (client != NULL) {
        if (load(&connection->forks) == plasma_forks)
            stay_mapped(client);
        end_call(connection);
    }
    connection_leave(connection);
    Py_RETURN_NONE;
}

/* Weak references to the connections of this process that are open, in a list. They are weak, because
 * the last reference to one may be gone already. */
static PyObject *open_connections(PyObject *module, PyObject *unused)
{
    PyObject **found, *list;
    Py_ssize_t room = 0, count = 0, at;
    Link *link;

    (void)module, (void)unused;
    lock(&ring_lock);
    for (link = ring.next; link != &ring; link = link->next)
        room++;
    found = calloc((size_t)room + 1, sizeof *found);
    for (link = ring.next; found != NULL && link != &ring; link = link->next) {
        Connection *connection = connection_at(link);

        if (load(&connection->client) == NULL || connection->weak == NULL)
            continue;
        Py_INCREF(connection->weak);
        found[count++] = connection->weak;
    }
    unlock(&ring_lock);
    list = found == NULL ? PyErr_NoMemory() : PyList_New(count);
    for (at = 0; at < count; at++)
        if (list == NULL)
            Py_DECREF(found[at]);
        else
            PyList_SetItem(list, at, found[at]);
    free(found);
    return list;
}

/* For connections that were made after the others were closed. */
void connections_end(void)
{
    Link *link;

    lock(&ring_lock);
    for (link = ring.next; link != &ring; link = link->next) {
        Connection *connection = connection_at(link);
        plasma_client_t *client;

        if (load(&connection->users) > 0 || load(&connection->forks) != plasma_forks)
            continue;
        client = take(&connection->client);
        if (client == NULL)
            continue;
        stay_mapped(client);
        plasma_disconnect(client);
    }
    unlock(&ring_lock);
}

void connections_forked(void)
{
    Link *link;

    for (link = ring.next; link != &ring; link = link->next)
        connection_at(link)->users = 0;
}

plasma_client_t *connection_client(PyObject *object)
{
    Connection *connection = (Connection *)object;

    return load(&connection->forks) == plasma_forks ? load(&connection->client) : NULL;
}

/* _open(address of a plasma_client_t): takes ownership of it, and returns whether it did: not if the
 * connection was closed. A client inherited from the parent is dropped without being freed, because
 * another thread may be about to call it. */
static PyObject *connection_open(Connection *connection, PyObject *address)
{
    plasma_client_t *client = PyLong_AsVoidPtr(address), *old;

    if (client == NULL)
        return NULL;
    old = load(&connection->client);
    if (old == NULL && connection->opened)
        Py_RETURN_FALSE;
    connection->opened = 1;
    store(&connection->forks, plasma_forks);
    if (!swap(&connection->client, old, client))
        Py_RETURN_FALSE;
    Py_RETURN_TRUE;
}

/* _call(function, address, *args): function(client at address, *args), or DISCONNECTED. */
static PyObject *connection_call(Connection *connection, PyObject *args)
{
    PyObject *function = PyTuple_GetItem(args, 0), *rest, *result;

    rest = function == NULL ? NULL : PyTuple_GetSlice(args, 1, PyTuple_Size(args));
    if (rest == NULL)
        return NULL;
    if (begin_call(connection) == NULL) {
        Py_DECREF(rest);
        return PyLong_FromLong(PLASMA_ERR_DISCONNECTED);
    }
    result = PyObject_CallObject(function, rest);
    end_call(connection);
    Py_DECREF(rest);
    return result;
}

/* _adopt(address of a plasma_buffer_t, type): returns a Lease that owns it. */
static PyObject *connection_adopt(Connection *connection, PyObject *const *args, Py_ssize_t count)
{
    plasma_buffer_t *buffer = count == 2 ? PyLong_AsVoidPtr(args[0]) : NULL;

    if (buffer == NULL)
        return NULL;
    return lease_new((PyTypeObject *)args[1], (PyObject *)connection, buffer);
}

static PyObject *connection_closed(Connection *connection, void *unused)
{
    (void)unused;
    return PyBool_FromLong(load(&connection->client) == NULL);
}

static PyMethodDef connection_methods[] = {
    {"get", (PyCFunction)(void (*)(void))connection_get, METH_FASTCALL, NULL},
    {"get_many", (PyCFunction)(void (*)(void))connection_get_many, METH_FASTCALL, NULL},
    {"put", (PyCFunction)(void (*)(void))connection_put, METH_FASTCALL, NULL},
    {"create", (PyCFunction)(void (*)(void))connection_create_object, METH_FASTCALL, NULL},
    {"list_objects", (PyCFunction)connection_list_objects, METH_O, NULL},
    {"sealed", (PyCFunction)connection_sealed, METH_O, NULL},
    {"leave_at_exit", (PyCFunction)connection_leave_at_exit, METH_NOARGS, NULL},
    {"_adopt", (PyCFunction)(void (*)(void))connection_adopt, METH_FASTCALL, NULL},
    {"_call", (PyCFunction)connection_call, METH_VARARGS, NULL},
    {"_open", (PyCFunction)connection_open, METH_O, NULL},
    {"close", (PyCFunction)connection_close, METH_NOARGS, NULL},
    {0},
};
static PyGetSetDef connection_properties[] = {
    {"closed", (getter)connection_closed, NULL, NULL, NULL},
    {0},
};
static PyType_Slot connection_slots[] = {
    {Py_tp_new, connection_create},
    {Py_tp_dealloc, connection_dealloc},
    {Py_tp_methods, connection_methods},
    {Py_tp_getset, connection_properties},
    {0},
};
static PyType_Spec connection_spec = {
    "plasma._native.Connection", sizeof(Connection), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, connection_slots,
};

static PyMethodDef functions[] = {
    {"open_connections", open_connections, METH_NOARGS, NULL},
    {0},
};

int add_connection(PyObject *module)
{
    PyObject *type = PyType_FromSpec(&connection_spec);

    if (type == NULL || PyModule_AddFunctions(module, functions) < 0)
        return -1;
    return PyModule_AddObject(module, "Connection", type);
}
