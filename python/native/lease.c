/* Lease: one plasma_buffer_t, exported by the buffer protocol, read-only. */
#include "lease.h"
#include <string.h>

PyTypeObject *lease_type;
Link leases = {&leases, &leases};
Lock leases_lock = UNLOCKED;

PyObject *lease_new(PyTypeObject *type, PyObject *connection, plasma_buffer_t *buffer)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Lease *lease = (Lease *)allocate(type, 0);

    if (lease == NULL) {
        plasma_release(buffer);
        return NULL;
    }
    Py_INCREF(connection);
    lease->connection = connection;
    lease->buffer = *buffer;
    memset(buffer, 0, sizeof *buffer);
    lease->exports = lease->calls = 0;
    lease->given_up = lease->identified = 0;
    lease->forks = plasma_forks;
    lock_init(&lease->lock);
    link_in(&leases, &leases_lock, &lease->link);
    return (PyObject *)lease;
}

static PyObject *lease_create(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    (void)type, (void)args, (void)kwargs;
    PyErr_SetString(PyExc_TypeError, "buffers come from a client's get()");
    return NULL;
}

/* Takes the buffer of a lease that was given up, once nothing uses it; otherwise all zeros. In a forked
 * child a buffer of the parent cannot be released, and stays with the parent. */
static plasma_buffer_t lease_unused(Lease *lease)
{
    plasma_buffer_t buffer = {0};

    if (lease->given_up && lease->exports == 0 && lease->calls <= 0) {
        buffer = lease->buffer;
        memset(&lease->buffer, 0, sizeof lease->buffer);
    }
    return buffer;
}

static void lease_dealloc(Lease *lease)
{
    PyTypeObject *type = Py_TYPE((PyObject *)lease);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);

    link_out(&leases_lock, &lease->link);
    plasma_release(&lease->buffer);
    Py_DECREF(lease->connection);
    release(lease);
    Py_DECREF(type);
}

static int lease_lend(Lease *lease, Py_buffer *view, int flags)
{
    int released, inherited;
    void *data;
    Py_ssize_t size;

    lock(&lease->lock);
    data = (void *)lease->buffer.data;
    size = (Py_ssize_t)lease->buffer.size;
    released = data == NULL || lease->given_up;
    inherited = lease->forks != plasma_forks;
    if (!released && !inherited)
        lease->exports++;
    unlock(&lease->lock);
    if (released)
        PyErr_SetString(PyExc_ValueError, "the buffer was released");
    else if (inherited)
        raise_error("ForkedError", "the object was deleted before this process was forked");
    else if (PyBuffer_FillInfo(view, (PyObject *)lease, data, size, 1, flags) == 0)
        return 0;
    else {
        lock(&lease->lock);
        lease->exports--;
        unlock(&lease->lock);
    }
    return -1;
}

static void lease_take_back(Lease *lease, Py_buffer *view)
{
    plasma_buffer_t unused;

    (void)view;
    lock(&lease->lock);
    lease->exports--;
    unused = lease_unused(lease);
    unlock(&lease->lock);
    plasma_release(&unused);
}

static Py_ssize_t lease_length(Lease *lease)
{
    Py_ssize_t size;

    lock(&lease->lock);
    size = (Py_ssize_t)lease->buffer.size;
    unlock(&lease->lock);
    return size;
}

/* Releases it now or after the last call that uses it; whether that can be. */
static int lease_end(Lease *lease, int with_views)
{
    plasma_buffer_t unused = {0};
    int ends;

    lock(&lease->lock);
    ends = with_views || lease->exports == 0;
    if (ends) {
        lease->given_up = 1;
        unused = lease_unused(lease);
    }
    unlock(&lease->lock);
    plasma_release(&unused);
    return ends;
}

static PyObject *lease_release(Lease *lease, PyObject *unused)
{
    (void)unused;
    if (!lease_end(lease, 0)) {
        PyErr_SetString(PyExc_BufferError, "views of the buffer are alive: delete them first");
        return NULL;
    }
    Py_RETURN_NONE;
}

/* Releases it now, or after its last view. */
static PyObject *lease_give_up(Lease *lease, PyObject *unused)
{
    (void)unused;
    lease_end(lease, 1);
    Py_RETURN_NONE;
}

void lease_end_call(Lease *lease)
{
    plasma_buffer_t unused;

    lock(&lease->lock);
    lease->calls--;
    unused = lease_unused(lease);
    unlock(&lease->lock);
    plasma_release(&unused);
}

/* _call(function, *args): calls it. The buffer at _address is not released before it returns. */
static PyObject *lease_call(Lease *lease, PyObject *args)
{
    PyObject *function = PyTuple_GetItem(args, 0), *rest, *result;

    rest = function == NULL ? NULL : PyTuple_GetSlice(args, 1, PyTuple_Size(args));
    if (rest == NULL)
        return NULL;
    lock(&lease->lock);
    lease->calls++;
    unlock(&lease->lock);
    result = PyObject_CallObject(function, rest);
    lease_end_call(lease);
    Py_DECREF(rest);
    return result;
}

static PyObject *lease_address(Lease *lease, void *unused)
{
    (void)unused;
    return PyLong_FromVoidPtr(&lease->buffer);
}

