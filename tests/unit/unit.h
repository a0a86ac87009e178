/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What unit tests share: cmocka with what it wants to be included first, and a
 * directory of the test's own, which unit_teardown() removes.
 */
#ifndef WARDER_TESTS_UNIT_H
#define WARDER_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/mem.h"

/* Ends a test that this machine cannot do; where WARDER_MUST_WORK=1 says that it must, that is a
 * failure.  cmocka's own skip() prints "not ok # SKIP", which is one everywhere. */
#define unit_skip(why)                                                                             \
	do {                                                                                       \
		const char *must = getenv("WARDER_MUST_WORK");                                     \
                                                                                                   \
		if (must && strcmp(must, "1") == 0)                                                \
			fail_msg("this machine must be able to: %s", why);                         \
		print_message("# skipped: %s\n", why);                                             \
		return;                                                                            \
	} while (0)

enum { UNIT_FILE_MAX = 16 * 1024 * 1024 };

static char unit_dir[] = "/tmp/warder-unit.XXXXXX";

static inline int unit_setup(void **state)
{
	(void)state;
	return mkdtemp(unit_dir) ? 0 : -1;
}

static inline int unit_teardown(void **state)
{
	autofree char *command = mem_printf("rm -rf %s", unit_dir);

	(void)state;
	return system(command);
}

/* The path of a file in the test's directory; the caller frees it. */
static inline char *unit_path(const char *file)
{
	return mem_printf("%s/%s", unit_dir, file);
}

static inline void unit_write(const char *file, const char *bytes, size_t len)
{
	autofree char *path = unit_path(file);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

/* json with single quotes for double ones. */
static inline void unit_put(const char *file, const char *json)
{
	autofree char *text = mem_strdup(json);

	for (char *c = text; *c; c++)
		if (*c == '\'')
			*c = '"';
	unit_write(file, text, strlen(text));
}

/* The whole file, owned by the caller; len may be NULL. */
static inline char *unit_read(const char *file, size_t *len)
{
	autofree char *path = unit_path(file);
	char *text = fd_slurp(path, UNIT_FILE_MAX, len);

	assert_non_null(text);
	return text;
}

#endif
