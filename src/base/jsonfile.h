/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A JSON file that a person wrote: read whole, parsed strictly (no duplicate
 * keys, no NUL), and complained about by file, line and key.  The parser knows
 * lines only of syntax errors; of anything else the line is found by walking
 * the text again to the member that is meant.
 */
#ifndef WARDER_BASE_JSONFILE_H
#define WARDER_BASE_JSONFILE_H

#include <jansson.h>
#include <stddef.h>

#include "base/fault.h"

struct jsonfile {
	char *name; /* as it was opened, for messages */
	char *text;
	size_t len;
	json_t *root; /* an object */
};

/* A place in the text: the n-th member of what `up` means (NULL: the root).
 * They live on the stack of whoever walks the tree. */
struct jsonat {
	const struct jsonat *up;
	const char *key; /* NULL in an array */
	size_t n;
};

/* 0, or -1 with a fault and errno (0 where the content is at fault). */
int jsonfile_load(struct jsonfile *j, const char *path, size_t max, struct fault *f);
/* The same of a text that is taken over: it is freed whatever happens. */
int jsonfile_take(struct jsonfile *j, const char *name, char *text, size_t len, struct fault *f);
void jsonfile_free(struct jsonfile *j);

unsigned int jsonfile_line(const struct jsonfile *j, const struct jsonat *at);
/* "FILE:LINE: KEY.PATH[2]: " and the rest; always -1.  at NULL: the file as a whole. */
int jsonfile_fault(const struct jsonfile *j, const struct jsonat *at, struct fault *f,
		   const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* "unknown key", and the nearest of those that are known; always -1. */
int jsonfile_unknown(const struct jsonfile *j, const struct jsonat *at, const char *const *known,
		     size_t n_known, struct fault *f);
/* "expected EXPECTED, got a number"; always -1. */
int jsonfile_expected(const struct jsonfile *j, const struct jsonat *at, const json_t *got,
		      const char *expected, struct fault *f);

#endif
