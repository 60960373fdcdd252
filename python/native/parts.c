/* The parts of an object: see docs/format.md. */
#include "lease.h"
#include <string.h>

static size_t aligned(size_t offset)
{
    return (offset + 63) & ~(size_t)63;
}

/* view[begin:end] */
static PyObject *slice_of(PyObject *view, size_t begin, size_t end)
{
    PyObject *from = PyLong_FromSize_t(begin), *to = PyLong_FromSize_t(end);
    PyObject *slice = from != NULL && to != NULL ? PySlice_New(from, to, NULL) : NULL;
    PyObject *part = slice == NULL ? NULL : PyObject_GetItem(view, slice);

    Py_XDECREF(from);
    Py_XDECREF(to);
    Py_XDECREF(slice);
    return part;
}

/* The views of the parts that follow an index. */
static PyObject *parts_of(PyObject *view, const char *data, size_t size)
{
    uint64_t count, length;
    size_t at, i;
    PyObject *list;

    if (size < 16) {
        raise_error("FormatError", "the index of the object is broken: it is too short");
        return NULL;
    }
    memcpy(&count, data, sizeof count);
    if (count > (size - 16) / sizeof count) {
        raise_error("FormatError", "the index of the object is broken: it is longer than the object");
        return NULL;
    }
    list = PyList_New(0);
    at = aligned((size_t)(count + 2) * sizeof count);
    for (i = 0; list != NULL && i <= count; i++) {
        PyObject *part = NULL;

        memcpy(&length, data + (i + 1) * sizeof length, sizeof length);
        if (at > size || length > size - at)
            raise_error("FormatError", "the object is shorter than its index states");
        else
            part = slice_of(view, at, at + (size_t)length);
        if (part == NULL || PyList_Append(list, part) < 0)
            Py_CLEAR(list);
        Py_XDECREF(part);
        at = aligned(at + (size_t)length);
    }
    return list;
}

/* _parts(format): the parts of an object of that format, in a list; or a status and, if it is OK, the
 * format that the object has. */
PyObject *lease_parts(Lease *lease, PyObject *format)
{
    const void *found;
    uint64_t size;
    char *wanted;
    Py_ssize_t wanted_size;
    PyObject *view, *parts = NULL;
    int status;

    if (PyBytes_AsStringAndSize(format, &wanted, &wanted_size) < 0)
        return NULL;
    status = lease_metadata(lease, "format", &found, &size);
    if (status == PLASMA_ERR_NOT_FOUND)
        parts = Py_BuildValue("iO", PLASMA_OK, Py_None);
    else if (status != PLASMA_OK)
        parts = Py_BuildValue("iO", status, Py_None);
    else if (size != (uint64_t)wanted_size || memcmp(found, wanted, (size_t)size) != 0)
        parts = Py_BuildValue("iy#", PLASMA_OK, (const char *)found, (Py_ssize_t)size);
    else if ((view = PyMemoryView_FromObject((PyObject *)lease)) != NULL) {
        /* The view keeps the buffer. */
        parts = parts_of(view, (const char *)lease->buffer.data, (size_t)lease->buffer.size);
        Py_DECREF(view);
    }
    lease_end_call(lease);
    return parts;
}
