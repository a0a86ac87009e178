/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection made for the agent, and the handoff of the connected socket.
 *
 *	RESOLVE -> CONNECT -> [TUNNEL] -> handed off -> [WATCH] -> outcome
 *
 * The caller is held meanwhile, but for a non-blocking one and the direct
 * gateway: it gets the socket while that connects, as connect(2) has it.
 */
#ifndef WARDER_SUPERVISOR_DIAL_H
#define WARDER_SUPERVISOR_DIAL_H

#include <sys/socket.h>

#include "policy/judge.h"
#include "supervisor/request.h"

enum {
	DIALS_MAX = 1024, /* at once; more: EAGAIN, and an outcome that says so */
	RESOURCE_MAX = ADDR_TEXT_MAX,
};

/* What the agent's call was about. */
struct dial_socket {
	int fd;	      /* duplicate of the agent's socket; the dial takes it */
	int agent_fd; /* its number */
	int path_fd;  /* what a unix address names, or -1; the dial takes it, too */
	int domain, type;
	bool cloexec, nonblock;
};

/* The address for a socket of that domain: IPv4 is mapped for an IPv6 one (RFC 4291 2.5.5.2). */
socklen_t dial_address(const struct addr *a, uint16_t port, int domain,
		       struct sockaddr_storage *ss);

struct dial_table *dial_table_new(void);
void dial_table_free(struct supervisor *s); /* ends them all */

/* Connects the agent's own socket, inside its own network, and answers. */
void dial_own(struct supervisor *s, const struct request *rq, struct dial_socket *sock,
	      const struct sockaddr *to, socklen_t len);
/* Dials out for an attempt that was allowed and recorded as decision.  directly: past the
 * gateway (the host's loopback, named by a rule). */
void dial_out(struct supervisor *s, const struct request *rq, struct dial_socket *sock,
	      const struct destination *to, bool directly, const struct action *decision);
/* An answer of the resolver: dial.c watches its descriptor. */
int dial_watch_resolver(struct supervisor *s, struct fault *f);

#endif
