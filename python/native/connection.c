/* Connection: one plasma_client_t, which is not freed while a call uses it. */
#include "native.h"
#include <string.h>
#include <unistd.h>

typedef struct Connection {
    PyObject_HEAD
    plasma_client_t *client;
    struct Connection *next, *previous; /* in the ring of all connections of this process */
    Py_ssize_t users; /* calls that are in it without the interpreter's lock */
    unsigned forks;
} Connection;

static Connection ring = {.next = &ring, .previous = &ring};

static PyObject *connection_create(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Connection *connection = (Connection *)allocate(type, 0);

    (void)args, (void)kwargs;
    if (connection == NULL)
        return NULL;
    connection->next = ring.next;
    connection->previous = &ring;
    ring.next = ring.next->previous = connection;
    return (PyObject *)connection;
}

/* Ends the calls that wait, waits until the last has returned, and disconnects. */
static void connection_leave(Connection *connection)
{
    plasma_client_t *client = connection->client;

    connection->client = NULL;
    if (client == NULL)
        return;
    /* A forked child does not have the calls of its parent. A call may be about to wait and miss one
     * interrupt. */
    while (connection->users > 0 && connection->forks == plasma_forks) {
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

    connection->next->previous = connection->previous;
    connection->previous->next = connection->next;
    connection_leave(connection);
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
    (void)unused;
    if (connection->client != NULL && connection->forks == plasma_forks)
        stay_mapped(connection->client);
    connection_leave(connection);
    Py_RETURN_NONE;
}

/* The connections of this process that are open, in a list. */
static PyObject *open_connections(PyObject *module, PyObject *unused)
{
    PyObject *list = PyList_New(0);
    Connection *connection;

    (void)module, (void)unused;
    for (connection = ring.next; list != NULL && connection != &ring; connection = connection->next)
        if (connection->client != NULL && Py_REFCNT((PyObject *)connection) > 0 &&
            PyList_Append(list, (PyObject *)connection) < 0)
            Py_CLEAR(list);
    return list;
}

/* For connections that were made after the others were closed. */
void connections_end(void)
{
    Connection *connection;

    for (connection = ring.next; connection != &ring; connection = connection->next) {
        plasma_client_t *client = connection->client;

        if (client == NULL || connection->users > 0 || connection->forks != plasma_forks)
            continue;
        connection->client = NULL;
        stay_mapped(client);
        plasma_disconnect(client);
    }
}

plasma_client_t *connection_client(PyObject *object)
{
    Connection *connection = (Connection *)object;

    return connection->forks == plasma_forks ? connection->client : NULL;
}

/* _open(address of a plasma_client_t): takes ownership of it. A client inherited from the parent is
 * dropped without being freed, because another thread may be about to call it. */
static PyObject *connection_open(Connection *connection, PyObject *address)
{
    plasma_client_t *client = PyLong_AsVoidPtr(address);

    if (client == NULL)
        return NULL;
    connection->client = client;
    connection->users = 0;
    connection->forks = plasma_forks;
    Py_RETURN_NONE;
}

/* _call(function, address, *args): function(client at address, *args), or DISCONNECTED. */
static PyObject *connection_call(Connection *connection, PyObject *args)
{
    PyObject *function, *rest, *result;

    if (connection->client == NULL)
        return PyLong_FromLong(PLASMA_ERR_DISCONNECTED);
    function = PyTuple_GetItem(args, 0);
    rest = PyTuple_GetSlice(args, 1, PyTuple_Size(args));
    if (function == NULL || rest == NULL) {
        Py_XDECREF(rest);
        return NULL;
    }
    connection->users++;
    result = PyObject_CallObject(function, rest);
    connection->users--;
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
    plasma_buffer_t buffer;
    long long timeout_ms;
    Key key;

    if (count != 3 || key_of(args[0], &key) < 0)
        return NULL;
    timeout_ms = PyLong_AsLongLong(args[1]);
    if (timeout_ms == -1 && PyErr_Occurred())
        return NULL;
    if (connection->client == NULL)
        return PyLong_FromLong(PLASMA_ERR_DISCONNECTED);
    if (is_sealed(connection->client, &key))
        status = get_by(connection->client, &key, 0, &buffer);
    if (status != PLASMA_OK) {
        plasma_client_t *client = connection->client;

        connection->users++;
        Py_BEGIN_ALLOW_THREADS
        status = get_by(client, &key, timeout_ms, &buffer);
        Py_END_ALLOW_THREADS
        connection->users--;
    }
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
    plasma_client_t *client = connection->client;
    PyObject *result = NULL;
    int status = PLASMA_ERR_NOT_FOUND;
    long long timeout_ms;
    Batch batch;
    char *memory;

    if (count != 3 || (count = PyList_Size(args[0])) < 0)
        return NULL;
    timeout_ms = PyLong_AsLongLong(args[1]);
    if (timeout_ms == -1 && PyErr_Occurred())
        return NULL;
    if (client == NULL)
        return Py_BuildValue("in", PLASMA_ERR_DISCONNECTED, count);
    batch.count = (size_t)count;
    memory = PyMem_Calloc(batch.count + 1, sizeof *batch.buffers + sizeof *batch.statuses +
                                               sizeof *batch.ids);
    if (memory == NULL)
        return PyErr_NoMemory();
    batch.buffers = (plasma_buffer_t *)memory;
    batch.statuses = (plasma_status_t *)(batch.buffers + batch.count);
    batch.ids = (plasma_id_t *)(batch.statuses + batch.count);
    status = batch_find(client, args[0], &batch);
    if (status == PLASMA_OK) {
        status = PLASMA_ERR_NOT_FOUND;
        if (are_sealed(client, batch.ids, batch.count))
            status = batch_get(client, &batch, 0);
        if (status != PLASMA_OK) {
            connection->users++;
            Py_BEGIN_ALLOW_THREADS
            status = batch_get(client, &batch, timeout_ms);
            Py_END_ALLOW_THREADS
            connection->users--;
        }
        if (status == PLASMA_OK)
            result = batch_leases(connection, (PyTypeObject *)args[2], &batch);
    }
    PyMem_Free(memory);
    return status < 0 ? Py_BuildValue("in", status, (Py_ssize_t)batch.failed) : result;
}

/* sealed(list of keys): a list of those that are sealed, or a status. */
static PyObject *connection_sealed(Connection *connection, PyObject *keys)
{
    Py_ssize_t at, count = PyList_Size(keys);
    int status = PLASMA_OK;
    PyObject *list;

    if (count < 0)
        return NULL;
    if (connection->client == NULL)
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
        status = find_state(connection->client, &key, &state);
        if (status == PLASMA_OK && state == PLASMA_STATE_SEALED && PyList_Append(list, object) < 0)
            Py_CLEAR(list);
    }
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

/* put(id, address of options, parts, limit=0): creates an object of the parts, each at the next
 * multiple of 64 bytes. Returns a status, or 1 if the parts have more bytes than the limit; 0 is no
 * limit. */
static PyObject *connection_put(Connection *connection, PyObject *const *args, Py_ssize_t count)
{
    const plasma_create_options_t *options;
    plasma_client_t *client = connection->client;
    int status = PLASMA_ERR_DISCONNECTED, failed = 0;
    unsigned long long limit, size = 0;
    Py_ssize_t i, held;
    Py_buffer *parts;
    Key key;

    if ((count != 3 && count != 4) || key_of(args[0], &key) < 0)
        return NULL;
    options = PyLong_AsVoidPtr(args[1]);
    limit = count == 4 ? PyLong_AsUnsignedLongLong(args[3]) : 0;
    count = PyTuple_Size(args[2]);
    if (PyErr_Occurred())
        return NULL;
    parts = PyMem_Calloc((size_t)count + 1, sizeof *parts);
    if (parts == NULL)
        return PyErr_NoMemory();
    for (held = 0; held < count && !failed; held += !failed)
        failed = PyObject_GetBuffer(PyTuple_GetItem(args[2], held), &parts[held], PyBUF_SIMPLE) < 0;
    for (i = 0; i < held; i++)
        size += (unsigned long long)parts[i].len;
    if (!failed && limit > 0 && size > limit)
        status = 1;
    else if (!failed && client != NULL) {
        connection->users++;
        Py_BEGIN_ALLOW_THREADS
        status = put_parts(client, &key.id, options, parts, (size_t)count);
        Py_END_ALLOW_THREADS
        connection->users--;
    }
    for (i = 0; i < held; i++)
        PyBuffer_Release(&parts[i]);
    PyMem_Free(parts);
    return failed ? NULL : PyLong_FromLong(status);
}

/* create(id, size, address of options, type): a new Writer of the type, or a status. */
static PyObject *connection_create_object(Connection *connection, PyObject *const *args,
                                          Py_ssize_t count)
{
    const plasma_create_options_t *options;
    plasma_client_t *client = connection->client;
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
    if (client == NULL)
        return PyLong_FromLong(PLASMA_ERR_DISCONNECTED);
    writer = writer_new((PyTypeObject *)args[3]);
    if (writer == NULL)
        return NULL;
    connection->users++;
    Py_BEGIN_ALLOW_THREADS
    status = plasma_create(client, &key.id, size, options, writer_buffer(writer));
    Py_END_ALLOW_THREADS
    connection->users--;
    if (status == PLASMA_OK)
        return writer;
    Py_DECREF(writer);
    return PyLong_FromLong(status);
}

/* What list_objects() makes things of. */
typedef struct {
    PyObject *info, *new_tuple, *id, *new_bytes, *states;
    PyObject *address; /* of the last creator */
    char last_address[sizeof((plasma_object_info_t *)0)->creator_address];
} Kinds;

static PyObject *seconds_of(int64_t us)
{
    return PyFloat_FromDouble((double)us / 1e6);
}

/* Stores a new reference; whether there is one. */
static int set_field(PyObject *fields, Py_ssize_t at, PyObject *value)
{
    return value != NULL && PyTuple_SetItem(fields, at, value) == 0;
}

static PyObject *retained(PyObject *object)
{
    Py_XINCREF(object);
    return object;
}

static PyObject *address_of(Kinds *kinds, const plasma_object_info_t *info)
{
    if (kinds->address == NULL || strcmp(kinds->last_address, info->creator_address) != 0) {
        Py_XDECREF(kinds->address);
        kinds->address = PyUnicode_DecodeUTF8(
            info->creator_address, (Py_ssize_t)strlen(info->creator_address), "replace");
        memcpy(kinds->last_address, info->creator_address, sizeof kinds->last_address);
    }
    return retained(kinds->address);
}

static PyObject *id_of(const Kinds *kinds, const plasma_object_info_t *info)
{
    PyObject *plain = PyBytes_FromStringAndSize((const char *)info->id.bytes, PLASMA_ID_SIZE);
    PyObject *id = NULL;

    if (plain != NULL)
        id = PyObject_CallFunctionObjArgs(kinds->new_bytes, kinds->id, plain, NULL);
    Py_XDECREF(plain);
    return id;
}

/* An ObjectInfo: the order is that of its fields in infos.py. */
static PyObject *info_of(Kinds *kinds, const plasma_object_info_t *info)
{
    size_t name = strlen(info->name);
    int64_t took = info->construct_duration_us;
    PyObject *fields = PyTuple_New(12), *made = NULL;

    if (fields != NULL && set_field(fields, 0, id_of(kinds, info)) &&
        set_field(fields, 1, name == 0 ? retained(Py_None)
                                       : PyUnicode_DecodeUTF8(info->name, (Py_ssize_t)name, "replace")) &&
        set_field(fields, 2, retained(PyTuple_GetItem(kinds->states, info->state))) &&
        set_field(fields, 3, PyLong_FromUnsignedLongLong(info->data_size)) &&
        set_field(fields, 4, PyLong_FromUnsignedLongLong(info->metadata_size)) &&
        set_field(fields, 5, seconds_of(info->create_time_us)) &&
        set_field(fields, 6, took < 0 ? retained(Py_None) : seconds_of(took)) &&
        set_field(fields, 7, seconds_of(info->last_use_us)) &&
        set_field(fields, 8, PyBool_FromLong((info->flags & PLASMA_OBJECT_PINNED) != 0)) &&
        set_field(fields, 9, PyLong_FromUnsignedLong(info->lease_count)) &&
        set_field(fields, 10, PyLong_FromLong(info->creator_pid)) &&
        set_field(fields, 11, address_of(kinds, info)))
        made = PyObject_CallFunctionObjArgs(kinds->new_tuple, kinds->info, fields, NULL);
    Py_XDECREF(fields);
    return made;
}

static PyObject *infos_of(Kinds *kinds, const plasma_list_t *list)
{
    uint64_t at, count = plasma_list_count(list);
    PyObject *infos = PyList_New((Py_ssize_t)count);
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;

    for (at = 0; infos != NULL && at < count; at++) {
        PyObject *made;

        plasma_list_at(list, at, &info);
        made = info_of(kinds, &info);
        if (made == NULL || PyList_SetItem(infos, (Py_ssize_t)at, made) < 0)
            Py_CLEAR(infos);
    }
    return infos;
}

/* list_objects((ObjectInfo, tuple.__new__, ObjectID, bytes.__new__, states)): a list, or a status. */
static PyObject *connection_list_objects(Connection *connection, PyObject *args)
{
    plasma_client_t *client = connection->client;
    plasma_list_t *list;
    PyObject *infos;
    Kinds kinds = {0};
    int status;

    if (!PyArg_ParseTuple(args, "OOOOO", &kinds.info, &kinds.new_tuple, &kinds.id, &kinds.new_bytes,
                          &kinds.states))
        return NULL;
    if (client == NULL)
        return PyLong_FromLong(PLASMA_ERR_DISCONNECTED);
    connection->users++;
    Py_BEGIN_ALLOW_THREADS
    status = plasma_list(client, &list);
    Py_END_ALLOW_THREADS
    connection->users--;
    if (status != PLASMA_OK)
        return PyLong_FromLong(status);
    infos = infos_of(&kinds, list);
    Py_XDECREF(kinds.address);
    plasma_list_free(list);
    return infos;
}

static PyObject *connection_closed(Connection *connection, void *unused)
{
    (void)unused;
    return PyBool_FromLong(connection->client == NULL);
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
