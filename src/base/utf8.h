/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 that may be hostile: RFC 3629, nothing overlong, no surrogates. */
#ifndef WARDER_BASE_UTF8_H
#define WARDER_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UTF8_MAX = 4 }; /* bytes of a character */

/* The length of the character that s begins with, 1 to UTF8_MAX; 0 where it is none.
 * len > 0. */
size_t utf8_decode(const char *s, size_t len, uint32_t *c);
/* How much of s to keep so that no character is cut in two at its end. */
size_t utf8_trim(const char *s, size_t len);
/* True for what a terminal would not show but obey: C0 and C1 controls, DEL,
 * line separators, bidirectional overrides, and characters without a width. */
bool utf8_is_hidden(uint32_t c);

#endif
