/* What list() returns. */
#include "native.h"
#include <string.h>

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
    return id_new(kinds->id, kinds->new_bytes, info->id.bytes);
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

PyObject *infos_of(PyObject *with, const plasma_list_t *list)
{
    uint64_t at, count = plasma_list_count(list);
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    Kinds kinds = {0};
    PyObject *infos;

    if (!PyArg_ParseTuple(with, "OOOOO", &kinds.info, &kinds.new_tuple, &kinds.id, &kinds.new_bytes,
                          &kinds.states))
        return NULL;
    infos = PyList_New((Py_ssize_t)count);
    for (at = 0; infos != NULL && at < count; at++) {
        PyObject *made;

        plasma_list_at(list, at, &info);
        made = info_of(&kinds, &info);
        if (made == NULL || PyList_SetItem(infos, (Py_ssize_t)at, made) < 0)
            Py_CLEAR(infos);
    }
    Py_XDECREF(kinds.address);
    return infos;
}
