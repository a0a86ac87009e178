/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The long-lived half of warder: one process a run, outside the sandbox,
 * single-threaded, in one epoll loop.  It answers what the agent tries.
 *
 *	s = supervisor_new(&plan, &f);     before the jail: what must be ready or
 *	                                   forked while we still may
 *	jail_begin(...), jail_wait(...)
 *	supervisor_run(s, &jail, &end, &f) confines itself, loops until the end
 *	supervisor_free(s);
 */
#ifndef WARDER_SUPERVISOR_SUPERVISOR_H
#define WARDER_SUPERVISOR_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "gateway/url.h"
#include "jail/jail.h"
#include "policy/profile.h"
#include "record/journal.h"
#include "record/record.h"

/* All of it outlives the supervisor. */
struct supervisor_plan {
	const struct profile *profile;
	const struct fsplan *fs;
	const struct gateway *gateway;
	const struct record_identity *who;
	/* Whether the run is revoked, as revocation_check() of inventory/ has it; the fault says
	 * why in either case. */
	int (*revoked)(const void *key, char name[300], char why[256], struct fault *f);
	const void *revocation; /* the key */
	/* Once, when the command itself runs: after its exec was verified. */
	void (*started)(const void *starter, pid_t command);
	const void *starter;
	struct journal *journal;
	const char *state_dir; /* revoked.d is watched there */
	const char *run_dir;   /* RUNTIME/runs/RUN_ID, made already: state and control socket */
	const char *command;   /* for `ps`: the command line as text */
	const char *token;     /* the run token for the gateway, or NULL */
	int64_t wall_ms;       /* 0: none */
	bool observe;	       /* what the policy denies is allowed and recorded as observed */
	uid_t uid;	       /* who the agent is */
	gid_t gid;
};

/* Why a run ended: run.end and --status-fd say it. */
enum end_reason {
	END_CHILD,   /* the command ended */
	END_TIMEOUT, /* the wall-clock limit */
	END_KILLED,  /* `warder kill`, or a signal that cannot be passed on */
	END_REVOKED,
	END_POLICY, /* the command itself was denied */
	END_TRIPWIRE,
	END_ERROR, /* the supervisor cannot go on: the journal, the kernel */
};
const char *end_reason_name(enum end_reason r); /* "child" "timeout" ... */

struct supervisor_end {
	enum end_reason reason;
	int exit_code;		/* of `warder run`, CONTRACT.md */
	unsigned int leftovers; /* processes killed after the command had ended */
	char why[256];		/* for END_REVOKED, END_KILLED, END_ERROR; else "" */
};

struct supervisor;

/* From now on no signal that can be passed on ends this process; it is passed on to the command
 * once that is there.  Before anything is made that would have to be undone. */
int supervisor_hold_signals(struct fault *f);
/* After supervisor_hold_signals(): forks the resolver, opens the control
 * socket and the watch of revoked.d.  NULL with a fault. */
struct supervisor *supervisor_new(const struct supervisor_plan *plan, struct fault *f);
/* Takes the jail's descriptors into the loop; returns when the run has ended
 * and no process of it is left, and nothing that it would still record.  0, or -1 with
 * a fault (nothing of the run is left then either). */
int supervisor_run(struct supervisor *s, struct jail *jail, struct supervisor_end *end,
		   struct fault *f);
void supervisor_free(struct supervisor *s); /* NULL is fine */

#endif
