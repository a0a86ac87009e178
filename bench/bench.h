/* SPDX-License-Identifier: Apache-2.0 */
/* What the small programs of bench/ share.  Each prints one number and ends. */
#ifndef WARDER_BENCH_BENCH_H
#define WARDER_BENCH_BENCH_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static inline int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline _Noreturn void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static inline long number(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (n <= 0 || *end != '\0') {
		fprintf(stderr, "%s: not a number above 0\n", text);
		exit(2);
	}
	return n;
}

#endif
