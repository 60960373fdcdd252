/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The library by its header alone: loaded with dlopen, each function found by its name.
 */
#ifndef PLASMA_TEST_LOADED_H
#define PLASMA_TEST_LOADED_H

#include <plasma.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(fact)                                                            \
    do {                                                                       \
        if (!(fact)) {                                                         \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #fact); \
            exit(1);                                                           \
        }                                                                      \
    } while (0)

/* The functions that the tests call, with the types of the header. */
#define PLASMA_FUNCTIONS(F)                          \
    F(version, plasma_version)                       \
    F(error_message, plasma_error_message)           \
    F(id_random, plasma_id_random)                   \
    F(connect, plasma_connect)                       \
    F(disconnect, plasma_disconnect)                 \
    F(create, plasma_create)                         \
    F(resize, plasma_resize)                         \
    F(seal, plasma_seal)                             \
    F(get, plasma_get)                               \
    F(release, plasma_release)                       \
    F(delete_, plasma_delete)                        \
    F(subscribe, plasma_subscribe)                   \
    F(event_fd, plasma_event_fd)                     \
    F(unsubscribe, plasma_unsubscribe)

struct plasma_functions {
#define POINTER(field, name) __typeof__(&name) field;
    PLASMA_FUNCTIONS(POINTER)
#undef POINTER
};

static struct plasma_functions functions;
static const struct plasma_functions *const plasma = &functions;
static void *library;

static void find(void *pointer, const char *name)
{
    void *symbol = dlsym(library, name);

    if (symbol == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    memcpy(pointer, &symbol, sizeof symbol);
}

static void load(const char *path)
{
    library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
#define FIND(field, name) find(&functions.field, #name);
    PLASMA_FUNCTIONS(FIND)
#undef FIND
}

static void unload(void)
{
    memset(&functions, 0, sizeof functions);
    CHECK(dlclose(library) == 0);
    library = NULL;
}

#endif
