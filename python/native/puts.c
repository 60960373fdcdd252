/* Puts and creates of a Connection. */
#include "connection.h"

/* Parts begin at multiples of this. */
#define ALIGNMENT 64
/* So many parts need no memory of their own. */
#define FEW 4

/* What plasma_put_parts() takes: each part, and before it the zeros up to its begin. */
typedef struct {
    const void **starts;
    uint64_t *sizes;
} Pieces;

static int put_parts(plasma_client_t *client, const plasma_id_t *id,
                     const plasma_create_options_t *options, const Py_buffer *parts, size_t count,
                     Pieces pieces)
{
    static const char zeros[ALIGNMENT];
    uint64_t end = 0;
    size_t i;

    if (count == 1)
        return plasma_put(client, id, parts[0].buf, (uint64_t)parts[0].len, options);
    for (i = 0; i < count; i++) {
        pieces.starts[2 * i] = zeros;
        pieces.sizes[2 * i] = -end % ALIGNMENT;
        pieces.starts[2 * i + 1] = parts[i].buf;
        pieces.sizes[2 * i + 1] = (uint64_t)parts[i].len;
        end += pieces.sizes[2 * i] + pieces.sizes[2 * i + 1];
    }
    return plasma_put_parts(client, id, pieces.starts, pieces.sizes, 2 * count, options);
}

/* put(id or None, address of options, parts, limit, (ObjectID, bytes.__new__)): creates an object of the
 * parts, each at the next multiple of 64 bytes. Returns its id if that was None, and otherwise a status,
 * or 1 if the parts have more bytes than the limit; 0 is no limit. */
PyObject *connection_put(Connection *connection, PyObject *const *args, Py_ssize_t count)
{
    const plasma_create_options_t *options;
    plasma_client_t *client;
    int status = PLASMA_ERR_DISCONNECTED, failed = 0;
    unsigned long long limit, size = 0;
    Py_buffer few[FEW], *parts = few;
    const void *few_starts[2 * FEW];
    uint64_t few_sizes[2 * FEW];
    Pieces pieces = {few_starts, few_sizes};
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
    if (count > FEW) {
        parts = PyMem_Calloc((size_t)count, sizeof *parts + 2 * sizeof *pieces.starts +
                                                2 * sizeof *pieces.sizes);
        if (parts == NULL)
            return PyErr_NoMemory();
        pieces.starts = (const void **)(parts + count);
        pieces.sizes = (uint64_t *)(pieces.starts + 2 * count);
    }
    for (held = 0; held < count && !failed; held += !failed)
        failed = PyObject_GetBuffer(PyTuple_GetItem(args[2], held), &parts[held], PyBUF_SIMPLE) < 0;
    for (i = 0; i < held; i++)
        size += (unsigned long long)parts[i].len;
    if (!failed && limit > 0 && size > limit)
        status = 1;
    else if (!failed && (client = begin_call(connection)) != NULL) {
        Py_BEGIN_ALLOW_THREADS
        status = put_parts(client, &key.id, options, parts, (size_t)count, pieces);
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
PyObject *connection_create_object(Connection *connection, PyObject *const *args, Py_ssize_t count)
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
