/* SPDX-License-Identifier: Apache-2.0 */
/* warder ps: the runs that are going on, as their supervisors tell. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/fd.h"
#include "base/paths.h"
#include "cli/cli.h"
#include "cli/runs.h"
#include "cli/text.h"
#include "supervisor/control.h"

enum { N_COLUMNS = 7, AGE_MAX = 32, NUMBER_MAX = 24, MINUTE = 60, HOUR = 60 * 60, DAY = 24 * HOUR };

/* What the supervisor answers now, or NULL: it ended meanwhile, or does not answer. */
static json_t *ask(const struct run_entry *r)
{
	char answer[CONTROL_ANSWER_MAX];
	struct fault f;
	autofd int sock = control_ask(r->dir, CONTROL_STATUS, NULL, answer, &f);
	json_t *o = sock < 0 ? NULL : json_loads(answer, JSON_REJECT_DUPLICATES, NULL);

	if (sock >= 0 && json_is_true(json_object_get(o, "ok")))
		return o;
	json_decref(o);
	return NULL;
}

/* --- as a table ------------------------------------------------------------------------------ */

/* What a row shows that is not in the state file. */
struct row {
	const struct run_entry *run;
	char requester[128], up[AGE_MAX], pid[NUMBER_MAX], denials[NUMBER_MAX];
};

static void age_text(const char *started, char out[AGE_MAX])
{
	struct tm tm = {0};
	int64_t s;

	if (strptime(started, "%Y-%m-%dT%H:%M:%S", &tm) == NULL) {
		snprintf(out, AGE_MAX, "-");
		return;
	}
	s = time(NULL) - timegm(&tm);
	if (s < 0)
		s = 0;
	if (s < MINUTE)
		snprintf(out, AGE_MAX, "%" PRId64 "s", s);
	else if (s < HOUR)
		snprintf(out, AGE_MAX, "%" PRId64 "m%02" PRId64 "s", s / MINUTE, s % MINUTE);
	else if (s < DAY)
		snprintf(out, AGE_MAX, "%" PRId64 "h%02" PRId64 "m", s / HOUR, s % HOUR / MINUTE);
	else
		snprintf(out, AGE_MAX, "%" PRId64 "d%02" PRId64 "h", s / DAY, s % DAY / HOUR);
}

static void number_text(json_t *answer, const char *key, char out[NUMBER_MAX])
{
	json_t *n = json_object_get(answer, key);

	if (json_is_integer(n))
		snprintf(out, NUMBER_MAX, "%lld", (long long)json_integer_value(n));
	else
		snprintf(out, NUMBER_MAX, "-");
}

static void fill_row(struct row *row, const struct run_entry *r, json_t *answer)
{
	json_t *by = json_object_get(r->state, "requested_by");
	const char *type = json_string_value(json_object_get(by, "type"));
	const char *id = json_string_value(json_object_get(by, "id"));

	row->run = r;
	snprintf(row->requester, sizeof(row->requester), "%s:%s", type ? type : "", id ? id : "");
	age_text(run_text(r, "started"), row->up);
	snprintf(row->pid, sizeof(row->pid), "%d", (int)r->pid);
	number_text(answer, "denials", row->denials);
}

static void print_rows(const struct row *rows, size_t n)
{
	static const char *const heads[N_COLUMNS] = {"RUN",    "AGENT", "REQUESTED BY", "UP",
						     "DENIED", "PID",	"COMMAND"};
	autofree const char **cells = mem_alloc((n + 1) * sizeof(heads));

	if (n == 0)
		return;
	memcpy(cells, heads, sizeof(heads));
	for (size_t i = 0; i < n; i++) {
		const char **cell = &cells[(i + 1) * N_COLUMNS];

		cell[0] = rows[i].run->id;
		cell[1] = run_text(rows[i].run, "agent_id");
		cell[2] = rows[i].requester;
		cell[3] = rows[i].up;
		cell[4] = rows[i].denials;
		cell[5] = rows[i].pid;
		cell[6] = run_text(rows[i].run, "command");
	}
	text_table(stdout, cells, n + 1, N_COLUMNS);
}

/* --- as JSON --------------------------------------------------------------------------------- */

/* The state file's object, and what the supervisor counts. */
static void print_json(const struct run_entry *r, json_t *answer)
{
	json_t *o = json_copy(r->state);
	char *text;

	json_object_set(o, "command_pid", json_object_get(answer, "pid"));
	json_object_set(o, "records", json_object_get(answer, "records"));
	json_object_set(o, "denials", json_object_get(answer, "denials"));
	text = json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII);
	if (text)
		puts(text);
	free(text);
	json_decref(o);
}

/* --------------------------------------------------------------------------------------------- */

static void print_runs(const struct run_list *l, bool json)
{
	autofree struct row *rows = mem_alloc(l->n * sizeof(*rows));
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		const struct run_entry *r = &l->v[i];
		json_t *answer;

		if (r->life == RUN_DEAD && !json)
			fprintf(stderr,
				"warder: %s crashed; `warder kill %s` clears away what it left\n",
				r->id, r->id);
		if (r->life != RUN_ALIVE)
			continue;
		answer = ask(r);
		if (answer == NULL && run_wait_end(r, 0))
			continue; /* it ended while we looked */
		if (answer == NULL)
			fprintf(stderr, "warder: the supervisor of %s does not answer\n", r->id);
		if (json)
			print_json(r, answer);
		else
			fill_row(&rows[n++], r, answer);
		json_decref(answer);
	}
	print_rows(rows, n);
}

int cmd_ps(int argc, char **argv)
{
	bool json = false;
	const struct option options[] = {
		{"json", OPTION_FLAG, &json, NULL, "one object a line"},
	};
	struct run_list runs;
	struct paths paths;
	struct fault f;
	int status, rc,
		first = options_parse(cli_verb("ps"), options, ARRAY_SIZE(options), false, argc,
				      argv, &status);

	if (first < 0)
		return status;
	if (first < argc)
		return options_usage("ps", "takes no argument: %s", argv[first]);
	rc = paths_init(&paths, &f);
	if (rc == 0) {
		rc = runs_read(paths.runtime, &runs, &f);
		paths_free(&paths);
	}
	if (rc < 0) {
		fault_print(&f);
		return EXIT_NO;
	}
	print_runs(&runs, json);
	runs_free(&runs);
	return EXIT_YES;
}
