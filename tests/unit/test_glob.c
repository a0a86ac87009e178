/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns, as rows; and the same answer as a plain recursive definition gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/mem.h"
#include "policy/glob.h"

enum { RANDOM_ROUNDS = 200000, LONG = 20000 };

static const struct {
	const char *pattern, *text;
	bool text_matches, path_matches;
} rows[] = {
	{"", "", true, true},
	{"", "a", false, false},
	{"*", "", true, true},
	{"*", "a/b", true, false},
	{"?", "/", true, false},
	{"?", "", false, false},
	{"a*c", "abc", true, true},
	{"a*c", "abcb", false, false},
	{"a*b*c", "axbxbxc", true, true},
	{"[ab]", "a", false, false},
	{"\\*", "*", false, false},
	{"stripe.*", "stripe.refund", true, true},
	{"stripe.*", "stripe", false, false},
	{"/usr/bin/*", "/usr/bin/ls", true, true},
	{"/usr/bin/*", "/usr/bin/a/b", true, false},
	{"/usr/*/ls", "/usr/bin/ls", true, true},
	{"/usr/*/ls", "/usr/a/b/ls", true, false},
	{"/usr/**", "/usr/a/b", true, true},
	{"/usr/**", "/usr/a", true, true},
	{"/usr/**", "/usr", false, false},
	{"/usr/**", "/usr/", true, false},
	{"/usr/**", "/usrx/a", false, false},
	{"/u*/**", "/usr/bin/ls", true, true},
	{"/u*/**", "/opt/bin/ls", false, false},
	{"/**", "/a", true, true},
	{"/**", "/", true, false},
	{"**", "a/b", true, true},
	{"/a**", "/ab/c", true, false}, /* no component of its own: two stars */
	{"/a/*b", "/a/ab/b", true, false},
	{"@*", "@name", true, true},
	{"/*", "@name", false, false},
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		print_message("# %s %s\n", rows[i].pattern, rows[i].text);
		assert_int_equal(glob_text(rows[i].pattern, rows[i].text), rows[i].text_matches);
		assert_int_equal(glob_path(rows[i].pattern, rows[i].text), rows[i].path_matches);
	}
}

/* What a star means, said without cleverness. */
static bool slow(const char *p, const char *t, bool path)
{
	if (*p == '\0')
		return *t == '\0';
	if (*p == '*') {
		for (;; t++) {
			if (slow(p + 1, t, path))
				return true;
			if (*t == '\0' || (path && *t == '/'))
				return false;
		}
	}
	return *t != '\0' && (*p == '?' ? !path || *t != '/' : *p == *t) && slow(p + 1, t + 1, path);
}

static void random_text(char *out, size_t max, const char *letters)
{
	size_t n = (size_t)rand() % max;

	for (size_t i = 0; i < n; i++)
		out[i] = letters[(size_t)rand() % strlen(letters)];
	out[n] = '\0';
}

static void test_random(void **state)
{
	(void)state;
	srand(1);
	for (int i = 0; i < RANDOM_ROUNDS; i++) {
		char p[8], t[12];

		random_text(p, sizeof(p), "ab*?/");
		random_text(t, sizeof(t), "aab/");
		if (glob_text(p, t) != slow(p, t, false))
			fail_msg("text: %s %s", p, t);
		if (strstr(p, "**") == NULL && glob_path(p, t) != slow(p, t, true))
			fail_msg("path: %s %s", p, t);
	}
}

/* Thirty stars that almost match: a backtracking matcher would not come back. */
static void test_time(void **state)
{
	static char pattern[256], text[LONG + 1];
	clock_t start = clock();

	(void)state;
	for (int i = 0; i < 60; i += 2)
		memcpy(pattern + i, "*a", 2);
	strcat(pattern, "b");
	memset(text, 'a', LONG);
	assert_false(glob_text(pattern, text));
	assert_false(glob_path(pattern, text));
	assert_true(clock() - start < 5 * CLOCKS_PER_SEC);
}

static const struct {
	char *patterns[4], *args[4];
	bool matches;
} argvs[] = {
	{{NULL}, {NULL}, true},
	{{NULL}, {"a"}, false},
	{{"**"}, {NULL}, true},
	{{"**"}, {"a", "b"}, true},
	{{"*"}, {NULL}, false},
	{{"*"}, {"a b/c"}, true},
	{{"*"}, {"a", "b"}, false},
	{{"apply", "**"}, {"apply"}, true},
	{{"apply", "**"}, {"apply", "-auto"}, true},
	{{"apply", "**"}, {"plan"}, false},
	{{"apply", "**"}, {NULL}, false},
	{{"--f=*", "x"}, {"--f=1", "x"}, true},
	{{"--f=*", "x"}, {"x", "--f=1"}, false},
};

static void test_argv(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(argvs); i++) {
		size_t n_patterns = 0, n_args = 0;

		while (n_patterns < 4 && argvs[i].patterns[n_patterns])
			n_patterns++;
		while (n_args < 4 && argvs[i].args[n_args])
			n_args++;
		print_message("# row %zu\n", i);
		assert_int_equal(glob_argv(argvs[i].patterns, n_patterns, argvs[i].args, n_args),
				 argvs[i].matches);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_argv),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
