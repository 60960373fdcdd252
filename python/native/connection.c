/* Connection: one plasma_client_t, which is not freed while a call uses it. */
#include "native.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    PyObject_HEAD
    Link link; /* in the ring of all connections of this process */
    plasma_client_t *client; /* NULL after it was closed */
    PyObject *weak; /* a weak reference to itself */
    Py_ssize_t users; /* calls that are in it */
    unsigned forks;
    char opened;
} Connection;

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

static void end_call(Connection *connection)
{
    add(&connection->users, -1);
}

/* The client, which is not freed before end_call(); NULL if it is closed. The call is counted first:
 * then either it sees that the client is closed, or the one who closes it sees the call. */
static plasma_client_t *begin_call(Connection *connection)
{
    plasma_client_t *client;

    add(&connection->users, 1);
    client = load(&connection->client);
    if (client == NULL)
        end_call(connection);
    return client;
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

typedef struct {
    plasma_id_t id;
    const char *name; /* or NULL: by id */
} Key;

static int key_of(PyObject *object, Key *key)
{
    char *bytes;
    Py_ssize_t size;

    memset(key, 0, sizeof *key);
    if (PyUnicode_Check(object)) {
        key->name = PyUnicode_AsUTF8AndSize(object, &size);
        if (key->name != NULL && strlen(key->name) != (size_t)size) {
            PyErr_SetString(PyExc_ValueError, "a name must not contain a NUL");
            return -1;
        }
        return key->name == NULL ? -1 : 0;
    }
    if (!PyBytes_Check(object)) {
        PyErr_SetString(PyExc_TypeError, "a key is an ObjectID, 20 bytes or a name (str)");
        return -1;
    }
    if (PyBytes_AsStringAndSize(object, &bytes, &size) < 0)
        return -1;
    if (size != PLASMA_ID_SIZE) {
        PyErr_Format(PyExc_ValueError, "an id has 20 bytes, not %zd", size);
        return -1;
    }
    memcpy(key->id.bytes, bytes, PLASMA_ID_SIZE);
    return 0;
}

static int get_by(plasma_client_t *client, const Key *key, long long timeout_ms,
                  plasma_buffer_t *buffer)
{
    return key->name != NULL ? plasma_get_by_name(client, key->name, timeout_ms, buffer)
                             : plasma_get(client, &key->id, timeout_ms, buffer);
}

/* The state of the object with a key. */
static int find_state(plasma_client_t *client, const Key *key, plasma_state_t *state)
{
    plasma_id_t id = key->id;
    int status = key->name == NULL ? PLASMA_OK : plasma_lookup(client, key->name, &id);

    *state = PLASMA_STATE_ABSENT;
    if (status == PLASMA_ERR_NOT_FOUND)
        return PLASMA_OK;
    return status == PLASMA_OK ? plasma_contains(client, &id, state) : status;
}

/* Whether a get would neither wait nor take the writer lock. */
static int is_sealed(plasma_client_t *client, const Key *key)
{
    plasma_state_t state;

    return find_state(client, key, &state) == PLASMA_OK && state == PLASMA_STATE_SEALED;
}

/* get(key, timeout_ms, type): returns a Lease of the type, or a status. A get that need not wait keeps
 * the lock of the interpreter, because releasing and taking it again can cost 5 ms. */
static PyObject *connection_get(Connection *connection, PyObject *const *args, Py_ssize_t count)
{
    int status = PLASMA_ERR_NOT_FOUND;
    plasma_client_t *client;
    plasma_buffer_t buffer;
    long long timeout_ms;
    Key key;

    if (count != 3 || key_of(args[0], &key) < 0)
        return NULL;
    timeout_ms = PyLong_AsLongLong(args[1]);
    if (timeout_ms == -1 && PyErr_Occurred())
        return NULL;
    client = begin_call(connection);
    if (client == NULL)
        return PyLong_FromLong(PLASMA_ERR_DISCONNECTED);
    if (is_sealed(client, &key))
        status = get_by(client, &key, 0, &buffer);
    if (status != PLASMA_OK) {
        Py_BEGIN_ALLOW_THREADS
        status = get_by(client, &key, timeout_ms, &buffer);
        Py_END_ALLOW_THREADS
    }
    end_call(connection);
    if (status != PLASMA_OK)
        return PyLong_FromLong(status);
    return lease_new((PyTypeObject *)args[2], (PyObject *)connection, &buffer);
}

/* Whether none of these gets would wait or take the writer lock. */
static int are_sealed(plasma_client_t *client, const plasma_id_t *ids, size_t count)
{
    plasma_state_t state;
    size_t at;

    for (at = 0; at < count; at++)
        if (plasma_contains(client, &ids[at], &state) != PLASMA_OK ||
            state != PLASMA_STATE_SEALED)
            return 0;
    return 1;
}

/* The arrays of one get_many(). */
typedef struct {
    plasma_id_t *ids;
    plasma_buffer_t *buffers;
    plasma_status_t *statuses;
    size_t count;
    size_t failed; /* where the failure is, or count */
} Batch;

/* Gets all; on a failure none is held. A failure other than a timeout is not hidden by one. */
static int batch_get(plasma_client_t *client, Batch *batch, long long timeout_ms)
{
    int status = plasma_get_many(client, batch->ids, batch->count, timeout_ms, batch->buffers,
                                 batch->statuses);
    size_t at;

    batch->failed = batch->count;
    if (status == PLASMA_OK)
        return status;
    plasma_release_many(batch->buffers, batch->count);
    for (at = batch->count; at-- > 0;)
        if (batch->statuses[at] == status)
            batch->failed = at;
    for (at = 0; status == PLASMA_ERR_TIMEOUT && at < batch->count; at++)
        if (batch->statuses[at] != PLASMA_OK && batch->statuses[at] != PLASMA_ERR_TIMEOUT) {
            batch->failed = at;
            return batch->statuses[at];
        }
    return status;
}

/* The ids of the keys in a list; names are looked up. Returns a status, or 1 with an exception. */
static int batch_find(plasma_client_t *client, PyObject *keys, Batch *batch)
{
    for (batch->failed = 0; batch->failed < batch->count; batch->failed++) {
        Key key;
        int status;

        if (key_of(PyList_GetItem(keys, (Py_ssize_t)batch->failed), &key) < 0)
            return 1;
        status = key.name == NULL ? PLASMA_OK : plasma_lookup(client, key.name, &key.id);
        if (status != PLASMA_OK)
            return status;
        batch->ids[batch->failed] = key.id;
    }
    return PLASMA_OK;
}

static PyObject *batch_leases(Connection *connection, PyTypeObject *type, Batch *batch)
{
    PyObject *list = PyList_New((Py_ssize_t)batch->count);
    size_t at;

    for (at = 0; at < batch->count && list != NULL; at++) {
        PyObject *lease = lease_new(type, (PyObject *)connection, &batch->buffers[at]);

        if (lease == NULL || PyList_SetItem(list, (Py_ssize_t)at, lease) < 0)
            Py_CLEAR(list);
    }
    if (list == NULL)
        plasma_release_many(batch->buffers, batch->count);
    return list;
}

/* get_many(list of keys, timeout_ms, type): returns a list of Leases of the type, or a status and the
 * position of the key that it is about. As get() it keeps the lock of the interpreter if it need not
 * wait. */
static PyObject *connection_get_many(Connection *connection, PyObject *const *args,
                                     Py_ssize_t count)
{
    plasma_client_t *client;
    PyObject *result = NULL;
    int status;
    long long timeout_ms;
    Batch batch;
    char *memory;

    if (count != 3 || (count = PyList_Size(args[0])) < 0)
        return NULL;
    timeout_ms = PyLong_AsLongLong(args[1]);
    if (timeout_ms == -1 && PyErr_Occurred())
        return NULL;
    batch.count = (size_t)count;
    memory = PyMem_Calloc(batch.count + 1, sizeof *batch.buffers + sizeof *batch.statuses +
                                               sizeof *batch.ids);
    if (memory == NULL)
        return PyErr_NoMemory();
    batch.buffers = (plasma_buffer_t *)memory;
    batch.statuses = (plasma_status_t *)(batch.buffers + batch.count);
    batch.ids = (plasma_id_t *)(batch.statuses + batch.count);
    client = begin_call(connection);
    if (client == NULL) {
        PyMem_Free(memory);
        return Py_BuildValue("in", PLASMA_ERR_DISCONNECTED, count);
    }
    status = batch_find(client, args[0], &batch);
    if (status == PLASMA_OK) {
        status = PLASMA_ERR_NOT_FOUND;
        if (are_sealed(client, batch.ids, batch.count))
            status = batch_get(client, &batch, 0);
        if (status != PLASMA_OK) {
            Py_BEGIN_ALLOW_THREADS
            status = batch_get(client, &batch, timeout_ms);
            Py_END_ALLOW_THREADS
        }
        if (status == PLASMA_OK)
            result = batch_leases(connection, (PyTypeObject *)args[2], &batch);
    }
    end_call(connection);
    PyMem_Free(memory);
    return status < 0 ? Py_BuildValue("in", status, (Py_ssize_t)batch.failed) : result;
}

/* sealed(list of keys): a list of those that are sealed, or a status. */
static PyObject *connection_sealed(Connection *connection, PyObject *keys)
{
    Py_ssize_t at, count = PyList_Size(keys);
    int status = PLASMA_OK;
    plasma_client_t *client;
    PyObject *list;

    if (count < 0)
        return NULL;
    client = begin_call(connection);
    if (client == NULL)
        return PyLong_FromLong(PLASMA_ERR_DISCONNECTED);
    list = PyList_New(0);
    for (at = 0; at < count && list != NULL && status == PLASMA_OK; at++) {
        PyObject *object = PyList_GetItem(keys, at);
        plasma_state_t state;
        Key key;

        if (key_of(object, &key) < 0) {
            Py_CLEAR(list);
            break;
        }
        status = find_state(client, &key, &state);
        if (status == PLASMA_OK && state == PLASMA_STATE_SEALED && PyList_Append(list, object) < 0)
            Py_CLEAR(list);
    }
    end_call(connection);
    if (status == PLASMA_OK || list == NULL)
        return list;
    Py_DECREF(list);
    return PyLong_FromLong(status);
}

/* _adopt(address of a plasma_buffer_t, type): returns a Lease that owns it. */
static PyObject *connection_adopt(Connection *connection, PyObject *const *args, Py_ssize_t count)
{
    plasma_buffer_t *buffer = count == 2 ? PyLong_AsVoidPtr(args[0]) : NULL;

    if (buffer == NULL)
        return NULL;
    return lease_new((PyTypeObject *)args[1], (PyObject *)connection, buffer);
}

static size_t aligned(size_t offset)
{
    return (offset + 63) & ~(size_t)63;
}

static int put_parts(plasma_client_t *client, const plasma_id_t *id,
                     const plasma_create_options_t *options, const Py_buffer *parts, size_t count)
{
    plasma_mutable_buffer_t writer;
    size_t i, at, end = 0;
    int status;

    /* This is the fastest way into memory that nobody has written yet. */
    if (count == 1)
        return plasma_put(client, id, parts[0].buf, (uint64_t)parts[0].len, options);
    for (i = 0; i < count; i++)
        end = aligned(end) + (size_t)parts[i].len;
    status = plasma_create(client, id, end, options, &writer);
    if (status != PLASMA_OK)
        return status;
    for (i = 0, end = 0; i < count; i++, end = at + (size_t)parts[i - 1].len) {
        at = aligned(end);
        memset(writer.data + end, 0, at - end);
        if (parts[i].len > 0)
            memcpy(writer.data + at, parts[i].buf, (size_t)parts[i].len);
    }
    status = plasma_seal(&writer);
    if (status != PLASMA_OK)
        plasma_abort(&writer);
    return status;
}

/* put(id or None, address of options, parts, limit, (ObjectID, bytes.__new__)): creates an object of the
 * parts, each at the next multiple of 64 bytes. Returns its id if that was None, and otherwise a status,
 * or 1 if the parts have more bytes than the limit; 0 is no limit. */
static PyObject *connection_put(Connection *connection, PyObject *const *args, Py_ssize_t count)
{
    const plasma_create_options_t *options;
    plasma_client_t *client;
    int status = PLASMA_ERR_DISCONNECTED, failed = 0;
    unsigned long long limit, size = 0;
    Py_buffer few[4], *parts = few;
    Py_ssize_t i, held;
    Key key;

    if (count != 5)
        return NULL;
    if (args[0] == Py_None ? random_bytes(key.id.bytes) < 0 : key_of(args[0], &key) < 0)
        return NULL;
    options = PyLong_AsVoidPtr(args[1]);
    limit = PyLong_AsUnsignedLongLong(args[3]);
    count = PyTuple_Size(args[2]);
    if (PyErr_Occurred())
        return NULL;
    if ((size_t)count > sizeof few / sizeof few[0])
        parts = PyMem_Calloc((size_t)count, sizeof *parts);
    if (parts == NULL)
        return PyErr_NoMemory();
    for (held = 0; held < count && !failed; held += !failed)
        failed = PyObject_GetBuffer(PyTuple_GetItem(args[2], held), &parts[held], PyBUF_SIMPLE) < 0;
    for (i = 0; i < held; i++)
        size += (unsigned long long)parts[i].len;
    if (!failed && limit > 0 && size > limit)
        status = 1;
    else if (!failed && (client = begin_call(connection)) != NULL) {
        Py_BEGIN_ALLOW_THREADS
        status = put_parts(client, &key.id, options, parts, (size_t)count);
        Py_END_ALLOW_THREADS
        end_call(connection);
    }
    for (i = 0; i < held; i++)
        PyBuffer_Release(&parts[i]);
    if (parts != few)
        PyMem_Free(parts);
    if (failed)
        return NULL;
    if (status != PLASMA_OK || args[0] != Py_None)
        return PyLong_FromLong(status);
    return id_new(PyTuple_GetItem(args[4], 0), PyTuple_GetItem(args[4], 1), key.id.bytes);
}

/* create(id, size, address of options, type): a new Writer of the type, or a status. */
static PyObject *connection_create_object(Connection *connection, PyObject *const *args,
                                          Py_ssize_t count)
{
    const plasma_create_options_t *options;
    plasma_client_t *client;
    unsigned long long size;
    PyObject *writer;
    int status;
    Key key;

    if (count != 4 || key_of(args[0], &key) < 0)
        return NULL;
    size = PyLong_AsUnsignedLongLong(args[1]);
    options = PyLong_AsVoidPtr(args[2]);
    if (PyErr_Occurred())
        return NULL;
    writer = writer_new((PyTypeObject *)args[3]);
    if (writer == NULL)
        return NULL;
    client = begin_call(connection);
    if (client == NULL) {
        Py_DECREF(writer);
        return PyLong_FromLong(PLASMA_ERR_DISCONNECTED);
    }
    Py_BEGIN_ALLOW_THREADS
    status = plasma_create(client, &key.id, size, options, writer_buffer(writer));
    Py_END_ALLOW_THREADS
    end_call(connection);
    if (status == PLASMA_OK)
        return writer;
    Py_DECREF(writer);
    return PyLong_FromLong(status);
}

/* list_objects((ObjectInfo, tuple.__new__, ObjectID, bytes.__new__, states)): a list, or a status. */
static PyObject *connection_list_objects(Connection *connection, PyObject *kinds)
{
    plasma_client_t *client = begin_call(connection);
    plasma_list_t *list;
    PyObject *infos;
    int status;

    if (client == NULL)
        return PyLong_FromLong(PLASMA_ERR_DISCONNECTED);
    Py_BEGIN_ALLOW_THREADS
    status = plasma_list(client, &list);
    Py_END_ALLOW_THREADS
    end_call(connection);
    if (status != PLASMA_OK)
        return PyLong_FromLong(status);
    infos = infos_of(kinds, list);
    plasma_list_free(list);
    return infos;
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
