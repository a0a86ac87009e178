/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Test Anything Protocol, as little of it as the platform tests need.
 * A test ends with `return tap_done();`, which prints the plan.
 */
#ifndef WARDER_PLATFORM_TAP_H
#define WARDER_PLATFORM_TAP_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tap_count, tap_failed;

__attribute__((format(printf, 2, 3), unused)) static bool tap_ok(bool yes, const char *what, ...)
{
	va_list ap;

	printf("%sok %d - ", yes ? "" : "not ", ++tap_count);
	va_start(ap, what);
	vprintf(what, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	tap_failed += !yes;
	return yes;
}

/* Only for what this machine cannot have, never for what merely went wrong; with
 * WARDER_MUST_WORK=1 this is a machine that can. */
__attribute__((unused)) static void tap_skip(const char *what, const char *why)
{
	const char *must = getenv("WARDER_MUST_WORK");

	if (must && strcmp(must, "1") == 0)
		tap_ok(false, "%s: %s", what, why);
	else
		printf("ok %d - %s # SKIP %s\n", ++tap_count, what, why);
	fflush(stdout);
}

/* The test itself cannot go on: not a finding about the kernel. */
__attribute__((noreturn, unused)) static void tap_bail(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	fflush(stdout);
	_exit(99);
}

__attribute__((unused)) static int tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed ? 1 : 0;
}

#endif
