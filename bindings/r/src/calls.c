/* The calls of the package: arguments of R become those of plasma.h. */
#include "view.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void r_check(plasma_status_t status)
{
    SEXP call, space;
    if (status == PLASMA_OK)
        return;
    space = PROTECT(R_FindNamespace(PROTECT(Rf_mkString("plasma"))));
    call = PROTECT(Rf_lang3(Rf_install("failed"), PROTECT(Rf_ScalarInteger(status)),
                            PROTECT(Rf_mkString(plasma_error_message()))));
    Rf_eval(call, space);
    UNPROTECT(5);
}

/* Handles. */

static void *handle(SEXP pointer, const char *tag)
{
    if (TYPEOF(pointer) != EXTPTRSXP || R_ExternalPtrTag(pointer) != Rf_install(tag))
        Rf_error("not a %s", tag);
    if (R_ExternalPtrAddr(pointer) == NULL)
        Rf_error("the %s is closed", tag);
    return R_ExternalPtrAddr(pointer);
}

static SEXP owner(void *address, const char *tag, R_CFinalizer_t finalizer)
{
    SEXP process = PROTECT(Rf_ScalarInteger((int)getpid()));
    SEXP pointer = PROTECT(R_MakeExternalPtr(address, Rf_install(tag), process));
    R_RegisterCFinalizerEx(pointer, finalizer, TRUE);
    UNPROTECT(2);
    return pointer;
}

static plasma_client_t *client_of(SEXP pointer)
{
    return handle(pointer, "client");
}

static void disconnect(SEXP pointer)
{
    plasma_client_t *client = R_ExternalPtrAddr(pointer);
    R_ClearExternalPtr(pointer);
    plasma_disconnect(client);
}

static void unsubscribe(SEXP pointer)
{
    plasma_subscription_t *subscription = R_ExternalPtrAddr(pointer);
    R_ClearExternalPtr(pointer);
    plasma_unsubscribe(subscription);
}

static void discard(SEXP pointer)
{
    plasma_mutable_buffer_t *buffer = R_ExternalPtrAddr(pointer);
    if (buffer == NULL)
        return;
    R_ClearExternalPtr(pointer);
    plasma_abort(buffer);
    free(buffer);
}

/* Arguments. */

static const plasma_id_t *id_of(SEXP id)
{
    if (TYPEOF(id) != RAWSXP || XLENGTH(id) % PLASMA_ID_SIZE != 0 || XLENGTH(id) == 0)
        Rf_error("an id is a raw vector of 20 bytes");
    return (const plasma_id_t *)RAW_RO(id);
}

static const char *text_of(SEXP text)
{
    return text == R_NilValue ? NULL : Rf_translateCharUTF8(Rf_asChar(text));
}

static uint64_t size_of(SEXP number)
{
    double size = Rf_asReal(number);
    if (!(size >= 0 && size <= 9007199254740992.0))
        Rf_error("a size is between 0 and 2^53");
    return (uint64_t)size;
}

static SEXP raw(const void *bytes, uint64_t size)
{
    SEXP copy = PROTECT(Rf_allocVector(RAWSXP, (R_xlen_t)size));
    if (size > 0)
        memcpy(RAW(copy), bytes, size);
    UNPROTECT(1);
    return copy;
}

/* The options of an object, in memory that R frees after the call. */
static plasma_create_options_t options_of(SEXP list)
{
    plasma_create_options_t options = PLASMA_CREATE_OPTIONS_INIT;
    SEXP metadata = VECTOR_ELT(list, 1), keys = Rf_getAttrib(metadata, R_NamesSymbol);
    R_xlen_t at, count = XLENGTH(metadata);
    plasma_metadata_t *entries = (plasma_metadata_t *)R_alloc((size_t)count + 1, sizeof *entries);
    for (at = 0; at < count; at++) {
        SEXP value = VECTOR_ELT(metadata, at);
        if (TYPEOF(value) != RAWSXP || keys == R_NilValue)
            Rf_error("metadata is a list of raw vectors with names");
        entries[at].key = Rf_translateCharUTF8(STRING_ELT(keys, at));
        entries[at].value = RAW_RO(value);
        entries[at].value_size = (uint64_t)XLENGTH(value);
    }
    options.name = text_of(VECTOR_ELT(list, 0));
    options.metadata = entries;
    options.metadata_count = (uint64_t)count;
    options.flags = (uint32_t)Rf_asInteger(VECTOR_ELT(list, 2));
    options.timeout_ms = (int64_t)Rf_asReal(VECTOR_ELT(list, 3));
    return options;
}

