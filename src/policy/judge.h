/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verdicts: what a profile says of one attempt.  Pure functions of their
 * arguments, no system call, no allocation: tested as rows of a table, fuzzed.
 */
#ifndef WARDER_POLICY_JUDGE_H
#define WARDER_POLICY_JUDGE_H

#include <stddef.h>

#include "policy/profile.h"

struct verdict {
	enum decision decision;
	const char *rule;   /* "egress[3]", "egress.default", "metadata"; as long as the profile */
	const char *reason; /* for a person; never NULL */
};

/* A destination: a name (canonical, see addr_canon_name) or an address. */
struct destination {
	const char *name; /* NULL: addr counts */
	struct addr addr;
	uint16_t port;
};

/* First match in order, then the section's default.  Metadata addresses are
 * refused before any rule.  A name is matched by host rules only, an address
 * by cidr rules (and by host rules that were written as an address) only. */
struct verdict judge_egress(const struct profile *p, const struct destination *d);

/* Of a name alone: would any port of it be let through?  For `resolve`. */
struct verdict judge_resolve(const struct profile *p, const char *name);

/* A name that was allowed resolved to addr: may that address be dialled?
 * Refused: metadata and unspecified always, private unless an allowing cidr rule covers
 * it, loopback unless one names it as judge_is_host_loopback() has it. */
struct verdict judge_resolved(const struct profile *p, const char *name, const struct addr *addr,
			      uint16_t port);

/* Whether an allowing rule names this loopback address and port itself (a cidr
 * rule or host rule whose address is loopback): then it means the host's. */
bool judge_is_host_loopback(const struct profile *p, const struct addr *addr, uint16_t port);

/* path: the resolved file, absolute in the agent's root; argv: argc strings, argv[0] included. */
struct verdict judge_exec(const struct profile *p, const char *path, char *const *argv,
			  size_t argc);
/* path absolute, or "@NAME" (abstract; bytes that are not printable already escaped). */
struct verdict judge_unix(const struct profile *p, const char *path);
struct verdict judge_listen(const struct profile *p, uint16_t port);
struct verdict judge_tool(const struct profile *p, const char *tool, const char *resource);

/* Fills exec_rule.resolved: look(path, arg) gives the real path of an absolute
 * path in the agent's root as an owned string, or NULL.  A bare name is tried
 * in each directory of path_env. */
void judge_resolve_exec_rules(struct profile *p, const char *path_env,
			      char *(*look)(const char *path, void *arg), void *arg);

#endif
