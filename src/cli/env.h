/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command's environment: an allow-list, without what steers a loader or an
 * interpreter, without what looks like a secret.  Names of what was dropped are
 * for the record, values are for nobody.
 */
#ifndef WARDER_CLI_ENV_H
#define WARDER_CLI_ENV_H

#include "policy/profile.h"

struct env_request {
	const struct profile *profile;
	const struct strlist *pass; /* --pass-env: globs of names */
	const struct strlist *set;  /* --env: K=V, or K to pass it on */
	const char *home, *user, *cwd;
	bool shim;
	const char *run_id, *agent_id;
};

/* A NULL-terminated vector for execve(), owned by the caller; the names of what
 * was not passed on are added to dropped, sorted. */
char **env_build(const struct env_request *rq, char *const *from, struct strlist *dropped);
const char *env_get(char *const *env, const char *name); /* or NULL */
void env_free(char **env);
/* Overwrites the launcher's own environment where /proc/PID/environ shows it. */
void env_wipe(void);

#endif
