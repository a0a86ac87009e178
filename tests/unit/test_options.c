/* SPDX-License-Identifier: Apache-2.0 */
/* The option parser and the suggestions, as rows of a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/cli.h"
#include "base/suggest.h"

enum { WORDS_MAX = 12 };

static bool flag;
static const char *string;
static struct strlist list;
static int number;

static const struct verb verb = {"try", NULL, "[options] [ARG...]", "tries the parser"};
static const struct option options[] = {
	{"json", OPTION_FLAG, &flag, NULL, "a flag"},
	{"agent", OPTION_STRING, &string, "ID", "a string"},
	{"env", OPTION_LIST, &list, "K=V", "a list"},
	{"status-fd", OPTION_INT, &number, "N", "a number"},
};

static void reset(void)
{
	flag = false;
	string = NULL;
	number = -1;
	strlist_free(&list);
}

/* The parser's messages are for people; the rows say what counts. */
static int parse(bool stop_at_first, int argc, char **argv, int *status)
{
	int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO), ret;

	fflush(NULL);
	assert_non_null(freopen("/dev/null", "w", stdout));
	assert_non_null(freopen("/dev/null", "w", stderr));
	ret = options_parse(&verb, options, ARRAY_SIZE(options), stop_at_first, argc, argv, status);
	fflush(NULL);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	close(out);
	close(err);
	return ret;
}

struct row {
	const char *words[WORDS_MAX]; /* after argv[0] */
	bool stop;
	int status;              /* where >= 0: the parser gives this and no index */
	const char *rest;        /* the positional arguments, joined by blanks */
	bool flag;
	const char *string;
	const char *list; /* joined by blanks */
	int number;
};

#define OK .status = -1
#define USAGE .status = EXIT_USAGE, .number = -1

static const struct row rows[] = {
	{{NULL}, OK, .rest = "", .number = -1},
	{{"a", "b"}, OK, .rest = "a b", .number = -1},
	{{"--json"}, OK, .rest = "", .flag = true, .number = -1},
	{{"a", "--json", "b"}, OK, .rest = "a b", .flag = true, .number = -1},
	{{"--agent", "x"}, OK, .rest = "", .string = "x", .number = -1},
	{{"--agent=x"}, OK, .rest = "", .string = "x", .number = -1},
	{{"--agent=x=y"}, OK, .rest = "", .string = "x=y", .number = -1},
	{{"--agent="}, OK, .rest = "", .string = "", .number = -1},
	{{"--agent", "x", "--agent", "y"}, OK, .rest = "", .string = "y", .number = -1},
	{{"--agent", "--json"}, OK, .rest = "", .string = "--json", .number = -1},
	{{"--env", "A=1", "--env=B=2"}, OK, .rest = "", .list = "A=1 B=2", .number = -1},
	{{"--status-fd", "3"}, OK, .rest = "", .number = 3},
	{{"--status-fd=0"}, OK, .rest = "", .number = 0},
	{{"a", "--", "--json"}, OK, .rest = "a --json", .number = -1},
	{{"--", "a", "--", "b"}, OK, .rest = "a -- b", .number = -1},
	{{"a", "--json", "b", "--", "c"}, OK, .rest = "a b c", .flag = true, .number = -1},
	{{"-"}, OK, .rest = "-", .number = -1},
	{{"ls", "--json", "-l"}, .stop = true, OK, .rest = "ls --json -l", .number = -1},
	{{"--json", "--", "ls", "--help"}, .stop = true, OK, .rest = "ls --help", .flag = true,
	 .number = -1},
	{{"--help"}, .status = EXIT_YES, .number = -1},
	{{"a", "-h"}, .status = EXIT_YES, .number = -1},
	{{"--nosuch"}, USAGE},
	{{"--jsno"}, USAGE},
	{{"--"}, OK, .rest = "", .number = -1},
	{{"--=x"}, USAGE},
	{{"-x"}, USAGE},
	{{"--json=1"}, USAGE},
	{{"--agent"}, USAGE},
	{{"--agent", "--"}, USAGE},
	{{"--status-fd", "-1"}, USAGE},
	{{"--status-fd", ""}, USAGE},
	{{"--status-fd", "+1"}, USAGE},
	{{"--status-fd", " 1"}, USAGE},
	{{"--status-fd", "1x"}, USAGE},
	{{"--status-fd", "2147483648"}, USAGE},
	{{"--status-fd", "99999999999999999999"}, USAGE},
};

static void join(char *const *words, size_t n, char *out, size_t size)
{
	out[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(out);

		snprintf(out + len, size - len, "%s%s", i ? " " : "", words[i]);
	}
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t r = 0; r < ARRAY_SIZE(rows); r++) {
		const struct row *row = &rows[r];
		char *argv[WORDS_MAX + 2] = {"try"}, joined[256];
		int argc = 1, status = 0, first;

		while (row->words[argc - 1] != NULL) {
			argv[argc] = (char *)row->words[argc - 1];
			argc++;
		}
		reset();
		join(argv, (size_t)argc, joined, sizeof(joined));
		print_message("# row %zu: %s\n", r, joined);
		first = parse(row->stop, argc, argv, &status);
		if (row->status >= 0) {
			assert_int_equal(first, -1);
			assert_int_equal(status, row->status);
			continue;
		}
		assert_in_range(first, 1, argc);
		join(argv + first, (size_t)(argc - first), joined, sizeof(joined));
		assert_string_equal(joined, row->rest);
		assert_int_equal(flag, row->flag);
		assert_int_equal(number, row->number);
		if (row->string)
			assert_string_equal(string, row->string);
		else
			assert_null(string);
		join(list.v, list.n, joined, sizeof(joined));
		assert_string_equal(joined, row->list ? row->list : "");
	}
	reset();
}

static const char *nearest(const char *word)
{
	static const char *const known[] = {"run", "ps", "revoke", "reinstate", "approve", "log"};
	struct suggestion s = {.word = word};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		suggest_consider(&s, known[i]);
	return s.best;
}

static void test_suggestions(void **state)
{
	char longest[4096];

	(void)state;
	memset(longest, 'r', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_string_equal(nearest("rnu"), "run");
	assert_string_equal(nearest("runn"), "run");
	assert_string_equal(nearest("logs"), "log");
	assert_string_equal(nearest("revok"), "revoke");
	assert_string_equal(nearest("aprove"), "approve");
	assert_null(nearest("frobnicate"));
	assert_null(nearest("xy"));
	assert_null(nearest(""));
	assert_null(nearest(longest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_suggestions),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
