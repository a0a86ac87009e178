/* SPDX-License-Identifier: Apache-2.0 */
/* Files that people wrote: read strictly, complained about at the right line. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/jsonfile.h"

enum { MAX = 4096 };

static void test_load(void **state)
{
	autofree char *path = unit_path("good.json");
	struct jsonfile j;
	struct fault f = {0};

	(void)state;
	unit_put("good.json", "{'a': 1}\n");
	assert_int_equal(jsonfile_load(&j, path, MAX, &f), 0);
	assert_string_equal(j.name, path);
	assert_string_equal(j.text, "{\"a\": 1}\n");
	assert_int_equal(j.len, 9);
	assert_int_equal(json_integer_value(json_object_get(j.root, "a")), 1);
	jsonfile_free(&j);
	assert_null(j.root);
	jsonfile_free(&j); /* of nothing is fine */
	assert_int_equal(jsonfile_load(&j, path, 9, &f), 0);
	jsonfile_free(&j);
	assert_int_equal(jsonfile_load(&j, path, 8, &f), -1);
	assert_int_equal(errno, EFBIG);
	assert_non_null(strstr(f.what, "larger than 8 bytes"));
	assert_null(j.root);
}

static void test_no_file(void **state)
{
	autofree char *missing = unit_path("missing.json");
	autofree char *fifo = unit_path("fifo.json");
	struct jsonfile j;
	struct fault f = {0};

	(void)state;
	assert_int_equal(jsonfile_load(&j, missing, MAX, &f), -1);
	assert_int_equal(errno, ENOENT);
	assert_non_null(strstr(f.what, missing));
	assert_non_null(strstr(f.what, "No such file"));
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(jsonfile_load(&j, fifo, MAX, &f), -1);
	assert_int_equal(errno, EINVAL);
	assert_non_null(strstr(f.what, "not a regular file"));
}

static const struct {
	const char *text;
	size_t len; /* 0: of the string */
	const char *what;
} bad[] = {
	{"", 0, "x.json:1: not JSON"},
	{"{", 0, "x.json:1: not JSON"},
	{"[]", 0, "x.json:1: expected a JSON object"},
	{"7", 0, "not JSON"},
	{"{\n\"a\":1,\n\"a\":2}", 0, "x.json:3: not JSON: duplicate"},
	{"{\"a\":1}}", 0, "not JSON: end of file expected"},
	{"{\"a\":1} \0", 9, "not JSON"},
	{"{\"a\0b\":1}", 9, "not JSON"},
	{"{\"a\":\"\\u0000\"}", 0, "not JSON: \\u0000"},
	{"{\"a\":\"\xff\"}", 0, "not JSON"},
	{"{\"a\":\"\n\"}", 0, "not JSON: unexpected newline"},
	{"{\"a\":1,}", 0, "not JSON"},
	{"{\"a\":01}", 0, "not JSON"},
	{"{'a':1}", 0, "not JSON"},
	{"\xef\xbb\xbf{}", 0, "not JSON"},
	{"{\"a\":\x1b[2J}", 0, "not JSON: invalid token near '?'"},
};

static void test_complaints(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		size_t len = bad[i].len ? bad[i].len : strlen(bad[i].text);
		char *text = mem_alloc(len + 1);
		struct jsonfile j;
		struct fault f = {0};

		memcpy(text, bad[i].text, len);
		errno = 99;
		assert_int_equal(jsonfile_take(&j, "x.json", text, len, &f), -1);
		assert_int_equal(errno, 0);
		if (strstr(f.what, bad[i].what) == NULL)
			fail_msg("row %zu: %s", i, f.what);
		for (const char *c = f.what; *c; c++)
			assert_true(*c >= 0x20 && *c < 0x7f);
	}
}

/* What only nests without end is refused, and does not end the stack. */
static void test_deep(void **state)
{
	enum { DEPTH = 200000 };
	char *text = mem_alloc(DEPTH + 6);
	struct jsonfile j;
	struct fault f = {0};

	(void)state;
	memcpy(text, "{\"a\":", 5);
	memset(text + 5, '[', DEPTH);
	assert_int_equal(jsonfile_take(&j, "x.json", text, DEPTH + 5, &f), -1);
	assert_non_null(strstr(f.what, "not JSON"));
}

static const char lines[] =
	"\n{ \"plain\": 1, \"x\": \"}]\\\"\\\\\",\n"
	"  \"list\": [ 1,\n  {\"b\": [],\n   \"c\":\n   {\"d\" : [ true, null,\n  -1.5e3, \"]\" ] } } ],\n"
	"  \"\\u0061\\\"{\": {},\n  \"last\": [\n]}\n";

