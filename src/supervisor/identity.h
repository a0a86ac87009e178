/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the kernel asks who acts: the agent's user, not root (`warder run --user`).
 * For a moment, and on the supervisor's one thread.
 */
#ifndef WARDER_SUPERVISOR_IDENTITY_H
#define WARDER_SUPERVISOR_IDENTITY_H

#include <stdbool.h>

#include "supervisor/state.h"

/* False: it cannot be done, and nothing has changed. */
bool identity_take(struct supervisor *s);
/* Root again, where we were; a supervisor that cannot be ends the run.  Keeps errno. */
void identity_leave(struct supervisor *s);
/* Whether the agent may read what fd (O_PATH will do) is open on. */
bool identity_can_read(struct supervisor *s, int fd);

#endif
