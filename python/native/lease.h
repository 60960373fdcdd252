/* Lease, for the files that have parts of it: lease.c its life, parts.c what the object has, forks.c what a
 * fork does with it. */
#ifndef PLASMA_LEASE_H
#define PLASMA_LEASE_H

#include "native.h"
#include <stddef.h>

/* All of this process. */
extern Link leases;
extern Lock leases_lock;

static inline Lease *lease_at(Link *link)
{
    return (Lease *)((char *)link - offsetof(Lease, link));
}

/* Finds out which object it is, under its lock. */
int lease_identify(Lease *lease);

/* The value of a metadata key, which is valid while the calls or exports of the lease are counted: it
 * counts one call. */
int lease_metadata(Lease *lease, const char *key, const void **value, uint64_t *size);
void lease_end_call(Lease *lease);

PyObject *lease_parts(Lease *lease, PyObject *format);

#endif
