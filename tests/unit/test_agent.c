/* SPDX-License-Identifier: Apache-2.0 */
/* The inventory: what a file must say, and who may start. */
#include "unit.h"

#include <time.h>

#include "inventory/agent.h"

static void test_ids(void **state)
{
	static const char *const good[] = {"a", "0", "support-refunds-prod", "a.b_c-d"};
	static const char *const bad[] = {"", ".", "-a", "_a", "A", "a/b", "a b", "a\n", "..", "@all",
					  "owner:x", "\303\251"};
	char longest[AGENT_ID_MAX + 2];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(agent_id_valid(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(agent_id_valid(bad[i]));
	memset(longest, 'a', sizeof(longest));
	longest[AGENT_ID_MAX + 1] = '\0';
	assert_false(agent_id_valid(longest));
	longest[AGENT_ID_MAX] = '\0';
	assert_true(agent_id_valid(longest));
}

static void test_save_and_load(void **state)
{
	struct agent a = {.id = "bot", .owner = "alice@example.com", .environment = "prod",
			  .profile = "default", .review_by = "2027-06-30"};
	struct strlist ids = {0};
	struct agent *b;
	struct fault f = {0};

	(void)state;
	assert_null(agent_load(unit_dir, "bot", &f));
	assert_non_null(strstr(f.mend, "warder agents add bot --owner"));
	strlist_add(&a.requesters, "user:*");
	assert_int_equal(agent_save(unit_dir, &a, false, &f), 0);
	assert_int_equal(agent_save(unit_dir, &a, false, &f), -1);
	assert_non_null(strstr(f.what, "registered already"));
	a.model = "m";
	assert_int_equal(agent_save(unit_dir, &a, true, &f), 0);
	b = agent_load(unit_dir, "bot", &f);
	assert_non_null(b);
	assert_string_equal(b->owner, a.owner);
	assert_string_equal(b->model, "m");
	assert_int_equal(b->state, AGENT_ACTIVE);
	assert_string_equal(b->requesters.v[0], "user:*");
	agent_free(b);
	unit_put("agents.d/README", "not one of them");
	unit_put("agents.d/.hidden.json", "{}");
	a.id = "another";
	assert_int_equal(agent_save(unit_dir, &a, false, &f), 0);
	assert_int_equal(agent_list(unit_dir, &ids, &f), 0);
	assert_int_equal(ids.n, 2);
	assert_string_equal(ids.v[0], "another");
	strlist_free(&ids);
	strlist_free(&a.requesters);
	assert_int_equal(agent_list("/nowhere", &ids, &f), 0);
	assert_int_equal(ids.n, 0);
}

#define REST "'owner':'o','environment':'e','profile':'p'"

static const struct {
	const char *json, *what;
} bad[] = {
	{"{", "x.json:1: not JSON"},
	{"{'agent_id':'x','owner':'o','profile':'p'}", "expected a key \"environment\""},
	{"{'agent_id':'y'," REST "}", "is about the agent \"y\""},
	{"{'agent_id':'x',\n'ownr':'o'," REST "}", "x.json:2: ownr: unknown key; did you mean \"owner\""},
	{"{'agent_id':'x','owner':'a/b','environment':'e','profile':'p'}", "owner: expected one person"},
	{"{'agent_id':'x','owner':'','environment':'e','profile':'p'}", "owner: expected one person"},
	{"{'agent_id':'x','review_by':'2027-02-29'," REST "}", "review_by: expected a date"},
	{"{'agent_id':'x','review_by':'2027-2-1'," REST "}", "review_by: expected a date"},
	{"{'agent_id':'x','state':'on'," REST "}", "state: expected \"active\""},
	{"{'agent_id':'x','requesters':[]," REST "}", "requesters: expected at least one"},
	{"{'agent_id':'x','requesters':['alice']," REST "}", "requesters[0]: expected a pattern"},
	{"{'agent_id':'x','purpose':'\\u001b[2J'," REST "}", "purpose: expected text"},
	{"{'agent_id':'x','agent_id':'x'," REST "}", "not JSON: duplicate"},
};

static void test_complaints(void **state)
{
	struct fault f;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		print_message("# row %zu\n", i);
		unit_put("agents.d/x.json", bad[i].json);
		assert_null(agent_load(unit_dir, "x", &f));
		if (strstr(f.what, bad[i].what) == NULL)
			fail_msg("got: %s\nnot: %s", f.what, bad[i].what);
	}
	assert_null(agent_load(unit_dir, "../x", &f));
	assert_non_null(strstr(f.what, "no agent can have the id"));
}

static void date(char out[11], int days)
{
	time_t t = time(NULL) + days * 86400;
	struct tm tm;

	strftime(out, 11, "%Y-%m-%d", gmtime_r(&t, &tm));
}

static void test_may_start(void **state)
{
	struct agent a = {.id = "bot", .owner = "o", .environment = "e", .profile = "p"};
	char when[11];
	struct fault f;

	(void)state;
	assert_int_equal(agent_may_start(&a, "user:alice", &f), 0);
	for (int s = AGENT_DRAFT; s <= AGENT_RETIRED; s++) {
		a.state = (enum agent_state)s;
		assert_int_equal(agent_may_start(&a, "user:alice", &f), -1);
		assert_non_null(strstr(f.what, agent_state_name(a.state)));
	}
	a.state = AGENT_ACTIVE;
	a.review_by = when;
	date(when, 1);
	assert_int_equal(agent_may_start(&a, "user:alice", &f), 0);
	date(when, 0); /* the day itself still counts */
	assert_int_equal(agent_may_start(&a, "user:alice", &f), 0);
	date(when, -1);
	assert_int_equal(agent_may_start(&a, "user:alice", &f), -1);
	assert_non_null(strstr(f.what, "was to be reviewed by"));
	a.review_by = NULL;
	strlist_add(&a.requesters, "user:a*");
	strlist_add(&a.requesters, "service:ci");
	assert_int_equal(agent_may_start(&a, "user:alice", &f), 0);
	assert_int_equal(agent_may_start(&a, "service:ci", &f), 0);
	assert_int_equal(agent_may_start(&a, "service:ci2", &f), -1);
	assert_int_equal(agent_may_start(&a, "user:bob", &f), -1);
	strlist_free(&a.requesters);
}

/* What could not be read again is not written. */
static void test_bytes(void **state)
{
	static const char *const names[] = {"\xff", "a\xc3", "a\xe2\x80\xae", "a\x1b", "a\nb"};
	struct agent a = {.id = "bytes", .environment = "e", .profile = "p"}, *b;
	struct fault f = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		a.owner = (char *)names[i];
		assert_int_equal(agent_save(unit_dir, &a, false, &f), -1);
		assert_non_null(strstr(f.what, "owner: expected one person"));
	}
	a.owner = "Jos\xc3\xa9 \xe5\x90\x8d";
	assert_int_equal(agent_save(unit_dir, &a, false, &f), 0);
	b = agent_load(unit_dir, "bytes", &f);
	assert_non_null(b);
	assert_string_equal(b->owner, a.owner);
	agent_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ids),	   cmocka_unit_test(test_save_and_load),
		cmocka_unit_test(test_complaints), cmocka_unit_test(test_may_start),
		cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests_name("agent", tests, unit_setup, unit_teardown);
}
