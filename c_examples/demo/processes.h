/* The processes of the demo, for the driver. */
#ifndef DEMO_PROCESSES_H
#define DEMO_PROCESSES_H

#include "common.h"

#include <sys/types.h>

enum { PRODUCER = WORKERS, COLLECTOR, CHILDREN }; /* after the workers */

typedef struct child {
    const char *name;
    pid_t pid;
    int alive;
} child_t;
extern child_t children[CHILDREN];

/* Finds the programs and makes the pipe of the notes. From then on every exit,
 * also by ^C, calls clean_up() after the last child has ended. Returns the
 * reading end of the pipe. */
int processes_begin(void (*clean_up)(void));

/* Runs a program with the address of the store and up to two more arguments. */
void process_start(int child, const char *program, const char *name,
                   const char *store, const char *argument,
                   const char *other);
void process_kill(int child);

/* Ends the driver if it was told to stop, or if a child has failed. */
void processes_check(void);
int processes_alive(void);

/* Waits until a child sleeps, and dies if it never does. */
void process_must_sleep(int child);

/* The worker with this process id, or -1. */
int worker_of(int32_t pid);

#endif