static SEXP info_of(const plasma_object_info_t *info)
{
    static const char *const names[] = {"id", "state", "name", "data_size", "metadata_size",
                                        "create_time_us", "creator_pid", "creator_address",
                                        "lease_count", ""};
    SEXP list = PROTECT(Rf_mkNamed(VECSXP, (const char **)names));
    SET_VECTOR_ELT(list, 0, raw(info->id.bytes, PLASMA_ID_SIZE));
    SET_VECTOR_ELT(list, 1, Rf_ScalarInteger(info->state));
    SET_VECTOR_ELT(list, 2, Rf_ScalarString(Rf_mkCharCE(info->name, CE_UTF8)));
    SET_VECTOR_ELT(list, 3, Rf_ScalarReal((double)info->data_size));
    SET_VECTOR_ELT(list, 4, Rf_ScalarReal((double)info->metadata_size));
    SET_VECTOR_ELT(list, 5, Rf_ScalarReal((double)info->create_time_us));
    SET_VECTOR_ELT(list, 6, Rf_ScalarInteger(info->creator_pid));
    SET_VECTOR_ELT(list, 7, Rf_mkString(info->creator_address));
    SET_VECTOR_ELT(list, 8, Rf_ScalarInteger((int)info->lease_count));
    UNPROTECT(1);
    return list;
}

/* Calls. */

static SEXP r_connect(SEXP address, SEXP flags, SEXP capacity, SEXP evict)
{
    plasma_connect_options_t options = PLASMA_CONNECT_OPTIONS_INIT;
    plasma_client_t *client;
    options.flags = (uint32_t)Rf_asInteger(flags);
    options.capacity = size_of(capacity);
    options.eviction = Rf_asLogical(evict) == TRUE ? PLASMA_EVICTION_LRU : PLASMA_EVICTION_NONE;
    r_check(plasma_connect(text_of(address), &options, &client));
    return owner(client, "client", disconnect);
}

static SEXP r_disconnect(SEXP client)
{
    if (TYPEOF(client) == EXTPTRSXP && R_ExternalPtrTag(client) == Rf_install("client"))
        disconnect(client);
    return R_NilValue;
}

static SEXP r_remove(SEXP address)
{
    r_check(plasma_store_remove(text_of(address)));
    return R_NilValue;
}

static SEXP r_random_id(void)
{
    plasma_id_t id;
    r_check(plasma_id_random(&id));
    return raw(id.bytes, PLASMA_ID_SIZE);
}

static SEXP r_put(SEXP client, SEXP id, SEXP data, SEXP list)
{
    plasma_create_options_t options = options_of(list);
    if (TYPEOF(data) != RAWSXP)
        Rf_error("data is a raw vector");
    r_check(plasma_put(client_of(client), id_of(id), RAW_RO(data), (uint64_t)XLENGTH(data), &options));
    return R_NilValue;
}

static SEXP r_create(SEXP client, SEXP id, SEXP size, SEXP list)
{
    plasma_create_options_t options = options_of(list);
    plasma_client_t *connected = client_of(client);
    const plasma_id_t *wanted = id_of(id);
    uint64_t bytes = size_of(size);
    plasma_mutable_buffer_t *buffer = calloc(1, sizeof *buffer);
    SEXP pointer;
    if (buffer == NULL)
        Rf_error("out of memory");
    pointer = PROTECT(owner(buffer, "mutable buffer", discard));
    r_check(plasma_create(connected, wanted, bytes, &options, buffer));
    UNPROTECT(1);
    return pointer;
}

