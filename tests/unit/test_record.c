/* SPDX-License-Identifier: Apache-2.0 */
/* One action as one line: DESIGN §8, whatever the bytes and however many of them. */
#include "unit.h"

#include <errno.h>
#include <jansson.h>

#include "base/utf8.h"
#include "record/chain.h"
#include "record/record.h"

enum { HUGE = 100 * 1000 };

static const struct record_identity who = {
	.run_id = "run_01",
	.agent_id = "bot",
	.owner = "alice@example.com",
	.environment = "prod",
	.requester_type = "user",
	.requester_id = "u_123",
	.model_provider = "OpenAI",
	.model = "gpt-4.1",
	.session = "s",
	.ticket = "JIRA-1",
	.tier = "full",
};
static char *const argv[] = {"curl", "-v", "https://api.stripe.com/", NULL};
static const struct action whole = {
	.phase = PHASE_DECISION,
	.tool = "connect",
	.resource = "api.stripe.com:443",
	.decision = POLICY_DENIED,
	.rule = "egress[3]",
	.reason = "a rule denies it",
	.result = RESULT_BLOCKED,
	.err = EACCES,
	.via = VIA_KERNEL,
	.process = {.pid = 57, .host_pid = 9123, .exe = "/usr/bin/curl", .argv = argv, .argc = 3},
	.detail = "{\"a\":{\"b\":[1,true,null,\"c\"]}}",
	.approval_type = "ticket",
	.approval_id = "JIRA-1842",
	.approval_by = "bob",
	.action_id = "act_X",
	.attempt = 2,
};
static const struct timespec when = {1700000000, 1234567};

static char line[RECORD_LINE_MAX];

static size_t format(const struct record_identity *id, const struct action *a)
{
	size_t len;

	memset(line, 0x5a, sizeof(line));
	len = record_format(id, a, 41, CHAIN_FIRST, &when, line, sizeof(line) - 1);
	assert_true(len < sizeof(line) - 1);
	assert_int_equal(strlen(line), len);
	assert_int_equal(line[sizeof(line) - 1], 0x5a);
	return len;
}

/* The line as it is read again; the caller drops it. */
static json_t *read_line(void)
{
	json_error_t e;
	json_t *o = json_loads(line, JSON_REJECT_DUPLICATES, &e);

	if (o == NULL)
		fail_msg("%s: %s", e.text, line);
	return o;
}

static json_t *record(const struct record_identity *id, const struct action *a)
{
	format(id, a);
	return read_line();
}

static const char *text_of(json_t *o, const char *path)
{
	autofree char *copy = mem_strdup(path);

	for (char *key = strtok(copy, "."); key && o; key = strtok(NULL, "."))
		o = json_object_get(o, key);
	return json_string_value(o);
}

static bool says(json_t *o, const char *key)
{
	return json_is_true(json_object_get(json_object_get(o, "detail"), key));
}

static void test_whole(void **state)
{
	(void)state;
	format(&who, &whole);
	assert_string_equal(
		line,
		"{\"schema\":\"warder.record/1\",\"seq\":41,\"prev\":\"" CHAIN_FIRST "\","
		"\"timestamp\":\"2023-11-14T22:13:20.001234Z\",\"run_id\":\"run_01\","
		"\"action_id\":\"act_X\",\"attempt\":2,\"phase\":\"decision\",\"agent_id\":\"bot\","
		"\"owner\":\"alice@example.com\",\"environment\":\"prod\","
		"\"requested_by\":{\"type\":\"user\",\"id\":\"u_123\"},\"model_provider\":"
		"\"OpenAI\","
		"\"model\":\"gpt-4.1\",\"tool\":\"connect\",\"resource\":\"api.stripe.com:443\","
		"\"policy_decision\":\"denied\",\"rule\":\"egress[3]\",\"reason\":\"a rule denies "
		"it\","
		"\"approval\":{\"type\":\"ticket\",\"id\":\"JIRA-1842\",\"by\":\"bob\"},"
		"\"result\":\"blocked\",\"errno\":\"EACCES\",\"via\":\"kernel\",\"tier\":\"full\","
		"\"process\":{\"pid\":57,\"host_pid\":9123,\"exe\":\"/usr/bin/curl\","
		"\"argv\":[\"curl\",\"-v\",\"https://api.stripe.com/\"]},"
		"\"detail\":{\"a\":{\"b\":[1,true,null,\"c\"]}}}");
}

