/*
 * A view is an ALTREP vector. Its first datum is an external pointer to the buffer, whose finalizer
 * releases it: the vector keeps the lease. R copies the vector before it changes an element.
 */
#include "view.h"

#include <R_ext/Altrep.h>
#include <stdlib.h>

static R_altrep_class_t view_class;

static plasma_buffer_t *held(SEXP view)
{
    return R_ExternalPtrAddr(R_altrep_data1(view));
}

static void finalize(SEXP pointer)
{
    plasma_buffer_t *buffer = R_ExternalPtrAddr(pointer);
    if (buffer == NULL)
        return;
    R_ClearExternalPtr(pointer);
    plasma_release(buffer);
    free(buffer);
}

plasma_buffer_t *r_view_buffer(SEXP view)
{
    if (!ALTREP(view) || !R_altrep_inherits(view, view_class))
        Rf_error("not a view of an object");
    if (held(view) == NULL)
        Rf_error("the view is released");
    return held(view);
}

static R_xlen_t size(SEXP view)
{
    const plasma_buffer_t *buffer = held(view);
    return buffer == NULL ? 0 : (R_xlen_t)buffer->size;
}

static void *dataptr(SEXP view, Rboolean writable)
{
    (void)writable; /* R asks for writable memory also to read */
    return (void *)r_view_buffer(view)->data;
}

static const void *dataptr_or_null(SEXP view)
{
    return r_view_buffer(view)->data;
}

static Rbyte element(SEXP view, R_xlen_t index)
{
    const plasma_buffer_t *buffer = r_view_buffer(view);
    if (index < 0 || (uint64_t)index >= buffer->size)
        Rf_error("index out of range");
    return buffer->data[index];
}

static Rboolean inspect(SEXP view, int pre, int deep, int pvec, void (*sub)(SEXP, int, int, int))
{
    (void)pre, (void)deep, (void)pvec, (void)sub;
    Rprintf(held(view) == NULL ? "plasma view, released\n" : "plasma view\n");
    return TRUE;
}

void r_view_init(DllInfo *dll)
{
    view_class = R_make_altraw_class("plasma_view", "plasma", dll);
    R_set_altrep_Length_method(view_class, size);
    R_set_altrep_Inspect_method(view_class, inspect);
    R_set_altvec_Dataptr_method(view_class, dataptr);
    R_set_altvec_Dataptr_or_null_method(view_class, dataptr_or_null);
    R_set_altraw_Elt_method(view_class, element);
}

SEXP r_view(const plasma_buffer_t *buffer)
{
    plasma_buffer_t *kept = malloc(sizeof *kept);
    SEXP pointer, view;
    if (kept == NULL) {
        plasma_buffer_t copy = *buffer;
        plasma_release(&copy);
        Rf_error("out of memory");
    }
    *kept = *buffer;
    pointer = PROTECT(R_MakeExternalPtr(kept, R_NilValue, R_NilValue));
    R_RegisterCFinalizerEx(pointer, finalize, TRUE);
    view = PROTECT(R_new_altrep(view_class, pointer, R_NilValue));
    MARK_NOT_MUTABLE(view);
    UNPROTECT(2);
    return view;
}

SEXP r_release(SEXP view)
{
    if (!ALTREP(view) || !R_altrep_inherits(view, view_class))
        Rf_error("not a view of an object");
    finalize(R_altrep_data1(view));
    return R_NilValue;
}
