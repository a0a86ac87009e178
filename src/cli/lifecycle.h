/* SPDX-License-Identifier: Apache-2.0 */
/* How a run begins and ends on paper: run.start and run.end in its journal and in the host
 * ledger, refusals in the ledger, and the lines of --status-fd. */
#ifndef WARDER_CLI_LIFECYCLE_H
#define WARDER_CLI_LIFECYCLE_H

#include "base/paths.h"
#include "gateway/url.h"
#include "jail/jail.h"
#include "policy/profile.h"
#include "record/journal.h"
#include "record/ledger.h"
#include "record/record.h"
#include "supervisor/supervisor.h"

/* What stands on paper of a run; all of it is the caller's. */
struct lifecycle {
	const struct paths *paths;
	const struct record_identity *who;
	const struct profile *profile;
	const struct gateway *gateway;
	const struct fsplan *fs;
	const struct strlist *meta, *env_dropped;
	char *const *argv;
	int landlock_abi; /* the kernel's */
	bool tun;         /* a catch-all device can be had */
	bool observe;
	int status_fd;    /* or -1 */
	struct ledger_entry announced; /* of lifecycle_start(), for lifecycle_settle() */
};

/* The refusal to start at all, in the ledger: no run, no journal.  agent_id as asked. */
void lifecycle_refused(const struct paths *paths, const struct record_identity *who,
		       const char *command, const struct fault *why);
/* 0 or -1 with a fault: then nothing may start. */
int lifecycle_start(struct lifecycle *l, struct journal *j, struct fault *f);
/* Waits until that is on the disk: the walls are built meanwhile, but the command stands
 * before its execve until this was fine.  0 or -1 with a fault. */
int lifecycle_settle(struct lifecycle *l, struct journal *j, struct fault *f);
/* A run that was announced and could not start: why is the fault. */
int lifecycle_end(const struct lifecycle *l, struct journal *j, const struct supervisor_end *end,
		  const struct fault *why, struct fault *f);
/* Records, and tells a person, what the agent made that was to be protected had it been there. */
void lifecycle_appeared(const struct lifecycle *l, struct journal *j, bool quiet);
/* {"event":"started",...} once the command runs. */
void lifecycle_started(const struct lifecycle *l, pid_t host_pid);
/* {"event":"exited",...} where there has been no run: its id is empty. */
void lifecycle_not_started(int status_fd, const char *why);

#endif
