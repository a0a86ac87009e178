/* SPDX-License-Identifier: Apache-2.0 */
/* The last denials and failures, as the shim prints them. */
#ifndef WARDER_SUPERVISOR_WHY_H
#define WARDER_SUPERVISOR_WHY_H

enum { WHY_LINE_MAX = 512 }; /* WARDER_TEXT_MAX of preload/protocol.h */

struct why_table;
struct why_table *why_new(void); /* one a process; not to be freed */

#endif
