/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host ledger LOG/ledger.jsonl: one chained line per run start and end,
 * and what concerns no run (an unregistered agent, a revocation).  Lines have
 * the form of action records.  Several supervisors append: an exclusive
 * open-file-description lock around read-last-line and append; fdatasync after it.
 */
#ifndef WARDER_RECORD_LEDGER_H
#define WARDER_RECORD_LEDGER_H

#include "base/fault.h"
#include "record/record.h"

/* A line that is written, and not yet known to be on the disk. */
struct ledger_entry {
	int fd;
	bool first; /* of its file */
};

/* ledger_append() in two, for a caller who has something to do meanwhile: the write, and the
 * fdatasync, which takes the entry.  0 or -1 with a fault. */
int ledger_write(const char *log_dir, const struct record_identity *who, struct action *a,
		 struct ledger_entry *entry, struct fault *f);
int ledger_sync(struct ledger_entry *entry, const char *log_dir, struct fault *f);
/* 0 or -1 with a fault.  A torn last line is left in place and ended by a newline;
 * the chain goes on from the whole one before it, and verify reports it. */
int ledger_append(const char *log_dir, const struct record_identity *who, struct action *a,
		  struct fault *f);

#endif
