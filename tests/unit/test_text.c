/* SPDX-License-Identifier: Apache-2.0 */
/* Text of an agent's on a person's terminal: shown, never obeyed. */
#include "unit.h"

#include "cli/text.h"

enum { OUT_MAX = 256 };

static const struct row {
	const char *in, *out;
	size_t width;
} rows[] = {
	{"", "", 0},
	{"plain", "plain", 5},
	{"a\tb\n", "a\\x09b\\x0a", 10},
	{"\033[31mred", "\\x1b[31mred", 11},
	{"del\x7f", "del\\x7f", 7},
	{"caf\xc3\xa9", "caf\xc3\xa9", 4},
	{"\xc2\x9b" "31m", "\\u009b31m", 9},          /* CSI in one character */
	{"\xe2\x80\xae" "gpj", "\\u202egpj", 9},      /* right-to-left override */
	{"\xe2\x80\x8b", "\\u200b", 6},               /* no width */
	{"\xf3\xa0\x81\x81", "\\ue0041", 7},          /* a tag */
	{"\xff\xfe", "\\xff\\xfe", 8},                /* no UTF-8 */
	{"\xc0\xaf", "\\xc0\\xaf", 8},                /* overlong */
	{"\xe2\x82", "\\xe2\\x82", 8},                /* cut off */
	{"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", 1},
};

static void test_print(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char out[OUT_MAX] = "";
		FILE *to = fmemopen(out, sizeof(out), "w");
		size_t width = text_print(to, rows[i].in);

		fclose(to);
		assert_string_equal(out, rows[i].out);
		assert_int_equal(width, rows[i].width);
	}
}

static void test_pad(void **state)
{
	char out[OUT_MAX] = "";
	FILE *to = fmemopen(out, sizeof(out), "w");

	(void)state;
	text_pad(to, "caf\xc3\xa9", 6);
	text_pad(to, "longer", 3);
	text_pad(to, "", 2);
	fputc('|', to);
	fclose(to);
	assert_string_equal(out, "caf\xc3\xa9  longer  |");
}

static void test_table(void **state)
{
	static const char *const cells[] = {
		"ID", "OWNER", "STATE",
		"a", "caf\xc3\xa9", "ok",
		"longer", "\033", "",
	};
	char out[OUT_MAX] = "";
	FILE *to = fmemopen(out, sizeof(out), "w");

	(void)state;
	text_table(to, cells, 3, 3);
	fclose(to);
	assert_string_equal(out, "ID      OWNER  STATE\n"
				 "a       caf\xc3\xa9   ok\n"
				 "longer  \\x1b   \n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_pad),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
