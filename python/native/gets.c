/* Gets of a Connection: one object, many, which are sealed, and the list of all. */
#include "connection.h"
#include <string.h>

int key_of(PyObject *object, Key *key)
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
PyObject *connection_get(Connection *connection, PyObject *const *args, Py_ssize_t count)
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
PyObject *connection_get_many(Connection *connection, PyObject *const *args, Py_ssize_t count)
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
PyObject *connection_sealed(Connection *connection, PyObject *keys)
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

/* list_objects((ObjectInfo, tuple.__new__, ObjectID, bytes.__new__, states)): a list, or a status. */
PyObject *connection_list_objects(Connection *connection, PyObject *kinds)
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
