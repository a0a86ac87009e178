/* SPDX-License-Identifier: Apache-2.0 */
/* Verifies the chain of a journal or of the ledger, in bounded memory. */
#ifndef WARDER_RECORD_VERIFY_H
#define WARDER_RECORD_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

enum verify_state {
	VERIFY_OK,      /* whole, with its run.end (or the ledger) */
	VERIFY_RUNNING, /* whole so far, maybe to its run.end; the run's supervisor is alive */
	VERIFY_CRASHED, /* whole, but torn last line or no run.end: no failure */
	VERIFY_BROKEN,  /* changed, cut, reordered: exit 1 */
	VERIFY_ERROR,   /* could not be read: exit 2 */
};

struct verify_report {
	enum verify_state state;
	uint64_t records;
	uint64_t line;       /* of the first break, from 1 */
	uint64_t torn_bytes; /* of a torn last line */
	char head[65];
	char run_id[32];
	char what[256]; /* "line 7: prev is …, expected …" */
};

/* path: a journal or ledger file. */
void verify_file(const char *path, struct verify_report *r);

/* Every journal under log_dir against the ledger: each run that the ledger knows
 * has a journal of its own; one that the ledger says ended ends at the recorded
 * head; one that ended is known to have.  Calls each() for the ledger, for each
 * journal, and for each that is missing; returns the worst state. */
enum verify_state verify_all(const char *log_dir,
			     void (*each)(const char *path, const struct verify_report *r,
					  void *arg),
			     void *arg);

#endif
