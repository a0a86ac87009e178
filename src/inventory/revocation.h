/* SPDX-License-Identifier: Apache-2.0 */
/* STATE/revoked.d: a file there ends an agent; CONTRACT.md "Revocation". */
#ifndef WARDER_INVENTORY_REVOCATION_H
#define WARDER_INVENTORY_REVOCATION_H

#include <stdbool.h>

#include "base/fault.h"

/* What a run answers to. */
struct revocation_key {
	const char *agent_id, *owner, *environment, *run_id; /* run_id may be NULL */
};

/* Whether one of the files AGENT, owner:O, environment:E, run:R, @all is
 * there.  1 revoked (name gets the file's, why its "why" or ""), 0 not,
 * -1 could not be told (with a fault): treat as revoked. */
int revocation_check(const char *state_dir, const struct revocation_key *k, char name[300],
		     char why[256], struct fault *f);
/* What a person reads of an agent that revocation_check() found revoked; always -1. */
int revocation_fault(const char *agent_id, const char *name, const char *why, struct fault *f);
/* The command that takes it back, owned by the caller; NULL: there is none. */
char *revocation_undo(const char *name);
/* Writes {"why","by","at"}; fsyncs file and directory. */
int revocation_write(const char *state_dir, const char *name, const char *why, const char *by,
		     struct fault *f);
/* 1 removed, 0 there was none, -1 fault. */
int revocation_remove(const char *state_dir, const char *name, struct fault *f);

#endif