static SEXP r_write(SEXP pointer, SEXP offset, SEXP data)
{
    plasma_mutable_buffer_t *buffer = handle(pointer, "mutable buffer");
    uint64_t at = size_of(offset);
    if (TYPEOF(data) != RAWSXP)
        Rf_error("data is a raw vector");
    if (at > buffer->size || (uint64_t)XLENGTH(data) > buffer->size - at)
        Rf_error("the object ends at %.0f", (double)buffer->size);
    /* parallel::mclapply() forks: a child does not have the memory. */
    if (Rf_asInteger(R_ExternalPtrProtected(pointer)) != (int)getpid())
        Rf_error("the mutable buffer belongs to the parent process");
    if (XLENGTH(data) > 0)
        memcpy(buffer->data + at, RAW_RO(data), (size_t)XLENGTH(data));
    return R_NilValue;
}

static SEXP r_resize(SEXP pointer, SEXP size)
{
    r_check(plasma_resize(handle(pointer, "mutable buffer"), size_of(size)));
    return R_NilValue;
}

static SEXP r_set_metadata(SEXP pointer, SEXP key, SEXP value)
{
    if (TYPEOF(value) != RAWSXP)
        Rf_error("a value is a raw vector");
    r_check(plasma_set_metadata(handle(pointer, "mutable buffer"), text_of(key), RAW_RO(value),
                                (uint64_t)XLENGTH(value)));
    return R_NilValue;
}

static SEXP r_seal(SEXP pointer)
{
    r_check(plasma_seal(handle(pointer, "mutable buffer")));
    discard(pointer);
    return R_NilValue;
}

static SEXP r_abort(SEXP pointer)
{
    r_check(plasma_abort(handle(pointer, "mutable buffer")));
    discard(pointer);
    return R_NilValue;
}

static SEXP r_fail(SEXP pointer, SEXP message)
{
    r_check(plasma_fail(handle(pointer, "mutable buffer"), text_of(message)));
    discard(pointer);
    return R_NilValue;
}

static SEXP r_get(SEXP client, SEXP id, SEXP timeout_ms)
{
    plasma_buffer_t buffer;
    r_check(plasma_get(client_of(client), id_of(id), (int64_t)Rf_asReal(timeout_ms), &buffer));
    return r_view(&buffer);
}

static SEXP r_get_by_name(SEXP client, SEXP name, SEXP timeout_ms)
{
    plasma_buffer_t buffer;
    r_check(plasma_get_by_name(client_of(client), text_of(name), (int64_t)Rf_asReal(timeout_ms), &buffer));
    return r_view(&buffer);
}

static SEXP r_metadata(SEXP view, SEXP key)
{
    const void *value;
    uint64_t size;
    r_check(plasma_get_metadata(r_view_buffer(view), text_of(key), &value, &size));
    return raw(value, size);
}

static SEXP r_lookup(SEXP client, SEXP name)
{
    plasma_id_t id;
    r_check(plasma_lookup(client_of(client), text_of(name), &id));
    return raw(id.bytes, PLASMA_ID_SIZE);
}

static SEXP r_contains(SEXP client, SEXP id)
{
    plasma_state_t state;
    r_check(plasma_contains(client_of(client), id_of(id), &state));
    return Rf_ScalarLogical(state == PLASMA_STATE_SEALED);
}

static SEXP r_wait(SEXP client, SEXP ids, SEXP num_ready, SEXP timeout_ms)
{
    const plasma_id_t *all = id_of(ids);
    size_t at, sealed, count = (size_t)XLENGTH(ids) / PLASMA_ID_SIZE;
    uint8_t *ready = (uint8_t *)R_alloc(count, 1);
    plasma_status_t status = plasma_wait(client_of(client), all, count, (size_t)size_of(num_ready),
                                         (int64_t)Rf_asReal(timeout_ms), ready, &sealed);
    SEXP result;
    if (status != PLASMA_ERR_TIMEOUT)
        r_check(status);
    result = PROTECT(Rf_allocVector(LGLSXP, (R_xlen_t)count));
    for (at = 0; at < count; at++)
        LOGICAL(result)[at] = ready[at];
    UNPROTECT(1);
    return result;
}