static void test_lines(void **state)
{
	const struct jsonat plain = {NULL, "plain", 0}, x = {NULL, "x", 1}, list = {NULL, "list", 2};
	const struct jsonat one = {&list, NULL, 0}, two = {&list, NULL, 1}, b = {&two, "b", 0};
	const struct jsonat c = {&two, "c", 1}, d = {&c, "d", 0}, d2 = {&d, NULL, 2};
	const struct jsonat d3 = {&d, NULL, 3}, odd = {NULL, "a\"{", 3}, last = {NULL, "last", 4};
	const struct jsonat past = {&last, NULL, 7}, nowhere = {NULL, "y", 99};
	const struct {
		const struct jsonat *at;
		unsigned int line;
	} rows[] = {
		{NULL, 2}, {&plain, 2}, {&x, 2},    {&list, 3}, {&one, 3}, {&two, 4},  {&b, 4},
		{&c, 5},   {&d, 6},	{&d2, 7},   {&d3, 7},	{&odd, 8}, {&last, 9},
	};
	struct jsonfile j;
	struct fault f = {0};

	(void)state;
	if (jsonfile_take(&j, "x.json", mem_strdup(lines), strlen(lines), &f) < 0)
		fail_msg("%s", f.what);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (jsonfile_line(&j, rows[i].at) != rows[i].line)
			fail_msg("row %zu: %u", i, jsonfile_line(&j, rows[i].at));
	/* A place that is not there is some line of the file. */
	assert_in_range(jsonfile_line(&j, &past), 1, 11);
	assert_in_range(jsonfile_line(&j, &nowhere), 1, 11);
	assert_int_equal(jsonfile_fault(&j, &d2, &f, "bad %d", 7), -1);
	assert_string_equal(f.what, "x.json:7: list[1].c.d[2]: bad 7");
	jsonfile_fault(&j, &odd, &f, "bad");
	assert_string_equal(f.what, "x.json:8: a\"{: bad");
	jsonfile_fault(&j, NULL, &f, "bad");
	assert_string_equal(f.what, "x.json:2: bad");
	jsonfile_free(&j);
}

static void test_words(void **state)
{
	static const char *const known[] = {"owner", "environment", "profile"};
	struct jsonat at = {NULL, "ownr", 0}, far = {NULL, "zzz\x1b[2J", 0};
	struct jsonfile j;
	struct fault f = {0};
	json_t *v;

	(void)state;
	assert_int_equal(jsonfile_take(&j, "x.json", mem_strdup("{}"), 2, &f), 0);
	assert_int_equal(jsonfile_unknown(&j, &at, known, ARRAY_SIZE(known), &f), -1);
	assert_string_equal(f.what, "x.json:1: ownr: unknown key; did you mean \"owner\"?");
	jsonfile_unknown(&j, &far, known, ARRAY_SIZE(known), &f);
	assert_string_equal(f.what, "x.json:1: zzz?[2J: unknown key");
	v = json_pack("[s, i, b, n, {}, [], f, b]", "a\x1b", 7, 1, 1.5, 0);
	for (size_t i = 0; i < json_array_size(v); i++) {
		static const char *const got[] = {"\"a?\"", "7",      "true",	    "null",
						  "an object", "a list", "a fraction", "false"};

		assert_int_equal(jsonfile_expected(&j, &at, json_array_get(v, i), "x", &f), -1);
		assert_non_null(strstr(f.what, "ownr: expected x, got "));
		assert_string_equal(strstr(f.what, "got ") + 4, got[i]);
	}
	json_decref(v);
	jsonfile_free(&j);
}

/* Keys and paths without end make no message without end. */
static void test_long(void **state)
{
	autofree char *key = mem_alloc(100000);
	struct jsonat at[40] = {{NULL, key, 0}};
	struct jsonfile j;
	struct fault f = {0};

	(void)state;
	memset(key, 'k', 99999);
	for (size_t i = 1; i < ARRAY_SIZE(at); i++)
		at[i] = (struct jsonat){&at[i - 1], key, 0};
	assert_int_equal(jsonfile_take(&j, "x.json", mem_strdup("{}"), 2, &f), 0);
	assert_int_equal(jsonfile_fault(&j, &at[39], &f, "%s", key), -1);
	assert_true(strlen(f.what) < FAULT_WHAT_MAX);
	jsonfile_free(&j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_load),  cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_complaints), cmocka_unit_test(test_deep),
		cmocka_unit_test(test_lines), cmocka_unit_test(test_words),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests_name("jsonfile", tests, unit_setup, unit_teardown);
}
