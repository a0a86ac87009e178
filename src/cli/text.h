/* SPDX-License-Identifier: Apache-2.0 */
/* Text that an agent chose, shown on a person's terminal. */
#ifndef WARDER_CLI_TEXT_H
#define WARDER_CLI_TEXT_H

#include <stdio.h>

/* Prints s; controls (C0, C1, DEL), what is not UTF-8 and the invisible marks that
 * turn the direction of text are written as \xNN or \uNNNN. */
void text_print(FILE *to, const char *s);

#endif