static const char *const always[] = {
	"schema",      "seq",	       "prev",	"timestamp", "run_id",
	"action_id",   "attempt",      "phase", "agent_id",  "owner",
	"environment", "requested_by", "tool",	"resource",  "policy_decision",
	"result",      "via",	       "tier",
};

static void assert_always(json_t *o)
{
	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		if (json_object_get(o, always[i]) == NULL)
			fail_msg("no %s", always[i]);
}

/* What there is nothing to say about is left out, but what is always there is there. */
static void test_least(void **state)
{
	const struct record_identity nobody = {0};
	const struct action nothing = {0};
	const char *key;
	json_t *o = record(&nobody, &nothing), *v;
	size_t i = 0;

	(void)state;
	json_object_foreach(o, key, v)
		assert_string_equal(key, always[i++]);
	assert_int_equal(i, ARRAY_SIZE(always));
	assert_string_equal(text_of(o, "owner"), "");
	assert_string_equal(text_of(o, "tier"), "");
	json_decref(o);
}

static void test_words(void **state)
{
	static const char *const phases[] = {"decision", "outcome",    "lifecycle",
					     "approval", "revocation", "finding"};
	static const char *const decisions[] = {"allowed", "denied", "approved", "observed"};
	static const char *const results[] = {"success", "failure", "blocked",
					      "pending", "timeout", "killed"};
	static const char *const vias[] = {"kernel", "shim", "tun", "gateway", "launcher", "cli"};

	(void)state;
	for (unsigned int i = 0; i < 6; i++) {
		struct action a = {.phase = i, .decision = i % 4, .result = i, .via = i};
		json_t *o = record(&who, &a);

		assert_string_equal(text_of(o, "phase"), phases[i]);
		assert_string_equal(text_of(o, "policy_decision"), decisions[i % 4]);
		assert_string_equal(text_of(o, "result"), results[i]);
		assert_string_equal(text_of(o, "via"), vias[i]);
		json_decref(o);
	}
}

/* All strings of an action and of who acts, one after the other. */
static void with_all(const char *s, void (*check)(const struct record_identity *,
						  const struct action *, const char *))
{
	char *one[] = {(char *)s, NULL};

	for (size_t i = 0; i < 15; i++) {
		struct record_identity id = who;
		struct action a = whole;
		const char **fields[] = {
			&id.run_id,
			&id.agent_id,
			&id.owner,
			&id.environment,
			&id.requester_type,
			&id.requester_id,
			&id.model,
			&id.tier,
			&a.tool,
			&a.resource,
			&a.rule,
			&a.reason,
			&a.approval_id,
			&a.process.exe,
		};

		if (i < ARRAY_SIZE(fields)) {
			*fields[i] = s;
		} else {
			a.process.argv = one;
			a.process.argc = 1;
		}
		check(&id, &a, s);
	}
}

static void check_bytes(const struct record_identity *id, const struct action *a, const char *s)
{
	size_t len = format(id, a), step;
	uint32_t c;
	json_t *o;

	(void)s;
	for (size_t i = 0; i < len; i += step) {
		step = utf8_decode(line + i, len - i, &c);
		assert_true(step > 0 && !utf8_is_hidden(c));
	}
	o = read_line();
	assert_always(o);
	json_decref(o);
}

static void test_every_byte(void **state)
{
	(void)state;
	for (int b = 1; b < 256; b++) {
		char s[] = {'a', (char)b, 'z', '\0'};

		with_all(s, check_bytes);
	}
	with_all("\"},\"seq\":7,{\"\\", check_bytes);
	with_all("a\n{\"schema\":\"warder.record/1\"}", check_bytes);
	with_all("\xe2\x80\xae\xf3\xa0\x80\x81", check_bytes);
}

