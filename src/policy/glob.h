/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns: "*" within one component or argument, "**" as stated.  No recursion: at most as
 * many steps as the product of both lengths. */
#ifndef WARDER_POLICY_GLOB_H
#define WARDER_POLICY_GLOB_H

#include <stdbool.h>
#include <stddef.h>

/* '*' any run of bytes, '/' included; '?' one byte; no brackets. */
bool glob_text(const char *pattern, const char *text);
/* As glob_text, but '*' and '?' stop at '/'; a final component "**" is everything beneath. */
bool glob_path(const char *pattern, const char *path);
/* patterns against args, position by position; a pattern "**" matches any rest. */
bool glob_argv(char *const *patterns, size_t n_patterns, char *const *args, size_t n_args);

#endif
