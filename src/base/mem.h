/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that lives a block, and memory that cannot be had.
 *
 * Before an agent starts, running out of memory ends the start (the x*
 * functions exit with 125).  The running supervisor allocates only from
 * bounded tables and uses plain malloc(), whose failure refuses one request.
 */
#ifndef WARDER_BASE_MEM_H
#define WARDER_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

void mem_free_ptr(void *pp); /* frees *(void **)pp: for the attribute below */

#define autofree __attribute__((cleanup(mem_free_ptr)))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Called first of all: remembers where the heap begins. */
void mem_begin(void);
/* Gives all of the heap back, for a forked process that needs none of it: its pages would be
 * its own from the parent's next write on.  Nothing may be allocated or freed after that. */
void mem_forget(void);

void *mem_alloc(size_t size); /* zeroed; exits 125 when there is none */
void *mem_grow(void *p, size_t count, size_t size);
char *mem_strdup(const char *s);
char *mem_strndup(const char *s, size_t n);
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A growing list of owned strings; v is always NULL-terminated once not empty. */
struct strlist {
	char **v;
	size_t n;
};
void strlist_add(struct strlist *l, const char *s); /* copies s */
bool strlist_has(const struct strlist *l, const char *s);
void strlist_free(struct strlist *l);

#endif
