/* SPDX-License-Identifier: Apache-2.0 */
/* warder kill: one run, through its supervisor; without it, if it does not answer. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/paths.h"
#include "base/sys.h"
#include "cli/cli.h"
#include "cli/login.h"
#include "cli/runs.h"
#include "record/ledger.h"
#include "supervisor/control.h"

enum {
	/* From the request until nothing of the run is left, its last record written; past
	 * it the supervisor itself is killed. */
	KILL_WAIT_MS = 5 * 1000,
	/* For one that was ending by itself, and closed its socket before it answered. */
	ENDING_MS = 500,
	DETAIL_MAX = 256,
};

struct kill {
	const char *why; /* or NULL */
	bool json;
	struct paths paths;
	struct requester by;
};

static struct run_entry *find(const struct run_list *l, const char *id)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i].id, id) == 0)
			return &l->v[i];
	return NULL;
}

/* The journal ends without a word: the ledger says who ended it. */
static int record_force(const struct kill *k, const struct run_entry *r)
{
	const struct record_identity who = {
		.run_id = r->id,
		.agent_id = run_text(r, "agent_id"),
		.owner = run_text(r, "owner"),
		.environment = run_text(r, "environment"),
		.requester_type = k->by.type,
		.requester_id = k->by.id,
		.tier = run_text(r, "tier"),
	};
	struct action a = {
		.phase = PHASE_LIFECYCLE,
		.tool = "run",
		.resource = run_text(r, "command"),
		.decision = POLICY_ALLOWED,
		.reason = k->why,
		.result = RESULT_KILLED,
		.via = VIA_CLI,
		.process = {.host_pid = r->pid},
		.detail = "{\"event\":\"run.killed\",\"forced\":true}",
	};
	struct fault f;

	if (ledger_append(k->paths.log, &who, &a, &f) == 0)
		return EXIT_YES;
	fault_print(&f);
	return EXIT_NO;
}

static void say_end(const struct kill *k, const struct run_entry *r, bool forced, int64_t ms)
{
	char text[DETAIL_MAX];
	struct json j;

	if (!k->json) {
		printf("%s ended in %lld ms%s\n", r->id, (long long)ms,
		       forced ? ", its supervisor killed, which did not answer" : "");
		return;
	}
	json_init(&j, text, sizeof(text));
	json_open(&j, NULL, '{');
	json_str(&j, "run_id", r->id);
	json_bool(&j, "ended", true);
	json_bool(&j, "forced", forced);
	json_int(&j, "ms", ms);
	json_close(&j, '}');
	puts(text);
}

static int force(const struct kill *k, const struct run_entry *r, int64_t since)
{
	if (!run_force(r)) {
		fprintf(stderr,
			"warder: %s is not gone: its supervisor, pid %d, cannot be killed\n", r->id,
			(int)r->pid);
		return EXIT_NO;
	}
	say_end(k, r, true, runs_now_ms() - since);
	return record_force(k, r);
}

/* 0: it was told to end; or -1, and errno is ETIMEDOUT where it did not answer. */
static int ask(const struct kill *k, const struct run_entry *r, struct fault *f)
{
	autofree char *why = k->why ? mem_printf("%s (%s)", k->why, k->by.text)
				    : mem_printf("by %s", k->by.text);
	char answer[CONTROL_ANSWER_MAX];
	autofd int sock = -1;
	json_t *o;
	int rc;

	sys_pidfd_send_signal(r->pidfd, SIGCONT); /* one that was stopped cannot answer */
	sock = control_ask(r->dir, CONTROL_KILL, why, answer, f);
	if (sock < 0)
		return -1;
	o = json_loads(answer, JSON_REJECT_DUPLICATES, NULL);
	rc = json_is_true(json_object_get(o, "ok")) ? 0 : -1;
	if (rc < 0)
		fault_set(f, NULL, "the supervisor of %s refuses: %s", r->id, answer);
	json_decref(o);
	errno = 0;
	return rc;
}

static int end_alive(const struct kill *k, const struct run_entry *r)
{
	int64_t since = runs_now_ms();
	int wait_ms = KILL_WAIT_MS;
	struct fault f;

	if (ask(k, r, &f) < 0) {
		if (errno == ETIMEDOUT)
			return force(k, r, since);
		wait_ms = ENDING_MS;
	}
	if (!run_wait_end(r, wait_ms)) {
		if (wait_ms == KILL_WAIT_MS)
			return force(k, r, since);
		fault_print(&f);
		return EXIT_NO;
	}
	say_end(k, r, false, runs_now_ms() - since);
	return EXIT_YES;
}

static int end_dead(const struct run_entry *r)
{
	struct fault f;

	fprintf(stderr, "warder: %s is over: its supervisor died, and its sandbox with it\n",
		r->id);
	if (run_clear(r, &f) < 0)
		fault_print(&f);
	else
		fprintf(stderr, "warder: removed what it left: %s\n", r->dir);
	return EXIT_NO;
}

static int end(const struct kill *k, const struct run_entry *r, const char *id)
{
	struct fault f;

	if (r && r->life == RUN_ALIVE)
		return end_alive(k, r);
	if (r && r->life == RUN_DEAD)
		return end_dead(r);
	if (r)
		fault_set(&f, "try again", "%s is only starting, and cannot be reached yet", id);
	else
		fault_set(&f, "`warder ps` lists those that are going on", "no such run: %s", id);
	fault_print(&f);
	return EXIT_NO;
}

static int kill_run(const struct kill *k, const char *id)
{
	struct run_list runs;
	struct fault f;
	int status;

	if (runs_read(k->paths.runtime, &runs, &f) < 0) {
		fault_print(&f);
		return EXIT_NO;
	}
	status = end(k, find(&runs, id), id);
	runs_free(&runs);
	return status;
}

int cmd_kill(int argc, char **argv)
{
	struct kill k = {0};
	const struct option options[] = {
		{"why", OPTION_STRING, &k.why, "TEXT", "the reason, for the records"},
		{"json", OPTION_FLAG, &k.json, NULL, "as one line of JSON"},
	};
	struct fault f;
	int status, first = options_parse(cli_verb("kill"), options, ARRAY_SIZE(options), false,
					  argc, argv, &status);

	if (first < 0)
		return status;
	if (first + 1 != argc)
		return options_usage("kill", "wants one RUN");
	if (paths_init(&k.paths, &f) < 0) {
		fault_print(&f);
		return EXIT_NO;
	}
	requester_set(&k.by, NULL);
	status = kill_run(&k, argv[first]);
	requester_free(&k.by);
	paths_free(&k.paths);
	return status;
}
