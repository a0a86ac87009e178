/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why something before the start failed, and how the reader mends it.
 *
 * Functions that can fail for a reason a person must read take a
 * `struct fault *` and return -1 (or NULL) after filling it.  Whoever is at
 * the top prints it: one line that says why, one that says how to mend it.
 */
#ifndef WARDER_BASE_FAULT_H
#define WARDER_BASE_FAULT_H

enum { FAULT_WHAT_MAX = 1024, FAULT_MEND_MAX = 512 };

struct fault {
	char what[FAULT_WHAT_MAX]; /* "cannot make a user namespace: Operation not permitted" */
	char mend[FAULT_MEND_MAX]; /* "see `warder doctor`"; may be empty */
};

/* Fills f; always returns -1, so that `return fault_set(...)` reads well. */
int fault_set(struct fault *f, const char *mend, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The same, and appends ": strerror(errno)". */
int fault_errno(struct fault *f, const char *mend, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Prints "warder: WHAT" and, where there is one, "warder: MEND" to stderr. */
void fault_print(const struct fault *f);

#endif
