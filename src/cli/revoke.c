/* SPDX-License-Identifier: Apache-2.0 */
/*
 * warder revoke and reinstate.  A revocation is a file (inventory/revocation.h):
 *
 *	write it       from here on nothing of it starts, and every supervisor that
 *	               watches ends its run
 *	record it      in the ledger: a full disk must not keep it from being written
 *	confirm it     each run that answers to it is seen to end, in a bounded time;
 *	               whose supervisor is not gone by then is killed
 *	record that    how many, how fast, what is left
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/paths.h"
#include "base/suggest.h"
#include "base/sys.h"
#include "cli/cli.h"
#include "cli/login.h"
#include "cli/runs.h"
#include "inventory/agent.h"
#include "inventory/revocation.h"
#include "record/ledger.h"

enum {
	/* For the runs to end by themselves, all together; a supervisor that is still there
	 * then is killed, and its sandbox with it. */
	REVOKE_WAIT_MS = 2 * 1000,
	/* Looks for runs that had been let in just before the file was there, and were not to
	 * be seen yet; their own watch ends what comes after the last one. */
	REVOKE_ROUNDS = 3,
	DETAIL_MAX = 1024,
};

struct revocation {
	const char *agent, *owner, *environment, *why;
	bool all, json;
	char *name; /* of the file */
	struct paths paths;
	struct requester by;
};

struct outcome {
	unsigned int ended, forced, left;
	int64_t ms;
};

static int failed(const struct fault *f)
{
	fault_print(f);
	return EXIT_NO;
}

/* --- what is meant --------------------------------------------------------------------------- */

/* Exactly one of AGENT, --owner, --environment and --all; AGENT is an id and nothing else,
 * so that what is written is also what is looked for.  False: usage. */
static bool find_name(struct revocation *r, int argc, char **argv)
{
	if (argc + (r->owner != NULL) + (r->environment != NULL) + r->all != 1)
		return false;
	if (argc == 1 && !agent_id_valid(argv[0]))
		return false;
	if (r->owner)
		r->name = mem_printf("owner:%s", r->owner);
	else if (r->environment)
		r->name = mem_printf("environment:%s", r->environment);
	else
		r->name = mem_strdup(r->all ? "@all" : argv[0]);
	r->agent = argc ? argv[0] : NULL;
	return true;
}

static bool is_meant(const struct revocation *r, const struct run_entry *run)
{
	const struct {
		const char *want, *key;
	} rows[] = {
		{r->agent, "agent_id"},
		{r->owner, "owner"},
		{r->environment, "environment"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].want && strcmp(rows[i].want, run_text(run, rows[i].key)) != 0)
			return false;
	return true;
}

/* At night an id is mistyped easily, and what was meant goes on. */
static void warn_if_unknown(const struct revocation *r)
{
	struct suggestion s = {.word = r->agent};
	struct strlist ids = {0};
	bool known = false;
	struct fault f;

	if (r->agent == NULL || agent_list(r->paths.config, &ids, &f) < 0)
		return;
	for (size_t i = 0; i < ids.n; i++) {
		known |= strcmp(ids.v[i], r->agent) == 0;
		suggest_consider(&s, ids.v[i]);
	}
	if (!known)
		fprintf(stderr, "warder: no agent %s is registered here; revoked all the same\n",
			r->agent);
	if (!known && s.best)
		fprintf(stderr, "warder: did you mean %s?\n", s.best);
	strlist_free(&ids);
}

/* --- on record ------------------------------------------------------------------------------- */

static int record(const struct revocation *r, struct action *a)
{
	const struct record_identity who = {
		.run_id = "",
		.agent_id = r->agent ? r->agent : "",
		.owner = "",
		.environment = "",
		.requester_type = r->by.type,
		.requester_id = r->by.id,
		.tier = "",
	};
	struct fault f;

	a->phase = PHASE_REVOCATION;
	a->tool = "run";
	a->resource = r->name;
	a->reason = r->why;
	a->via = VIA_CLI;
	if (ledger_append(r->paths.log, &who, a, &f) == 0)
		return EXIT_YES;
	return failed(&f);
}

static int record_beginning(const struct revocation *r)
{
	struct action a = {
		.decision = POLICY_DENIED,
		.result = RESULT_PENDING,
		.detail = "{\"event\":\"revoked\"}",
	};

	return record(r, &a);
}

