/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text that an agent chose, shown on a person's terminal.  What a terminal
 * would obey instead of showing (utf8_is_hidden()), and what is not UTF-8, is
 * written as \xNN or \uNNNN.  All of it counts characters, not columns.
 */
#ifndef WARDER_CLI_TEXT_H
#define WARDER_CLI_TEXT_H

#include <stddef.h>
#include <stdio.h>

/* Prints s; returns how many characters that took. */
size_t text_print(FILE *to, const char *s);
/* The same, followed by blanks until it is width characters wide. */
void text_pad(FILE *to, const char *s, size_t width);
/* cells: rows times columns, the heads first.  Each column is as wide as it must be. */
void text_table(FILE *to, const char *const *cells, size_t rows, size_t columns);

#endif