static PyObject *lease_connection(Lease *lease, void *unused)
{
    (void)unused;
    Py_INCREF(lease->connection);
    return lease->connection;
}

static PyObject *lease_released(Lease *lease, void *unused)
{
    int released;

    (void)unused;
    lock(&lease->lock);
    released = lease->buffer.data == NULL || lease->given_up;
    unlock(&lease->lock);
    return PyBool_FromLong(released);
}

static PyObject *lease_exports(Lease *lease, void *unused)
{
    Py_ssize_t exports;

    (void)unused;
    lock(&lease->lock);
    exports = lease->exports;
    unlock(&lease->lock);
    return PyLong_FromSsize_t(exports);
}

int lease_identify(Lease *lease)
{
    plasma_object_info_t info;
    int status;

    if (lease->identified)
        return PLASMA_OK;
    /* The fields up to this one cost little. */
    info.struct_size = offsetof(plasma_object_info_t, lease_count);
    status = plasma_buffer_info(&lease->buffer, &info);
    if (status == PLASMA_OK) {
        lease->id = info.id;
        lease->create_time_us = info.create_time_us;
        lease->named = (info.flags & PLASMA_OBJECT_NAMED) != 0;
        lease->identified = 1;
    }
    return status;
}

static int lease_identify_locked(Lease *lease)
{
    int status;

    lock(&lease->lock);
    status = lease_identify(lease);
    unlock(&lease->lock);
    return status;
}

/* The id of the object as bytes, or a status. */
static PyObject *lease_id(Lease *lease, PyObject *unused)
{
    int status = lease_identify_locked(lease);

    (void)unused;
    if (status != PLASMA_OK)
        return PyLong_FromLong(status);
    return PyBytes_FromStringAndSize((char *)lease->id.bytes, PLASMA_ID_SIZE);
}

/* Whether the object has a name, as 0 or 1, or a status. */
static PyObject *lease_named(Lease *lease, PyObject *unused)
{
    int status = lease_identify_locked(lease);

    (void)unused;
    return PyLong_FromLong(status != PLASMA_OK ? status : lease->named);
}

int lease_metadata(Lease *lease, const char *key, const void **value, uint64_t *size)
{
    int status;

    lock(&lease->lock);
    lease->calls++;
    status = plasma_get_metadata(&lease->buffer, key, value, size);
    unlock(&lease->lock);
    return status;
}

/* _metadata(key): the value of a metadata key as bytes, None without that key, or a status. */
static PyObject *lease_metadata_value(Lease *lease, PyObject *key)
{
    const char *wanted = PyBytes_AsString(key);
    PyObject *result = NULL;
    const void *value;
    uint64_t size;
    int status;

    if (wanted == NULL)
        return NULL;
    status = lease_metadata(lease, wanted, &value, &size);
    if (status == PLASMA_OK)
        result = PyBytes_FromStringAndSize(value, (Py_ssize_t)size);
    lease_end_call(lease);
    if (status == PLASMA_ERR_NOT_FOUND)
        Py_RETURN_NONE;
    return status == PLASMA_OK ? result : PyLong_FromLong(status);
}

void leases_end(void)
{
    Link *link;

    lock(&leases_lock);
    for (link = leases.next; link != &leases; link = link->next) {
        Lease *lease = lease_at(link);

        lock(&lease->lock);
        if (lease->forks == plasma_forks)
            plasma_release(&lease->buffer);
        unlock(&lease->lock);
    }
    unlock(&leases_lock);
}

static PyMethodDef lease_methods[] = {
    {"release", (PyCFunction)lease_release, METH_NOARGS, NULL},
    {"_give_up", (PyCFunction)lease_give_up, METH_NOARGS, NULL},
    {"_call", (PyCFunction)lease_call, METH_VARARGS, NULL},
    {"_metadata", (PyCFunction)lease_metadata_value, METH_O, NULL},
    {"_id", (PyCFunction)lease_id, METH_NOARGS, NULL},
    {"_named", (PyCFunction)lease_named, METH_NOARGS, NULL},
    {"_parts", (PyCFunction)lease_parts, METH_O, NULL},
    {0},
};
static PyGetSetDef lease_properties[] = {
    {"_address", (getter)lease_address, NULL, NULL, NULL},
    {"_connection", (getter)lease_connection, NULL, NULL, NULL},
    {"released", (getter)lease_released, NULL, NULL, NULL},
    {"_exports", (getter)lease_exports, NULL, NULL, NULL},
    {0},
};
static PyType_Slot lease_slots[] = {
    {Py_tp_new, lease_create},
    {Py_tp_dealloc, lease_dealloc},
    {Py_tp_methods, lease_methods},
    {Py_tp_getset, lease_properties},
    {Py_bf_getbuffer, lease_lend},
    {Py_bf_releasebuffer, lease_take_back},
    {Py_sq_length, lease_length},
    {0},
};
static PyType_Spec lease_spec = {
    "plasma._native.Lease", sizeof(Lease), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, lease_slots,
};

int add_lease(PyObject *module)
{
    lease_type = (PyTypeObject *)PyType_FromSpec(&lease_spec);
    if (lease_type == NULL)
        return -1;
    Py_INCREF((PyObject *)lease_type); /* for lease_type itself */
    return PyModule_AddObject(module, "Lease", (PyObject *)lease_type);
}
