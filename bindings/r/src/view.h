/* Views: raw vectors of R over the bytes of sealed objects. */
#ifndef PLASMA_R_VIEW_H
#define PLASMA_R_VIEW_H

#include <Rinternals.h>
#include <R_ext/Rdynload.h>
#include <plasma.h>

void r_view_init(DllInfo *dll);

/* Makes a view, which takes over the buffer. */
SEXP r_view(const plasma_buffer_t *buffer);

/* The buffer of a view; an error of R if the view has no buffer, or a released one. */
plasma_buffer_t *r_view_buffer(SEXP view);

SEXP r_release(SEXP view);

/* Signals an error of R with the message of the last call, unless the status is PLASMA_OK. */
void r_check(plasma_status_t status);

#endif
