/* SPDX-License-Identifier: Apache-2.0 */
/* What a program has set on its socket before connect(), on the one that takes its place. */
#ifndef WARDER_SUPERVISOR_SOCKOPTS_H
#define WARDER_SUPERVISOR_SOCKOPTS_H

/* To a socket of the domain that is as new as the agent's was: what differs was set, and not
 * tuned by the kernel for a connection that it has by now. */
void sockopts_keep(int from, int to, int domain);
/* SO_LINGER, for the agent; not while the socket is ours to close: a dial that fails would
 * linger. */
void sockopts_keep_linger(int from, int to);

#endif
