/* SPDX-License-Identifier: Apache-2.0 */
/* What is the sandbox's alone, so that nothing of it crosses the wall; and what the host's. */
#ifndef WARDER_SUPERVISOR_OWN_H
#define WARDER_SUPERVISOR_OWN_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "supervisor/state.h"

enum {
	/* Places of loopback, each on record once; that of the last one says that further
	 * ones are not.  The process is told of every one. */
	OWN_REFUSED_MAX = 256,
};

/* Once the mounts stand: finds the private file systems beneath s->rootfd. */
void own_find(struct supervisor *s);
/* Nobody outside has this file system. */
bool own_fs(const struct supervisor *s, dev_t dev);
/* The socket lives in the agent's network namespace; SO_NETNS_COOKIE, 5.14.  One that
 * was handed off, or passed in by SCM_RIGHTS, does not. */
bool own_net(const struct supervisor *s, int sock);
/* Whether who listens at one of them may be found at the other: they are equal, the one
 * behind a translator too, or both are addresses of this host. */
bool own_same_place(const struct addr *a, const struct addr *b);
/* Loopback refused a stream socket of the agent's network: tells the process, and once a
 * place the journal, that nothing listens there inside, and how to reach the host's. */
void own_nothing_listens(struct supervisor *s, const struct agent_process *by,
			 const struct sockaddr *to, socklen_t len);

#endif