static SEXP r_delete(SEXP client, SEXP id)
{
    r_check(plasma_delete(client_of(client), id_of(id)));
    return R_NilValue;
}

static SEXP r_info(SEXP client, SEXP id)
{
    plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
    r_check(plasma_object_info(client_of(client), id_of(id), &info));
    return info_of(&info);
}

static void free_list(SEXP pointer)
{
    plasma_list_free(R_ExternalPtrAddr(pointer));
    R_ClearExternalPtr(pointer);
}

static SEXP r_list(SEXP client)
{
    plasma_list_t *list;
    SEXP keeper, all;
    R_xlen_t at;
    r_check(plasma_list(client_of(client), &list));
    keeper = PROTECT(owner(list, "list", free_list));
    all = PROTECT(Rf_allocVector(VECSXP, (R_xlen_t)plasma_list_count(list)));
    for (at = 0; at < XLENGTH(all); at++) {
        plasma_object_info_t info = PLASMA_OBJECT_INFO_INIT;
        r_check(plasma_list_at(list, (uint64_t)at, &info));
        SET_VECTOR_ELT(all, at, info_of(&info));
    }
    free_list(keeper);
    UNPROTECT(2);
    return all;
}

static SEXP r_subscribe(SEXP client)
{
    plasma_subscription_t *subscription;
    r_check(plasma_subscribe(client_of(client), &subscription));
    return owner(subscription, "subscription", unsubscribe);
}

static SEXP r_next_event(SEXP subscription, SEXP timeout_ms)
{
    static const char *const names[] = {"type", "id", "data_size", "lost_count", ""};
    plasma_event_t event = PLASMA_EVENT_INIT;
    SEXP list;
    r_check(plasma_next_event(handle(subscription, "subscription"), (int64_t)Rf_asReal(timeout_ms),
                              &event));
    list = PROTECT(Rf_mkNamed(VECSXP, (const char **)names));
    SET_VECTOR_ELT(list, 0, Rf_ScalarInteger(event.type));
    SET_VECTOR_ELT(list, 1, raw(event.id.bytes, PLASMA_ID_SIZE));
    SET_VECTOR_ELT(list, 2, Rf_ScalarReal((double)event.data_size));
    SET_VECTOR_ELT(list, 3, Rf_ScalarReal((double)event.lost_count));
    UNPROTECT(1);
    return list;
}

static SEXP r_unsubscribe(SEXP subscription)
{
    if (TYPEOF(subscription) == EXTPTRSXP && R_ExternalPtrTag(subscription) == Rf_install("subscription"))
        unsubscribe(subscription);
    return R_NilValue;
}

#define CALL(name, count) {"r_" #name, (DL_FUNC)(void (*)(void))r_##name, count}

static const R_CallMethodDef calls[] = {
    CALL(connect, 4), CALL(disconnect, 1), CALL(remove, 1), CALL(random_id, 0),
    CALL(put, 4), CALL(create, 4), CALL(write, 3), CALL(resize, 2),
    CALL(set_metadata, 3), CALL(seal, 1), CALL(abort, 1), CALL(get, 3), CALL(fail, 2),
    CALL(get_by_name, 3), CALL(release, 1), CALL(metadata, 2), CALL(lookup, 2),
    CALL(contains, 2), CALL(wait, 4), CALL(delete, 2), CALL(info, 2),
    CALL(list, 1), CALL(subscribe, 1), CALL(next_event, 2), CALL(unsubscribe, 1),
    {NULL, NULL, 0},
};

void R_init_plasma(DllInfo *dll)
{
    R_registerRoutines(dll, NULL, calls, NULL, NULL);
    R_useDynamicSymbols(dll, FALSE);
    r_view_init(dll);
}
