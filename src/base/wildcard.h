/* SPDX-License-Identifier: Apache-2.0 */
/* '*' and '?', and nothing else: what every pattern of warder is made of. */
#ifndef WARDER_BASE_WILDCARD_H
#define WARDER_BASE_WILDCARD_H

#include <stdbool.h>
#include <stddef.h>

/* '*' any run of bytes, '?' one byte, neither of them the byte `stop` (0: none).
 * No recursion, no allocation; at most n_pattern * n_text steps. */
bool wildcard_match(const char *pattern, size_t n_pattern, const char *text, size_t n_text,
		    char stop);

#endif