static int record_outcome(const struct revocation *r, const struct outcome *o)
{
	char detail[DETAIL_MAX];
	struct action a = {
		.decision = POLICY_DENIED,
		.result = o->left ? RESULT_FAILURE : RESULT_SUCCESS,
		.detail = detail,
	};
	struct json j;

	json_init(&j, detail, sizeof(detail));
	json_open(&j, NULL, '{');
	json_str(&j, "event", "revoked");
	json_int(&j, "ended", o->ended);
	json_int(&j, "forced", o->forced);
	json_int(&j, "left", o->left);
	json_int(&j, "ms", o->ms);
	json_close(&j, '}');
	return record(r, &a);
}

/* --- confirmed ------------------------------------------------------------------------------- */

static int time_left(int64_t until)
{
	int64_t ms = until - runs_now_ms();

	return ms > 0 ? (int)ms : 0;
}

/* Sees the runs of this list end. */
static unsigned int see_end(const struct revocation *r, struct run_list *runs, struct outcome *o)
{
	int64_t until = runs_now_ms() + REVOKE_WAIT_MS;
	unsigned int found = 0;

	for (size_t i = 0; i < runs->n; i++) /* one that was stopped sees no file */
		if (runs->v[i].life == RUN_ALIVE && is_meant(r, &runs->v[i]))
			sys_pidfd_send_signal(runs->v[i].pidfd, SIGCONT);
	for (size_t i = 0; i < runs->n; i++) {
		struct run_entry *run = &runs->v[i];

		if (run->life != RUN_ALIVE || !is_meant(r, run))
			continue;
		found++;
		if (run_wait_end(run, time_left(until))) {
			o->ended++;
		} else if (run_force(run)) {
			o->ended++;
			o->forced++;
		} else {
			o->left++;
			fprintf(stderr, "warder: %s is not gone: supervisor %d\n", run->id,
				(int)run->pid);
		}
	}
	return found;
}

/* known: the runs that were there before, so that those are counted, too, that are gone by
 * now.  Then whoever came in between. */
static int confirm(const struct revocation *r, struct run_list *known, struct outcome *o,
		   struct fault *f)
{
	unsigned int found = 1;

	see_end(r, known, o);
	for (int round = 0; found > 0 && o->left == 0 && round < REVOKE_ROUNDS; round++) {
		struct run_list runs;

		if (runs_read(r->paths.runtime, &runs, f) < 0)
			return -1;
		found = see_end(r, &runs, o);
		runs_free(&runs);
	}
	return 0;
}

static void say(const struct revocation *r, const struct outcome *o)
{
	char text[DETAIL_MAX];
	struct json j;

	if (r->json) {
		json_init(&j, text, sizeof(text));
		json_open(&j, NULL, '{');
		json_str(&j, "revoked", r->name);
		json_int(&j, "ended", o->ended);
		json_int(&j, "forced", o->forced);
		json_int(&j, "left", o->left);
		json_int(&j, "ms", o->ms);
		json_close(&j, '}');
		puts(text);
		return;
	}
	printf("revoked %s: ", r->name);
	if (o->ended == 0 && o->left == 0)
		printf("no run of it was going on\n");
	else
		printf("%u run%s ended in %lld ms\n", o->ended, o->ended == 1 ? "" : "s",
		       (long long)o->ms);
	if (o->forced)
		printf("%u of them with the supervisor killed, which had not ended it by itself\n",
		       o->forced);
	if (o->left)
		printf("%u left; see above\n", o->left);
}

static int end_all_of(const struct revocation *r)
{
	struct outcome o = {0};
	struct run_list known;
	struct fault f;
	int64_t since;
	int status, rc;

	runs_read(r->paths.runtime, &known, &f); /* if it cannot be: confirm() says so */
	since = runs_now_ms();
	if (revocation_write(r->paths.state, r->name, r->why, r->by.text, &f) < 0) {
		runs_free(&known);
		return failed(&f);
	}
	status = record_beginning(r);
	rc = confirm(r, &known, &o, &f);
	runs_free(&known);
	if (rc < 0)
		return failed(&f);
	o.ms = runs_now_ms() - since;
	say(r, &o);
	warn_if_unknown(r);
	if (record_outcome(r, &o) != EXIT_YES || o.left)
		status = EXIT_NO;
	return status;
}

