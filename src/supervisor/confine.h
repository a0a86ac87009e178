/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor's own walls. */
#ifndef WARDER_SUPERVISOR_CONFINE_H
#define WARDER_SUPERVISOR_CONFINE_H

#include <stdbool.h>

#include "base/fault.h"

/* Not dumpable, no new privileges, of capabilities only what it needs, its own system
 * call filter.  keep_ids: it must become the agent's user for unix connects.  No way back. */
int confine(bool keep_ids, struct fault *f);

#endif
