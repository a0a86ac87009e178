/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 from strangers: every character there is, and what only looks like one. */
#include "unit.h"

#include "base/utf8.h"

/* RFC 3629, by the book and slowly. */
static size_t encode(uint32_t c, char out[4])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

static void test_every_character(void **state)
{
	(void)state;
	for (uint32_t c = 0; c < 0x110000; c++) {
		bool surrogate = c >= 0xd800 && c <= 0xdfff;
		uint32_t got = 0;
		char text[4];
		size_t n = encode(c, text);

		if (utf8_decode(text, n, &got) != (surrogate ? 0 : n) || (!surrogate && got != c))
			fail_msg("U+%04X", c);
		/* Of each, every part is none. */
		for (size_t part = 1; part < n; part++)
			if (utf8_decode(text, part, &got) != 0 || utf8_trim(text, part) != 0)
				fail_msg("%zu bytes of U+%04X", part, c);
		if (utf8_trim(text, n) != n)
			fail_msg("U+%04X is cut", c);
	}
}

static void test_no_characters(void **state)
{
	static const char *const bad[] = {
		"\x80", "\xbf", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\xaf", "\xe0\x9f\xbf",
		"\xf0\x80\x80\xaf", "\xf0\x8f\xbf\xbf", "\xed\xa0\x80", "\xed\xbf\xbf",
		"\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80", "\xfe", "\xff",
		"\xc3(", "\xe2\x82(", "\xf0\x9f\x98(", "\xc3\xc3\xa9",
	};
	uint32_t c = 0x1234;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(utf8_decode(bad[i], strlen(bad[i]), &c), 0);
		assert_int_equal(c, 0x1234);
	}
	/* Only the first character counts. */
	assert_int_equal(utf8_decode("a\xff", 2, &c), 1);
	assert_int_equal(c, 'a');
}

static void test_trim(void **state)
{
	static const struct {
		const char *text;
		size_t kept;
	} rows[] = {
		{"", 0},       {"abc", 3},	     {"ab\xc3", 2},	   {"ab\xc3\xa9", 4},
		{"a\xe2\x82", 1}, {"a\xe2\x82\xac", 4}, {"a\xf0\x9f\x98", 1}, {"\xf0\x9f\x98\x80", 4},
		/* What is no character anyway is no reason to lose more than it. */
		{"ab\xff", 3}, {"ab\x80\x80\x80\x80", 6}, {"\x80", 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(utf8_trim(rows[i].text, strlen(rows[i].text)), rows[i].kept);
}

static void test_hidden(void **state)
{
	static const struct {
		uint32_t c;
		bool hidden;
	} rows[] = {
		{0x00, true},	{0x1b, true},	{'\n', true},	{' ', false},	{'~', false},
		{0x7f, true},	{0x9b, true},	{0x9f, true},	{0xa0, false},	{0xe9, false},
		{0xad, true},	{0x34f, true},	{0x61c, true},	{0x115f, true}, {0x1160, true},
		{0x1100, false}, {0x17b4, true}, {0x180e, true}, {0x200b, true}, {0x200f, true},
		{0x2010, false}, {0x2028, true}, {0x2029, true}, {0x202e, true}, {0x202f, false},
		{0x2066, true}, {0x2069, true}, {0x20ac, false}, {0x3164, true}, {0x4e2d, false},
		{0xfe0f, true}, {0xfeff, true}, {0xffa0, true}, {0xffa1, false}, {0xfffd, false},
		{0xfffe, true}, {0x1f600, false}, {0x1d173, true}, {0xe0001, true}, {0xe0100, true},
		{0x10ffff, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (utf8_is_hidden(rows[i].c) != rows[i].hidden)
			fail_msg("U+%04X", rows[i].c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_character),
		cmocka_unit_test(test_no_characters),
		cmocka_unit_test(test_trim),
		cmocka_unit_test(test_hidden),
	};

	return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
