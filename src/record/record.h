/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An action record as a value, and its one line of JSON (DESIGN.md §8).
 */
#ifndef WARDER_RECORD_RECORD_H
#define WARDER_RECORD_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define RECORD_SCHEMA "warder.record/1"
/* How jansson reads a line: to writer and verifier the same line is a record, or none. */
#define RECORD_JSON_FLAGS (JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL)

enum {
	RECORD_LINE_MAX = 64 * 1024,   /* bytes of a line, newline included; what is more is cut,
					* and the record says so */
	RECORD_ARGV_MAX = 64,          /* arguments shown; the rest is a count in detail */
	RECORD_ARG_MAX = 1024,         /* bytes of one argument shown */
	RECORD_ACTION_ID_MAX = 32,     /* "act_" + 26, terminated */
	RECORD_RUN_ID_MAX = 32,        /* "run_" + 26, terminated */
};

enum record_phase { PHASE_DECISION, PHASE_OUTCOME, PHASE_LIFECYCLE, PHASE_APPROVAL,
		    PHASE_REVOCATION, PHASE_FINDING };
enum record_decision { POLICY_ALLOWED, POLICY_DENIED, POLICY_APPROVED, POLICY_OBSERVED };
enum record_result { RESULT_SUCCESS, RESULT_FAILURE, RESULT_BLOCKED, RESULT_PENDING,
		     RESULT_TIMEOUT, RESULT_KILLED };
enum record_via { VIA_KERNEL, VIA_SHIM, VIA_TUN, VIA_GATEWAY, VIA_LAUNCHER, VIA_CLI };

/* Who acts: fixed at start, stamped on every record of a run.  All strings
 * outlive the journal; "" where the contract says empty, NULL where absent. */
struct record_identity {
	const char *run_id, *agent_id, *owner, *environment;
	const char *requester_type, *requester_id; /* "user", "alice" */
	const char *model_provider, *model;        /* or NULL */
	const char *session, *ticket;              /* or NULL; written into detail of run.start */
	const char *tier;                          /* "full", "kernel" */
};

struct record_process {
	pid_t pid, host_pid; /* pid as the agent sees it; 0: absent */
	const char *exe;     /* or NULL */
	char *const *argv;   /* argc strings, or NULL */
	size_t argc;
};

struct action {
	enum record_phase phase;
	const char *tool, *resource;
	enum record_decision decision;
	const char *rule, *reason; /* or NULL */
	enum record_result result;
	int err;                   /* errno value; 0: none */
	enum record_via via;
	struct record_process process;
	const char *args;   /* extra bytes that make the action's identity, or NULL: then argv */
	const char *detail; /* a JSON object as text, or NULL; what is none is left out */
	const char *approval_type, *approval_id, *approval_by; /* or NULL */

	/* Filled by the journal for all but phase OUTCOME, into which the caller copies them
	 * from the decision. */
	char action_id[RECORD_ACTION_ID_MAX];
	uint64_t attempt;
	bool uncounted; /* attempt is 1 only because the table is full; said in detail */
};

/*
 * Writes the record into line (no newline), UTF-8 whatever the input's bytes
 * were, secrets redacted (CONTRACT.md "Records").  prev: 64 hex digits; now: of
 * CLOCK_REALTIME.  size: RECORD_LINE_MAX, so that every field has its place.  Returns
 * its length.  Never fails: too long fields are cut, detail is dropped, and
 * `"truncated":true` said in detail.
 */
size_t record_format(const struct record_identity *who, const struct action *a, uint64_t seq,
		     const char *prev, const struct timespec *now, char *line, size_t size);

/* "act_" and 26 characters of base32 over agent, session, tool, resource and args. */
void record_action_id(const struct record_identity *who, const struct action *a,
		      char out[RECORD_ACTION_ID_MAX]);

/* "run_" and a ULID (time in ms, 80 random bits, Crockford base32). */
void record_new_run_id(char out[RECORD_RUN_ID_MAX]);

#endif
