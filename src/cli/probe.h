/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `warder doctor` tries, each in a process of its own that may hang or die.
 *
 * A probe does what a run does, end to end, and mostly with a run's own code: a
 * version, or that a call can be made, says little about whether it works.
 */
#ifndef WARDER_CLI_PROBE_H
#define WARDER_CLI_PROBE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"
#include "base/paths.h"

enum {
	/* For one probe; then its processes are killed, and what it tried is missing. */
	PROBE_TIMEOUT_MS = 10 * 1000,
};

/* 0 and, in what, a detail or nothing; or -1, why in what and the command in mend. */
typedef int probe_fn(const struct paths *paths, struct fault *f);

/* Runs it in a child, in bounded time. */
int probe_run(probe_fn *fn, const struct paths *paths, struct fault *f);

probe_fn probe_user_namespace, probe_namespaces, probe_mounts, probe_network, probe_tun,
	probe_seccomp, probe_held, probe_getfd, probe_handoff, probe_ptrace, probe_landlock,
	probe_sandbox, probe_journal, probe_runtime, probe_revocations, probe_inventory, probe_shim;

#endif
