/* SPDX-License-Identifier: Apache-2.0 */
/* Durations and sizes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/units.h"

static const struct {
	const char *text;
	int64_t ms; /* 0: refused */
} durations[] = {
	{"500ms", 500}, {"10s", 10000}, {"5m", 300000}, {"2h", 7200000}, {"7d", 604800000},
	{"3650d", 315360000000}, {"3651d", 0}, {"0s", 0}, {"", 0}, {"s", 0}, {"10", 0}, {"-1s", 0},
	{"+1s", 0}, {" 1s", 0}, {"1 s", 0}, {"1s ", 0}, {"1.5s", 0}, {"1S", 0}, {"1h30m", 0},
	{"18446744073709551616ms", 0}, {"18446744073709551615d", 0}, {"9223372036854775807d", 0},
	{"1e3s", 0}, {"0x1s", 0},
};

static const struct {
	const char *text;
	uint64_t bytes;
} sizes[] = {
	{"1", 1}, {"64K", 65536}, {"512M", 536870912}, {"2G", 2147483648}, {"1T", 1099511627776},
	{"0", 0}, {"", 0}, {"K", 0}, {"1k", 0}, {"1KB", 0}, {"-1", 0}, {"1.5G", 0}, {"8388608T", 0},
	{"8388607T", 9223370937343148032ULL}, {"99999999999999999999", 0}, {"18446744073709551615", 0},
};

static void test_durations(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(durations); i++) {
		int64_t ms = 0;

		print_message("# %s\n", durations[i].text);
		assert_int_equal(units_duration(durations[i].text, &ms), durations[i].ms != 0);
		assert_true(ms == durations[i].ms);
	}
}

static void test_sizes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint64_t bytes = 0;

		print_message("# %s\n", sizes[i].text);
		assert_int_equal(units_size(sizes[i].text, &bytes), sizes[i].bytes != 0);
		assert_true(bytes == sizes[i].bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
