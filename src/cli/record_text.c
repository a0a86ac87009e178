/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/record_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "cli/text.h"

enum {
	AGENT_COLUMN = 22, /* a longer id pushes its line to the right */
	WORD_COLUMN = 11,
	TOOL_COLUMN = 9,
	TIME_MAX = 64,
	ARGUMENTS_MAX = 160, /* bytes of a command's arguments that a line shows */
};

const char *record_text_of(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

bool record_text_is(json_t *o, const char *key, const char *value)
{
	return strcmp(record_text_of(o, key), value) == 0;
}

/* As the reader's clock has it: to be compared with other logs of this host. */
static void print_time(json_t *record)
{
	const char *timestamp = record_text_of(record, "timestamp");
	const char *fraction = strchr(timestamp, '.');
	struct tm tm = {0};
	char local[TIME_MAX];
	time_t t;

	if (strptime(timestamp, "%Y-%m-%dT%H:%M:%S", &tm) == NULL) {
		text_print(stdout, timestamp);
		return;
	}
	t = timegm(&tm);
	localtime_r(&t, &tm);
	strftime(local, sizeof(local), "%F %T", &tm);
	printf("%s%.4s", local, fraction ? fraction : "");
}

/* It was allowed, or needed no leave, and came to nothing. */
static bool is_failure(json_t *record)
{
	return record_text_is(record, "result", "failure") ||
	       record_text_is(record, "result", "timeout");
}

/* What catches the eye is in capitals; of an outcome, what came of it; of a run, what
 * happens to it. */
static void print_word(json_t *record, bool colour)
{
	const char *event = record_text_of(json_object_get(record, "detail"), "event");
	const char *word = record_text_of(record, "policy_decision");
	bool denied = strcmp(word, "denied") == 0;
	bool finding = record_text_is(record, "phase", "finding");
	bool loud = denied || finding;

	if (finding)
		word = "FINDING";
	else if (denied)
		word = record_text_is(record, "phase", "revocation") ? "REVOKED" : "DENIED";
	else if (event[0] != '\0')
		word = event;
	else if (record_text_is(record, "phase", "outcome") || is_failure(record))
		word = record_text_of(record, "result");
	fputs(colour && loud ? "\033[1;31m" : "", stdout);
	text_pad(stdout, word, WORD_COLUMN);
	fputs(colour && loud ? "\033[0m" : "", stdout);
}

/* As much as a line can take; the rest is in the record. */
static void print_arguments(json_t *record)
{
	json_t *argv = json_object_get(json_object_get(record, "process"), "argv"), *arg;
	size_t left = ARGUMENTS_MAX, i;

	json_array_foreach(argv, i, arg)
	{
		const char *s = json_is_string(arg) ? json_string_value(arg) : "";
		size_t len = strlen(s);
		autofree char *cut = NULL;

		if (i == 0)
			continue;
		if (left == 0) {
			fputs(" ...", stdout);
			return;
		}
		cut = mem_strndup(s, len <= left ? len : utf8_trim(s, left));
		putchar(' ');
		text_print(stdout, cut);
		fputs(len > left ? "..." : "", stdout);
		left -= len < left ? len : left;
	}
}

static void print_pair(json_t *o, const char *key, const char *label)
{
	json_t *value = json_object_get(o, key);

	if (json_is_string(value) && json_string_value(value)[0] != '\0') {
		printf("  %s ", label);
		text_print(stdout, json_string_value(value));
	} else if (json_is_integer(value) && json_integer_value(value) != 0) {
		printf("  %s %" PRId64, label, (int64_t)json_integer_value(value));
	}
}

static void print_start(json_t *record, json_t *detail)
{
	json_t *by = json_object_get(record, "requested_by");

	printf("  by ");
	text_print(stdout, record_text_of(by, "type"));
	putchar(':');
	text_print(stdout, record_text_of(by, "id"));
	print_pair(detail, "profile", "profile");
	print_pair(detail, "gateway", "gateway");
	print_pair(detail, "ticket", "ticket");
	printf("  ");
	text_print(stdout, record_text_of(record, "run_id"));
}

static void print_end(json_t *record, json_t *detail)
{
	(void)record;
	if (json_object_get(detail, "exit_code"))
		printf("  exit %" PRId64,
		       (int64_t)json_integer_value(json_object_get(detail, "exit_code")));
	if (!record_text_is(detail, "reason", "child"))
		print_pair(detail, "reason", "because");
	print_pair(detail, "why", "why");
	print_pair(detail, "denials", "denials");
	print_pair(detail, "leftovers", "leftovers");
}

static void print_killed(json_t *record, json_t *detail)
{
	(void)detail;
	print_pair(record, "run_id", "supervisor of");
	print_pair(record, "reason", "why");
}

static void print_revocation(json_t *record, json_t *detail)
{
	print_pair(json_object_get(record, "requested_by"), "id", "by");
	print_pair(record, "reason", "why");
	print_pair(detail, "ended", "runs ended");
	print_pair(detail, "forced", "supervisors killed");
	print_pair(detail, "ms", "in ms");
	print_pair(detail, "left", "LEFT");
}

static void print_reason(json_t *record, json_t *detail)
{
	const char *rule = record_text_of(record, "rule");

	(void)detail;
	if (!record_text_is(record, "policy_decision", "allowed") || is_failure(record)) {
		fputs("  ", stdout);
		text_print(stdout, record_text_of(record, "reason"));
	}
	print_pair(record, "errno", "errno");
	if (rule[0] == '\0')
		return;
	printf("  (");
	text_print(stdout, rule);
	putchar(')');
}

/* What stands behind the resource: by what happened. */
static const struct tail {
	const char *event;
	bool arguments;
	void (*print)(json_t *record, json_t *detail);
} tails[] = {
	{"run.start", true, print_start},	 {"run.end", false, print_end},
	{"run.killed", false, print_killed},	 {"revoked", false, print_revocation},
	{"reinstated", false, print_revocation}, {"", true, print_reason},
};

static const struct tail *tail_of(json_t *detail)
{
	size_t i = 0;

	while (tails[i].event[0] != '\0' && !record_text_is(detail, "event", tails[i].event))
		i++;
	return &tails[i];
}

/* That what was allowed then went well is the rule, and every other line. */
static bool is_noise(json_t *record)
{
	return record_text_is(record, "phase", "outcome") &&
	       record_text_is(record, "result", "success") &&
	       !record_text_is(record, "policy_decision", "denied");
}

void record_text_print(json_t *record, bool colour)
{
	json_int_t attempt = json_integer_value(json_object_get(record, "attempt"));
	json_t *detail = json_object_get(record, "detail");
	const struct tail *tail = tail_of(detail);

	if (is_noise(record))
		return;
	print_time(record);
	printf("  ");
	text_pad(stdout, record_text_of(record, "agent_id"), AGENT_COLUMN);
	print_word(record, colour);
	text_pad(stdout, record_text_of(record, "tool"), TOOL_COLUMN);
	text_print(stdout, record_text_of(record, "resource"));
	if (tail->arguments)
		print_arguments(record);
	if (attempt > 1)
		printf("  attempt %" PRId64, (int64_t)attempt);
	tail->print(record, detail);
	putchar('\n');
}
