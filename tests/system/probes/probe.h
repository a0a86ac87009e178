/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the probes share: one `name=result` line for each attempt, the result
 * being "ok" or the name of an errno.  A probe takes no side: the test that ran
 * it knows what it must print.
 */
#ifndef WARDER_PROBE_H
#define WARDER_PROBE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline const char *errno_name(int err)
{
	const char *name = strerrorname_np(err);

	return name ? name : "EUNKNOWN";
}

/* rc as of a system call; at once, so that nothing is lost when the probe is killed. */
static inline int tell(const char *name, long rc)
{
	printf("%s=%s\n", name, rc >= 0 ? "ok" : errno_name(errno));
	fflush(stdout);
	return rc >= 0;
}

static inline void tell_text(const char *name, const char *text)
{
	printf("%s=%s\n", name, text);
	fflush(stdout);
}

static inline void tell_number(const char *name, long n)
{
	printf("%s=%ld\n", name, n);
	fflush(stdout);
}

#endif
