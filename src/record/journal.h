/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal of one run: append-only, hash-chained, one writer.
 *
 * Written before the verdict is answered: one write() a line on an O_APPEND
 * descriptor, `prev` the SHA-256 of the previous line without its newline.
 * A write that comes back short (a full disk) is cut off again; as long as
 * that cannot be done no further line is written, so a torn line is always
 * the last one.  No record, no action: whoever gets an error answers no.
 */
#ifndef WARDER_RECORD_JOURNAL_H
#define WARDER_RECORD_JOURNAL_H

#include "base/fault.h"
#include "policy/profile.h"
#include "record/record.h"

enum {
	/* Distinct actions whose repetitions are counted; past it new ones are
	 * still recorded, each as attempt 1 with detail.attempts_uncounted. */
	JOURNAL_ATTEMPTS_MAX = 8192,
};

struct journal;

/* Creates LOG/journal/RUN_ID.jsonl (0600; O_EXCL).  who must outlive it. */
struct journal *journal_create(const char *log_dir, const struct record_identity *who,
			       enum audit_sync sync, struct fault *f);
/* Writes one record and, by the sync policy (`decision`: denials, approvals,
 * lifecycle, revocation, finding), fdatasyncs it.  0, or -errno: nothing is
 * recorded then.  Fills a->action_id and a->attempt (not for an OUTCOME). */
int journal_append(struct journal *j, struct action *a);
/* Leaves the next record's sync to journal_sync(), for a caller who has something to do
 * meanwhile, and lets nothing happen before that: 0, or -errno. */
void journal_sync_later(struct journal *j);
int journal_sync(struct journal *j);
uint64_t journal_records(const struct journal *j);
uint64_t journal_denials(const struct journal *j); /* decisions, and what a gateway denied later */
const char *journal_head(const struct journal *j); /* 64 hex digits: hash of the last line */
const char *journal_path(const struct journal *j);
void journal_close(struct journal *j); /* NULL is fine */

#endif
