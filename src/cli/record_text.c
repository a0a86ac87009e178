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
	NARROW = 132, /* columns of a terminal; with fewer there is less before the resource */
	NARROW_AGENT = 15,
	AGENT_COLUMN = 21, /* a longer id pushes its line to the right */
	WORD_COLUMN = 11,
	TOOL_COLUMN = 9,
	TIME_MAX = 64,
	ARGUMENTS_MAX = 160, /* bytes of a command's arguments that a line shows */
};

#define CUT "..." /* ends a line that the terminal cannot show */
#define CUT_LEN (sizeof(CUT) - 1)

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
static void print_time(FILE *to, json_t *record, bool narrow)
{
	const char *timestamp = record_text_of(record, "timestamp");
	const char *fraction = strchr(timestamp, '.');
	struct tm tm = {0};
	char local[TIME_MAX];
	time_t t;

	if (strptime(timestamp, "%Y-%m-%dT%H:%M:%S", &tm) == NULL) {
		text_print(to, timestamp);
		return;
	}
	t = timegm(&tm);
	localtime_r(&t, &tm);
	strftime(local, sizeof(local), narrow ? "%m-%d %T" : "%F %T", &tm);
	fprintf(to, "%s%.4s", local, fraction && !narrow ? fraction : "");
}

/* It was allowed, or needed no leave, and came to nothing. */
static bool is_failure(json_t *record)
{
	return record_text_is(record, "result", "failure") ||
	       record_text_is(record, "result", "timeout");
}

/* What catches the eye is in capitals; of an outcome, what came of it; of a run, what
 * happens to it. */
static void print_word(FILE *to, json_t *record, bool colour)
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
	fputs(colour && loud ? "\033[1;31m" : "", to);
	text_pad(to, word, WORD_COLUMN);
	fputs(colour && loud ? "\033[0m" : "", to);
}

/* As much as a line can take; the rest is in the record. */
static void print_arguments(FILE *to, json_t *record)
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
			fputs(" ...", to);
			return;
		}
		cut = mem_strndup(s, len <= left ? len : utf8_trim(s, left));
		putc(' ', to);
		text_print(to, cut);
		fputs(len > left ? "..." : "", to);
		left -= len < left ? len : left;
	}
}

static void print_pair(FILE *to, json_t *o, const char *key, const char *label)
{
	json_t *value = json_object_get(o, key);

	if (json_is_string(value) && json_string_value(value)[0] != '\0') {
		fprintf(to, "  %s ", label);
		text_print(to, json_string_value(value));
	} else if (json_is_integer(value) && json_integer_value(value) != 0) {
		fprintf(to, "  %s %" PRId64, label, (int64_t)json_integer_value(value));
	}
}

static void print_start(FILE *to, json_t *record, json_t *detail)
{
	json_t *by = json_object_get(record, "requested_by");

	fprintf(to, "  by ");
	text_print(to, record_text_of(by, "type"));
	putc(':', to);
	text_print(to, record_text_of(by, "id"));
	print_pair(to, detail, "profile", "profile");
	print_pair(to, detail, "gateway", "gateway");
	print_pair(to, detail, "ticket", "ticket");
	fprintf(to, "  ");
	text_print(to, record_text_of(record, "run_id"));
}

static void print_end(FILE *to, json_t *record, json_t *detail)
{
	/* Those whose text does not say what it was. */
	static const char *const named[] = {"killed", "tripwire", "error"};
	const char *reason = record_text_of(detail, "reason"), *why = record_text_of(detail, "why");
	bool says = why[0] == '\0' && strcmp(reason, "child") != 0;

	(void)record;
	if (json_object_get(detail, "exit_code"))
		fprintf(to, "  exit %" PRId64,
			(int64_t)json_integer_value(json_object_get(detail, "exit_code")));
	for (size_t i = 0; i < ARRAY_SIZE(named); i++)
		says |= strcmp(reason, named[i]) == 0;
	if (says)
		print_pair(to, detail, "reason", "because");
	if (why[0] != '\0') {
		fputs(says ? ": " : "  ", to);
		text_print(to, why);
	}
	print_pair(to, detail, "denials", "denials");
	print_pair(to, detail, "leftovers", "leftovers");
}

static void print_killed(FILE *to, json_t *record, json_t *detail)
{
	(void)detail;
	print_pair(to, record, "run_id", "supervisor of");
	print_pair(to, record, "reason", "why");
}

static void print_revocation(FILE *to, json_t *record, json_t *detail)
{
	print_pair(to, json_object_get(record, "requested_by"), "id", "by");
	print_pair(to, record, "reason", "why");
	print_pair(to, detail, "ended", "runs ended");
	print_pair(to, detail, "forced", "supervisors killed");
	print_pair(to, detail, "ms", "in ms");
	print_pair(to, detail, "left", "LEFT");
}

static void print_reason(FILE *to, json_t *record, json_t *detail)
{
	const char *rule = record_text_of(record, "rule");

	(void)detail;
	if (!record_text_is(record, "policy_decision", "allowed") || is_failure(record)) {
		fputs("  ", to);
		text_print(to, record_text_of(record, "reason"));
	}
	print_pair(to, record, "errno", "errno");
	if (rule[0] == '\0')
		return;
	fprintf(to, "  (");
	text_print(to, rule);
	putc(')', to);
}

/* What stands behind the resource: by what happened. */
static const struct tail {
	const char *event;
	bool arguments;
	void (*print)(FILE *to, json_t *record, json_t *detail);
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

static void print_record(FILE *to, json_t *record, bool colour, bool narrow)
{
	json_int_t attempt = json_integer_value(json_object_get(record, "attempt"));
	json_t *detail = json_object_get(record, "detail");
	const struct tail *tail = tail_of(detail);

	print_time(to, record, narrow);
	fputs("  ", to);
	text_pad(to, record_text_of(record, "agent_id"), narrow ? NARROW_AGENT : AGENT_COLUMN);
	putc(' ', to);
	print_word(to, record, colour);
	text_pad(to, record_text_of(record, "tool"), TOOL_COLUMN);
	text_print(to, record_text_of(record, "resource"));
	if (tail->arguments)
		print_arguments(to, record);
	if (attempt > 1)
		fprintf(to, "  attempt %" PRId64, (int64_t)attempt);
	tail->print(to, record, detail);
}

/* As many bytes of the line as width columns show; colours take none. */
static size_t fits(const char *line, size_t len, size_t width)
{
	size_t columns = 0, i = 0;

	while (i < len) {
		uint32_t c = 0;
		size_t n = utf8_decode(line + i, len - i, &c);

		if (line[i] == '\033') {
			i += strcspn(line + i, "m") + 1;
			continue;
		}
		if (++columns > width)
			return i;
		i += n ? n : 1;
	}
	return len;
}

void record_text_print(json_t *record, bool colour, size_t width)
{
	autofree char *line = NULL;
	size_t len = 0, shown;
	FILE *to;

	if (is_noise(record))
		return;
	to = width ? open_memstream(&line, &len) : NULL;
	print_record(to ? to : stdout, record, colour, width > 0 && width < NARROW);
	if (to == NULL || fclose(to) != 0) {
		putchar('\n');
		return;
	}
	shown = fits(line, len, width);
	if (shown < len)
		shown = fits(line, len, width > CUT_LEN ? width - CUT_LEN : 1);
	fwrite(line, 1, shown, stdout);
	if (shown < len)
		fputs(colour ? "\033[0m" CUT : CUT, stdout);
	putchar('\n');
}