static void check_huge(const struct record_identity *id, const struct action *a, const char *s)
{
	json_t *o = record(id, a);

	(void)s;
	assert_always(o);
	assert_true(says(o, "truncated"));
	json_decref(o);
}

/* What does not fit is cut, and the record says so. */
static void test_huge(void **state)
{
	static const char fill[] = {'a', '\x07', '\xff', '"', '\xc3', '='};
	autofree char *s = mem_alloc(HUGE + 1);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fill); i++) {
		memset(s, fill[i], HUGE);
		with_all(s, check_huge);
	}
}

/* All of it at once: the least generous form fits whatever it is about. */
static void test_all_huge(void **state)
{
	static const char *const fill[] = {"a", "\x07", "\xff", "\"", "\xc2\x80", "://@"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fill); i++) {
		autofree char *s = mem_alloc(HUGE + 1);
		autofree char *detail = NULL;
		char *many[1000];
		struct record_identity id = {s, s, s, s, s, s, s, s, s, s, s};
		struct action a = {.tool = s,
				   .resource = s,
				   .rule = s,
				   .reason = s,
				   .err = EACCES,
				   .process = {1, 2, s, many, ARRAY_SIZE(many)},
				   .approval_type = "ticket",
				   .approval_id = s,
				   .approval_by = s,
				   .action_id = "act_X",
				   .attempt = 7,
				   .uncounted = true};
		size_t shown;
		json_t *o;

		for (size_t at = 0; at < HUGE; at++)
			s[at] = fill[i][at % strlen(fill[i])];
		for (size_t k = 0; k < ARRAY_SIZE(many); k++)
			many[k] = s;
		detail = mem_printf("{\"s\":\"%.*s\"}", fill[i][0] == 'a' ? 900 : 0, s);
		a.detail = detail;
		o = record(&id, &a);
		assert_always(o);
		assert_true(says(o, "truncated"));
		assert_true(says(o, "attempts_uncounted"));
		shown = json_array_size(json_object_get(json_object_get(o, "process"), "argv"));
		assert_int_equal(json_integer_value(json_object_get(json_object_get(o, "detail"),
								    "args_left_out")),
				 ARRAY_SIZE(many) - shown);
		assert_non_null(text_of(o, "detail.s"));
		assert_non_null(text_of(o, "process.exe"));
		assert_string_equal(text_of(o, "errno"), "EACCES");
		json_decref(o);
	}
}

/* At the bound nothing is cut, one byte past it only that byte is, and never half a character. */
static void test_bound(void **state)
{
	autofree char *s = mem_alloc(HUGE + 1);
	struct action a = whole;
	char *one[] = {s, NULL};

	(void)state;
	a.process.argv = one;
	a.process.argc = 1;
	for (size_t n = RECORD_ARG_MAX - 2; n <= RECORD_ARG_MAX + 2; n++) {
		const char *got;
		json_t *o;

		memset(s, 'a', n);
		memcpy(s + n, "\xc3\xa9", 3);
		o = record(&who, &a);
		got = json_string_value(
			json_array_get(json_object_get(json_object_get(o, "process"), "argv"), 0));
		if (n + 2 <= RECORD_ARG_MAX) {
			assert_string_equal(got, s);
			assert_false(says(o, "truncated"));
		} else {
			assert_int_equal(strlen(got), n < RECORD_ARG_MAX ? n : RECORD_ARG_MAX);
			assert_true(says(o, "truncated"));
		}
		json_decref(o);
	}
}

static void test_many_args(void **state)
{
	char *many[RECORD_ARGV_MAX + 9];
	struct action a = whole;
	json_t *o, *list;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = "x";
	a.process.argv = many;
	a.process.argc = RECORD_ARGV_MAX;
	o = record(&who, &a);
	assert_null(json_object_get(json_object_get(o, "detail"), "args_left_out"));
	json_decref(o);
	a.process.argc = ARRAY_SIZE(many);
	o = record(&who, &a);
	list = json_object_get(json_object_get(o, "process"), "argv");
	assert_int_equal(json_array_size(list), RECORD_ARGV_MAX);
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(o, "detail"), "args_left_out")),
		9);
	json_decref(o);
}

