/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runs of this host, as `ps`, `kill` and `revoke` see them: by the directories
 * that supervisors keep in RUNTIME/runs (supervisor/control.h).
 */
#ifndef WARDER_CLI_RUNS_H
#define WARDER_CLI_RUNS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/fault.h"

enum {
	/* A directory without a state file belongs to a run that is just starting; when it
	 * is older than this, to one that never came so far. */
	RUNS_STARTING_S = 60,
	/* For the kernel to end a run whose supervisor was killed; then it counts as left. */
	RUNS_FORCE_MS = 5 * 1000,
};

enum run_life { RUN_ALIVE, RUN_STARTING, RUN_DEAD };

struct run_entry {
	char *id, *dir;
	enum run_life life;
	json_t *state; /* NULL while starting, or where it cannot be read */
	pid_t pid;     /* the supervisor */
	int pidfd;     /* of it, while alive; else -1 */
};

struct run_list {
	struct run_entry *v; /* oldest first */
	size_t n;
};

/* 0, or -1 with a fault.  That there is no directory means that there is no run. */
int runs_read(const char *runtime_dir, struct run_list *l, struct fault *f);
void runs_free(struct run_list *l);
int64_t runs_now_ms(void); /* CLOCK_MONOTONIC */
/* A string of the state file; "" where there is none. */
const char *run_text(const struct run_entry *r, const char *key);
/* Waits until the supervisor has gone, and with it the run; false: not in timeout_ms. */
bool run_wait_end(const struct run_entry *r, int timeout_ms);
/*
 * For a supervisor that does not answer: kills it.  Its sandbox dies with it, and
 * is waited for.  The journal is left without run.end, as by a crash.  False:
 * something is left.
 */
bool run_force(const struct run_entry *r);
/* Removes what a dead supervisor left behind.  0 or -1 with a fault. */
int run_clear(const struct run_entry *r, struct fault *f);

#endif
