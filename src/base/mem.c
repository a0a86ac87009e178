/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MMAP_THRESHOLD = 32 * 1024 };

static char *heap_begin;

void mem_begin(void)
{
	heap_begin = sbrk(0);
	/* Set, it does not grow with the first large buffer: those stay out of the heap, which
	 * several processes of a run share, and are given back when they are freed. */
	mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD);
}

void mem_forget(void)
{
	if (heap_begin != NULL)
		sbrk(heap_begin - (char *)sbrk(0));
}

void mem_free_ptr(void *pp)
{
	free(*(void **)pp);
}

static void *or_exit(void *p)
{
	if (p == NULL) {
		fputs("warder: out of memory\n", stderr);
		exit(125);
	}
	return p;
}

void *mem_alloc(size_t size)
{
	return or_exit(calloc(1, size ? size : 1));
}

void *mem_grow(void *p, size_t count, size_t size)
{
	return or_exit(reallocarray(p, count ? count : 1, size));
}

char *mem_strdup(const char *s)
{
	return or_exit(strdup(s));
}

char *mem_strndup(const char *s, size_t n)
{
	return or_exit(strndup(s, n));
}

char *mem_printf(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	return or_exit(s);
}

void strlist_add(struct strlist *l, const char *s)
{
	l->v = mem_grow(l->v, l->n + 2, sizeof(*l->v));
	l->v[l->n++] = mem_strdup(s);
	l->v[l->n] = NULL;
}

bool strlist_has(const struct strlist *l, const char *s)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i], s) == 0)
			return true;
	return false;
}

void strlist_free(struct strlist *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct strlist){0};
}
