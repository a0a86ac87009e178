/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Synthetic addresses: one of 198.18.0.0/15 (RFC 2544, routed nowhere) for each
 * name that the agent asks for, the same for the whole run.  A connect to the
 * address is a connect to the name.
 */
#ifndef WARDER_SUPERVISOR_NAMES_H
#define WARDER_SUPERVISOR_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define NAMES_NET 0xc6120000u /* 198.18.0.0, host order */

enum {
	NAMES_MAX = 16384,	  /* names of one run; past it names_add() fails: the query is
				   * answered SERVFAIL and recorded */
	NAMES_NET_SIZE = 1 << 17, /* addresses in 198.18.0.0/15 */
	NAMES_FIRST = 16,	  /* offset of the first name's address: 198.18.0.1 to .15 are
				   * left to warder's own devices */
};

struct name {
	const char *text; /* canonical, owned by the table */
	struct addr addr;
	bool recorded;	   /* the caller's: its `resolve` record has been written */
	uint64_t count;	   /* the caller's */
	void *data;	   /* the caller's, never touched here */
	struct name *next; /* the table's */
};

struct names;

/* NULL: no memory.  Takes its hash key from the kernel: call before confinement. */
struct names *names_new(void);
void names_free(struct names *t); /* frees entries and texts, not data; NULL is fine */
/* Finds canonical, or adds it.  NULL: ENOSPC (NAMES_MAX) or ENOMEM.  The entry
 * stays where it is until names_free(). */
struct name *names_add(struct names *t, const char *canonical);
struct name *names_find(const struct names *t, const char *canonical);	 /* or NULL */
struct name *names_of_addr(const struct names *t, const struct addr *a); /* or NULL */
bool names_is_synthetic(const struct addr *a); /* within 198.18.0.0/15, given out or not */
size_t names_count(const struct names *t);

#endif
