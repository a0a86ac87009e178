/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON writer: valid at every size, whatever the bytes. */
#include "unit.h"

#include <jansson.h>

#include "base/json.h"

enum { GUARD = 8, TEXT_MAX = 512, LEAST = 2 /* "{}" */ };

/* One of everything, nested, with what wants escaping. */
static void write_sample(struct json *j)
{
	json_open(j, NULL, '{');
	json_str(j, "schema", "x/1");
	json_int(j, "n", -9223372036854775807LL - 1);
	json_str(j, "absent", NULL);
	json_raw(j, "absent", NULL);
	json_open(j, "list", '[');
	json_str(j, NULL, "a\"b\\c\n\x1b[2J");
	json_str(j, NULL, "\xff\xc3\xa9\xf0\x9f\x98\x80\xe2\x80\xae\xf3\xa0\x80\x81");
	json_open(j, NULL, '[');
	json_open(j, NULL, '{');
	json_bool(j, "deep", true);
	json_close(j, '}');
	json_close(j, ']');
	json_bool(j, NULL, false);
	json_close(j, ']');
	json_open(j, "empty", '{');
	json_close(j, '}');
	json_strn(j, "nul", "a\0b", 3);
	json_raw(j, "raw", "[1,2]");
	json_str(j, "a longer key, with \"quotes\"", "and a longer value behind it");
	json_int(j, "last", 1);
	json_close(j, '}');
}

static const char sample[] =
	"{\"schema\":\"x/1\",\"n\":-9223372036854775808,"
	"\"list\":[\"a\\\"b\\\\c\\u000a\\u001b[2J\","
	"\"\xef\xbf\xbd\xc3\xa9\xf0\x9f\x98\x80\\u202e\\udb40\\udc01\",[{\"deep\":true}],false],"
	"\"empty\":{},\"nul\":\"a\\u0000b\",\"raw\":[1,2],"
	"\"a longer key, with \\\"quotes\\\"\":\"and a longer value behind it\",\"last\":1}";

static void test_whole(void **state)
{
	char text[TEXT_MAX];
	struct json j;

	(void)state;
	json_init(&j, text, sizeof(text));
	write_sample(&j);
	assert_string_equal(text, sample);
	assert_int_equal(j.len, strlen(sample));
	assert_false(j.full);
}

static bool has(json_t *list, json_t *item)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (json_equal(json_array_get(list, i), item))
			return true;
	return false;
}

/* A member is whole or not there. */
static void assert_part_of(json_t *part, json_t *whole)
{
	const char *key;
	json_t *v;

	json_object_foreach(part, key, v) {
		json_t *same = json_object_get(whole, key);

		assert_true(json_is_array(v) || json_equal(v, same));
		for (size_t i = 0; i < json_array_size(v); i++)
			if (json_is_string(json_array_get(v, i)))
				assert_true(has(same, json_array_get(v, i)));
	}
}

static void test_every_size(void **state)
{
	json_t *whole = json_loads(sample, JSON_ALLOW_NUL, NULL);
	size_t fits = strlen(sample) + 1;

	(void)state;
	assert_non_null(whole);
	for (size_t size = 1; size < fits + 4; size++) {
		char buf[TEXT_MAX + GUARD];
		json_error_t e;
		struct json j;
		json_t *o;

		memset(buf, 0x5a, sizeof(buf));
		json_init(&j, buf, size);
		write_sample(&j);
		for (size_t i = size; i < size + GUARD; i++)
			assert_int_equal(buf[i], 0x5a);
		assert_true(j.len < size);
		assert_int_equal(strlen(buf), j.len);
		assert_int_equal(j.full, size < fits);
		if (size < LEAST + 1) {
			assert_string_equal(buf, "");
			continue;
		}
		o = json_loads(buf, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &e);
		if (o == NULL)
			fail_msg("size %zu: %s: %s", size, e.text, buf);
		assert_part_of(o, whole);
		json_decref(o);
	}
	json_decref(whole);
}

/* Terminated, and the same text as far as it goes, after each call. */
static void test_always_terminated(void **state)
{
	char text[64];
	struct json j;

	(void)state;
	memset(text, 'x', sizeof(text));
	json_init(&j, text, sizeof(text));
	assert_string_equal(text, "");
	json_open(&j, NULL, '{');
	assert_string_equal(text, "{");
	json_str(&j, "a", "b");
	assert_string_equal(text, "{\"a\":\"b\"");
	json_open(&j, "c", '[');
	assert_string_equal(text, "{\"a\":\"b\",\"c\":[");
	json_close(&j, ']');
	json_close(&j, '}');
	assert_string_equal(text, "{\"a\":\"b\",\"c\":[]}");
}

/* All of a container that did not fit is left out, whatever is in it; what comes after
 * it may fit again. */
static void test_left_out(void **state)
{
	char text[32];
	struct json j;

	(void)state;
	json_init(&j, text, sizeof(text));
	json_open(&j, NULL, '{');
	json_open(&j, "a key of more than thirty bytes", '{');
	json_open(&j, "x", '[');
	json_int(&j, NULL, 1);
	json_close(&j, ']');
	json_int(&j, "y", 2);
	json_close(&j, '}');
	json_int(&j, "z", 3);
	json_close(&j, '}');
	assert_string_equal(text, "{\"z\":3}");
	assert_true(j.full);
}

static void test_every_byte(void **state)
{
	(void)state;
	for (int b = 0; b < 256; b++) {
		char value[3] = {'a', (char)b, 'z'}, text[64];
		const char *got;
		struct json j;
		json_t *o;

		json_init(&j, text, sizeof(text));
		json_open(&j, NULL, '{');
		json_strn(&j, "v", value, sizeof(value));
		json_close(&j, '}');
		for (const char *c = text; *c; c++)
			assert_true((unsigned char)*c >= 0x20 && *c != 0x7f);
		o = json_loads(text, JSON_ALLOW_NUL, NULL);
		assert_non_null(o);
		got = json_string_value(json_object_get(o, "v"));
		if (b < 0x80)
			assert_memory_equal(got, value, sizeof(value));
		else
			assert_string_equal(got, "a\xef\xbf\xbdz");
		json_decref(o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_every_size),
		cmocka_unit_test(test_always_terminated),
		cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_every_byte),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
