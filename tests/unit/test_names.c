/* SPDX-License-Identifier: Apache-2.0 */
/* supervisor/names: synthetic addresses, both ways, and their bound. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "supervisor/names.h"

static void test_both_ways(void **state)
{
	struct names *t = names_new();
	struct name *a, *b;
	char text[INET6_ADDRSTRLEN];

	(void)state;
	assert_non_null(t);
	assert_null(names_find(t, "a.example"));
	a = names_add(t, "a.example");
	b = names_add(t, "b.example");
	assert_non_null(a);
	assert_non_null(b);
	assert_ptr_equal(names_add(t, "a.example"), a);
	assert_ptr_equal(names_find(t, "a.example"), a);
	assert_ptr_equal(names_of_addr(t, &b->addr), b);
	assert_string_equal(b->text, "b.example");
	assert_false(addr_equal(&a->addr, &b->addr));
	assert_int_equal(names_count(t), 2);
	assert_false(a->recorded);
	assert_int_equal(a->count, 0);
	addr_text(&a->addr, text);
	assert_string_equal(text, "198.18.0.16");
	names_free(t);
	names_free(NULL);
}

static void test_full(void **state)
{
	struct names *t = names_new();
	struct name *first;
	struct addr kept;
	char text[32];

	(void)state;
	assert_non_null(t);
	first = names_add(t, "n0");
	kept = first->addr;
	for (int i = 1; i < NAMES_MAX; i++) {
		struct name *e;

		snprintf(text, sizeof(text), "n%d", i);
		e = names_add(t, text);
		assert_non_null(e);
		assert_true(names_is_synthetic(&e->addr));
		assert_ptr_equal(names_of_addr(t, &e->addr), e);
	}
	errno = 0;
	assert_null(names_add(t, "one.more"));
	assert_int_equal(errno, ENOSPC);
	/* What was given out stays: entries don't move, old names are found. */
	assert_ptr_equal(names_add(t, "n0"), first);
	assert_true(addr_equal(&first->addr, &kept));
	for (int i = 0; i < NAMES_MAX; i++) {
		snprintf(text, sizeof(text), "n%d", i);
		assert_string_equal(names_find(t, text)->text, text);
	}
	assert_null(names_find(t, "n16384"));
	names_free(t);
}

static const struct {
	const char *text;
	bool synthetic;
} addrs[] = {
	{"198.17.255.255", false},   {"198.18.0.0", true},   {"198.18.0.1", true},
	{"198.19.255.255", true},    {"198.20.0.0", false},  {"0.0.0.0", false},
	{"255.255.255.255", false},  {"2001:db8::1", false}, {"c612::", false},
	{"::ffff:198.18.0.1", true}, /* addr_parse() makes it IPv4 */
};

static void test_range(void **state)
{
	struct names *t = names_new();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(addrs); i++) {
		struct addr a;

		assert_true(addr_parse(addrs[i].text, &a));
		assert_int_equal(names_is_synthetic(&a), addrs[i].synthetic);
		assert_null(names_of_addr(t, &a));
	}
	names_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
