/* SPDX-License-Identifier: Apache-2.0 */
/* One action record as one line for people. */
#ifndef WARDER_CLI_RECORD_TEXT_H
#define WARDER_CLI_RECORD_TEXT_H

#include <jansson.h>
#include <stdbool.h>

/* A string of the object; "" where there is none. */
const char *record_text_of(json_t *o, const char *key);
bool record_text_is(json_t *o, const char *key, const char *value);
/* When, who, what came of it, what, on what, why: to stdout.  Outcomes only where they
 * are not the success that was expected.  width: of the terminal, where lines are cut; 0: none. */
void record_text_print(json_t *record, bool colour, size_t width);

#endif