/* --- and back -------------------------------------------------------------------------------- */

/* The file that keeps an agent, or what is meant, from starting; NULL: none. */
static char *revoked_by(const struct revocation *r, const struct revocation_key *key)
{
	char name[300], why[256];
	struct fault f;

	if (revocation_check(r->paths.state, key, name, why, &f) == 0)
		return NULL;
	return mem_strdup(name[0] ? name : r->name);
}

/* What else stands in its way. */
static void warn_if_still_revoked(const struct revocation *r)
{
	struct fault f;
	struct agent *a = r->agent ? agent_load(r->paths.config, r->agent, &f) : NULL;
	autofree char *still = NULL, *undo = NULL;

	if (a == NULL)
		return;
	still = revoked_by(r, &(struct revocation_key){a->id, a->owner, a->environment, NULL});
	undo = still ? revocation_undo(still) : NULL;
	if (still)
		fprintf(stderr, "warder: %s cannot start: %s is revoked; `%s` takes that back\n",
			a->id, still, undo ? undo : "");
	agent_free(a);
}

static int take_back(const struct revocation *r)
{
	const struct revocation_key key = {r->agent, r->owner, r->environment, NULL};
	autofree char *by = revoked_by(r, &key);
	struct action a = {
		.decision = POLICY_ALLOWED,
		.result = RESULT_SUCCESS,
		.detail = "{\"event\":\"reinstated\"}",
	};
	struct fault f;

	if (by == NULL || strcmp(by, r->name) != 0) {
		fprintf(stderr, "warder: there is no revocation of %s\n", r->name);
		warn_if_still_revoked(r);
		return EXIT_NO;
	}
	/* No record, no action: what cannot be recorded stays revoked. */
	if (record(r, &a) != EXIT_YES)
		return EXIT_NO;
	if (revocation_remove(r->paths.state, r->name, &f) < 0) {
		a.result = RESULT_FAILURE;
		record(r, &a);
		return failed(&f);
	}
	printf("reinstated %s\n", r->name);
	warn_if_still_revoked(r);
	return EXIT_YES;
}

/* --------------------------------------------------------------------------------------------- */

static int act(const char *verb, struct revocation *r, int (*run)(const struct revocation *r),
	       int argc, char **argv)
{
	struct fault f;
	int status;

	if (!find_name(r, argc, argv))
		return options_usage(verb,
				     "wants one of AGENT (an id), --owner, --environment, --all");
	if (paths_init(&r->paths, &f) < 0) {
		status = failed(&f);
	} else {
		requester_set(&r->by, NULL);
		status = run(r);
		requester_free(&r->by);
		paths_free(&r->paths);
	}
	free(r->name);
	return status;
}

int cmd_revoke(int argc, char **argv)
{
	struct revocation r = {0};
	const struct option options[] = {
		{"owner", OPTION_STRING, &r.owner, "OWNER", "every agent of that person"},
		{"environment", OPTION_STRING, &r.environment, "NAME", "every agent in it"},
		{"all", OPTION_FLAG, &r.all, NULL, "every agent"},
		{"why", OPTION_STRING, &r.why, "TEXT",
		 "the reason, for the records and whoever starts it"},
		{"json", OPTION_FLAG, &r.json, NULL, "as one line of JSON"},
	};
	int status, first = options_parse(cli_verb("revoke"), options, ARRAY_SIZE(options), false,
					  argc, argv, &status);

	return first < 0 ? status : act("revoke", &r, end_all_of, argc - first, argv + first);
}

int cmd_reinstate(int argc, char **argv)
{
	struct revocation r = {0};
	const struct option options[] = {
		{"owner", OPTION_STRING, &r.owner, "OWNER", "take back what was revoked so"},
		{"environment", OPTION_STRING, &r.environment, "NAME", "the same"},
		{"all", OPTION_FLAG, &r.all, NULL, "the same"},
		{"why", OPTION_STRING, &r.why, "TEXT", "the reason, for the records"},
	};
	int status, first = options_parse(cli_verb("reinstate"), options, ARRAY_SIZE(options),
					  false, argc, argv, &status);

	return first < 0 ? status : act("reinstate", &r, take_back, argc - first, argv + first);
}
