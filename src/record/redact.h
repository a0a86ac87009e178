/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets out of what is written down.  A record is read by many people for
 * years; what it needs is that a token was used, not which.  A guess, and on
 * the careful side: a shape that is not known is not found.
 */
#ifndef WARDER_RECORD_REDACT_H
#define WARDER_RECORD_REDACT_H

#include <stdbool.h>
#include <stddef.h>

#define REDACTED "***"

/* Copies text to out (size > 0, terminated, cut where it ends), every secret in it replaced by
 * REDACTED, its name kept.  True: something was.  Linear in len. */
bool redact_text(const char *text, size_t len, char *out, size_t size);

/* The same of one argument of a command.  *announced: the argument before it was an option
 * whose value is a secret; afterwards, whether this one is. */
bool redact_arg(const char *arg, size_t len, bool *announced, char *out, size_t size);

/* Whether the name of an option, a variable or a member ("--api-token", "PASSWORD") announces
 * a secret. */
bool redact_names_secret(const char *name, size_t len);

#endif
