/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket that a program put into its epoll sets before it connects (nginx, Asio,
 * Netty) loses its place there when another socket is put in place of it: the set
 * knows open files, not numbers.  So the new one is put into the same sets.
 */
#ifndef WARDER_SUPERVISOR_TRANSPLANT_H
#define WARDER_SUPERVISOR_TRANSPLANT_H

#include "supervisor/request.h"

enum {
	TRANSPLANT_FDS_MAX = 4096, /* descriptors looked at; sets beyond keep nothing of it */
	TRANSPLANT_SETS_MAX = 16,  /* sets that one socket is in; likewise */
	/* A set may have millions of entries, which the kernel writes out in one go.  Our CPU time
	 * for walking one, a tenth of that, and for one socket: whoever makes larger ones loses
	 * its places for the rest of the run. */
	TRANSPLANT_WALK_MS = 10,
	TRANSPLANT_CPU_MS = 200,
};

/* Once `to` stands in place of the agent's descriptor agent_fd, which was `from`: both
 * are ours.  rq: tid and who.tgid count. */
void transplant(struct supervisor *s, const struct request *rq, int agent_fd, int from, int to);

#endif
