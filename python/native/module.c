/* plasma._native: see native.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "native.h"
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

unsigned plasma_forks;

void raise_error(const char *kind, const char *message)
{
    PyObject *errors = PyImport_ImportModule("plasma.errors");
    PyObject *class = errors == NULL ? NULL : PyObject_GetAttrString(errors, kind);

    if (class != NULL)
        PyErr_SetString(class, message);
    Py_XDECREF(class);
    Py_XDECREF(errors);
}

/* forked(executes): must be called first in a forked child. If it executes a program next, its parent
 * keeps the leases until then, and the child may read them. */
static PyObject *forked(PyObject *module, PyObject *executes)
{
    int borrows = PyObject_IsTrue(executes);

    (void)module;
    if (borrows < 0)
        return NULL;
    plasma_forks++;
    connections_forked();
    if (borrows)
        leases_borrow();
    Py_RETURN_NONE;
}

/* Runs the handlers of pending signals, as after an interrupted system call. */
static PyObject *check_signals(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    if (PyErr_CheckSignals() < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* Views in globals and in frames of daemon threads are never collected. No code of Python runs now, but
 * code without the interpreter's lock may still read the memory, which stays mapped: see
 * connections_end(). */
static void end_all(void)
{
    writers_end();
    leases_end();
    connections_end();
}

PyObject *id_new(PyObject *type, PyObject *new_bytes, const unsigned char *bytes)
{
    PyObject *plain = PyBytes_FromStringAndSize((const char *)bytes, PLASMA_ID_SIZE), *id;

    if (plain == NULL)
        return NULL;
    id = PyObject_CallFunctionObjArgs(new_bytes, type, plain, NULL);
    Py_DECREF(plain);
    return id;
}

/* Random bytes of the kernel for some ids, in a page that the kernel clears in a forked child. */
typedef struct {
    size_t left;
    unsigned char bytes[12 * PLASMA_ID_SIZE];
} Random;

static Random *random_pages(void)
{
    void *page = mmap(NULL, sizeof(Random), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return page == MAP_FAILED || madvise(page, sizeof(Random), MADV_WIPEONFORK) != 0 ? NULL : page;
}

int random_bytes(unsigned char *bytes)
{
    static Lock guard = UNLOCKED;
    static Random *pages, none;
    Random *random;
    int failed = 0;

    lock(&guard);
    if (pages == NULL && (pages = random_pages()) == NULL)
        pages = &none; /* an old kernel: the bytes are for one id */
    random = pages;
    if (random->left == 0) {
        /* The kernel gives so few bytes at once, and at most waits while the machine boots. */
        size_t size = random == &none ? PLASMA_ID_SIZE : sizeof random->bytes;

        failed = getrandom(random->bytes, size, 0) != (ssize_t)size;
        random->left = failed ? 0 : size;
    }
    if (!failed) {
        random->left -= PLASMA_ID_SIZE;
        memcpy(bytes, random->bytes + random->left, PLASMA_ID_SIZE);
    }
    unlock(&guard);
    if (failed)
        PyErr_SetFromErrno(PyExc_OSError);
    return failed ? -1 : 0;
}

/* random_id(ObjectID, bytes.__new__) */
static PyObject *random_id(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    unsigned char bytes[PLASMA_ID_SIZE];

    (void)module;
    if (count != 2 || random_bytes(bytes) < 0)
        return NULL;
    return id_new(args[0], args[1], bytes);
}

/* As when the interpreter has ended. */
static PyObject *end(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    end_all();
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"forked", forked, METH_O, NULL},
    {"end", end, METH_NOARGS, NULL},
    {"random_id", (PyCFunction)(void (*)(void))random_id, METH_FASTCALL, NULL},
    {"check_signals", check_signals, METH_NOARGS, NULL},
    {0},
};

static int execute(PyObject *module)
{
    static char executed;

    /* Not in the interpreter of a request of mod_wsgi, for example. Newer Pythons refuse the others, that
     * have a lock of their own, by themselves. */
    if (PyInterpreterState_GetID(PyInterpreterState_Get()) != 0) {
        PyErr_SetString(PyExc_ImportError,
                        "plasma does not support subinterpreters: import it in the main interpreter, "
                        "or use processes");
        return -1;
    }
    if (add_lease(module) < 0 || add_forks(module) < 0 || add_private(module) < 0 ||
        add_writer(module) < 0 || add_connection(module) < 0)
        return -1;
    if (!executed)
        Py_AtExit(end_all);
    executed = 1;
    return 0;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, (void *)execute},
#ifdef Py_mod_multiple_interpreters
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "plasma._native",
    .m_methods = functions,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__native(void)
{
    return PyModuleDef_Init(&definition);
}
