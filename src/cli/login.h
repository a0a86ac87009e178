/* SPDX-License-Identifier: Apache-2.0 */
/* On whose behalf something is done: "TYPE:ID". */
#ifndef WARDER_CLI_LOGIN_H
#define WARDER_CLI_LOGIN_H

#include <pwd.h>
#include <stdbool.h>
#include <sys/types.h>

/* A user by name, or by number where name is NULL; NULL where there is none.  Good
 * until the next call. */
struct passwd *login_find(const char *name, uid_t uid);

struct requester {
	char *text, *type, *id; /* "user:alice", "user", "alice" */
};

/* text NULL: the login that all this began with, also behind sudo(8) and su(1).  False,
 * and nothing to free: it has no type or no id. */
bool requester_set(struct requester *r, const char *text);
void requester_free(struct requester *r);

#endif