#define KEY "sk-abcdefghijklmnop1234"

static const struct {
	const char *detail, *out; /* of the line; NULL: left out, and said so */
} details[] = {
	{NULL, NULL},
	{"{}", NULL},
	{"{\"a\":\"b\"}", "{\"a\":\"b\"}"},
	{"{\"n\":-1,\"f\":1.5,\"t\":true,\"z\":null,\"e\":{},\"l\":[[]]}",
	 "{\"n\":-1,\"f\":1.5,\"t\":true,\"z\":null,\"e\":{},\"l\":[[]]}"},
	{"{\"a\":\"" KEY "\"}", "{\"a\":\"***\",\"redacted\":true}"},
	{"{\"a\":[\"--token\",\"x\",\"K=V\",\"API_KEY=v w\"]}",
	 "{\"a\":[\"--token\",\"***\",\"K=V\",\"API_KEY=***\"],\"redacted\":true}"},
	{"{\"a\":{\"password\":\"x\",\"user\":\"u\"}}",
	 "{\"a\":{\"password\":\"***\",\"user\":\"u\"},\"redacted\":true}"},
	/* Behind an escape, and up to a quote that is none. */
	{"{\"a\":\"b\\n" KEY "\"}", "{\"a\":\"b\\u000a***\",\"redacted\":true}"},
	{"{\"a\":\"Authorization: x\\\"y\"}",
	 "{\"a\":\"Authorization: ***\\\"y\",\"redacted\":true}"},
	{"{\"a\":\"-----BEGIN X\\\"y\"}", "{\"a\":\"***\",\"redacted\":true}"},
	{"{\"a\":\"\\u001b[2J\"}", "{\"a\":\"\\u001b[2J\"}"},
	/* Ours alone, once. */
	{"{\"redacted\":false,\"truncated\":7,\"args_left_out\":8,\"attempts_uncounted\":9}", "{}"},
	{"{\"truncated\":7,\"a\":\"" KEY "\",\"redacted\":false}",
	 "{\"a\":\"***\",\"redacted\":true}"},
	/* No JSON, no object: none of it. */
	{"{\"a\":1", "{\"truncated\":true}"},
	{"{\"a\":1}}", "{\"truncated\":true}"},
	{"[]", "{\"truncated\":true}"},
	{"[\"x\",{\"a\":1}]", "{\"truncated\":true}"},
	{"\"x\"", "{\"truncated\":true}"},
	{"{\"a\":\"\xff\"}", "{\"truncated\":true}"},
	{"{\"a\":1,\"a\":2}", "{\"truncated\":true}"},
	{"{\"a\":\"\\u0000\"}", "{\"truncated\":true}"},
	{"", "{\"truncated\":true}"},
};

static void test_detail(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(details); i++) {
		struct action a = {.detail = details[i].detail};
		const char *got;

		format(&who, &a);
		json_decref(read_line());
		got = strstr(line, ",\"detail\":");
		if (details[i].out == NULL) {
			assert_null(got);
			continue;
		}
		assert_non_null(got);
		if (strncmp(got + 10, details[i].out, strlen(details[i].out)) != 0 ||
		    strcmp(got + 10 + strlen(details[i].out), "}") != 0)
			fail_msg("row %zu: %s", i, got);
	}
}

/* Without end in length or depth. */
static void test_big_detail(void **state)
{
	autofree char *s = mem_alloc(HUGE + 1);
	struct action a = {.detail = s};
	json_t *o;

	(void)state;
	memset(s, 'a', HUGE);
	memcpy(s, "{\"a\":\"", 6);
	memcpy(s + HUGE - 2, "\"}", 2);
	o = record(&who, &a);
	assert_null(text_of(o, "detail.a"));
	assert_true(says(o, "truncated"));
	json_decref(o);

	memset(s, '[', 1000);
	memcpy(s, "{\"a\":", 5);
	memset(s + 1000, ']', 995);
	memcpy(s + 1995, "}", 2);
	o = record(&who, &a);
	assert_true(json_is_array(json_object_get(json_object_get(o, "detail"), "a")));
	assert_true(says(o, "truncated"));
	json_decref(o);
}

/* Half a secret is still one: what is cut was redacted before. */
static void test_secret_at_the_cut(void **state)
{
	autofree char *s = mem_alloc(HUGE + 1);
	struct action a = whole;
	char *one[] = {s, NULL};

	(void)state;
	a.process.argv = one;
	a.process.argc = 1;
	for (size_t at = RECORD_ARG_MAX - 30; at <= RECORD_ARG_MAX; at++) {
		memset(s, ' ', at);
		strcpy(s + at, "https://user:hunter2@example.com/ " KEY);
		format(&who, &a);
		assert_null(strstr(line, "hunter2"));
		assert_null(strstr(line, "user:"));
		assert_null(strstr(line, "sk-a"));
	}
	/* The control: a secret that has no shape is shown up to the cut. */
	strcpy(s, "hunter2 user:");
	format(&who, &a);
	assert_non_null(strstr(line, "hunter2 user:"));
}

static void test_redacted_everywhere(void **state)
{
	(void)state;
	struct action a = {.tool = "http",
			   .resource = "https://u:hunter2@h/",
			   .reason = "x " KEY,
			   .rule = KEY};
	json_t *o = record(&who, &a);

	assert_string_equal(text_of(o, "resource"), "https://***@h/");
	assert_string_equal(text_of(o, "reason"), "x ***");
	assert_true(says(o, "redacted"));
	json_decref(o);
	a = whole;
	o = record(&who, &a);
	assert_false(says(o, "redacted"));
	json_decref(o);
}

static void test_action_id(void **state)
{
	struct record_identity other = who;
	struct action a = whole, b = whole;
	char first[RECORD_ACTION_ID_MAX], id[RECORD_ACTION_ID_MAX];
	char *argv2[] = {"curl", "-v", "https://api.stripe.com/x", NULL};
	char *joined[] = {"curl-v", "https://api.stripe.com/", NULL};

	(void)state;
	record_action_id(&who, &a, first);
	assert_int_equal(strlen(first), 30);
	assert_memory_equal(first, "act_", 4);
	assert_int_equal(strspn(first + 4, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"), 26);
	/* What is no part of it: when, why, and what came of it. */
	b.phase = PHASE_FINDING;
	b.reason = "another";
	b.rule = NULL;
	b.err = 0;
	b.process.pid = 58;
	b.detail = NULL;
	other.run_id = "run_02";
	record_action_id(&other, &b, id);
	assert_string_equal(id, first);
	for (int i = 0; i < 7; i++) {
		other = who;
		b = whole;
		if (i == 0)
			other.agent_id = "bot2";
		else if (i == 1)
			other.session = NULL;
		else if (i == 2)
			b.tool = "exec";
		else if (i == 3)
			b.resource = "api.stripe.com:44";
		else if (i == 4)
			b.process.argv = argv2;
		else if (i == 5)
			b.process.argv = joined, b.process.argc = 2;
		else
			b.args = "";
		record_action_id(&other, &b, id);
		assert_string_not_equal(id, first);
	}
}

static void test_run_id(void **state)
{
	char ids[100][RECORD_RUN_ID_MAX];
	const struct timespec tick = {0, 2000000};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		record_new_run_id(ids[i]);
		assert_int_equal(strlen(ids[i]), 30);
		assert_memory_equal(ids[i], "run_0", 5); /* until the year 10889 */
		assert_int_equal(strspn(ids[i] + 4, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"), 26);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(ids[k], ids[i]);
	}
	nanosleep(&tick, NULL);
	record_new_run_id(ids[1]);
	assert_true(strcmp(ids[0], ids[1]) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_least),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_huge),
		cmocka_unit_test(test_all_huge),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_many_args),
		cmocka_unit_test(test_detail),
		cmocka_unit_test(test_big_detail),
		cmocka_unit_test(test_secret_at_the_cut),
		cmocka_unit_test(test_redacted_everywhere),
		cmocka_unit_test(test_action_id),
		cmocka_unit_test(test_run_id),
	};

	return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
