/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names to addresses for the direct gateway, without ever blocking the
 * supervisor and without giving it what a resolver needs (files, sockets, NSS).
 *
 * A broker process is forked before the supervisor confines itself.  It reads
 * questions from a SOCK_SEQPACKET pair and forks one child a look-up, which
 * calls getaddrinfo() and is killed when it takes too long: a library that
 * parses what strangers sent runs in a process that holds nothing, and that
 * can answer only the one question that it was asked.
 */
#ifndef WARDER_GATEWAY_RESOLVER_H
#define WARDER_GATEWAY_RESOLVER_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/fault.h"

enum {
	RESOLVER_CHILDREN_MAX =
		32, /* look-ups at once; more wait in the socket, then ask() says EAGAIN */
	RESOLVER_ADDRS_MAX = 8,		 /* of one answer; further ones are dropped */
	RESOLVER_TIMEOUT_MS = 10 * 1000, /* of one look-up; then EAI_AGAIN */
};

struct resolver;

struct resolver_answer {
	uint32_t id;
	int error; /* 0, or EAI_* of netdb.h, for gai_strerror(); then n is 0 */
	uint32_t n;
	struct addr addrs[RESOLVER_ADDRS_MAX]; /* in the order of RFC 6724, distinct */
};

/*
 * Forks the broker: parent-death signal, not dumpable, no_new_privs, no
 * capabilities and (as root) uid 65534 where that is mapped, default signals
 * but terminal ones ignored, no descriptor but its end of the pair, an empty and
 * wiped environment.  Call it before there are threads and secrets.  NULL with a fault.
 */
struct resolver *resolver_start(struct fault *f);
/* Waits for the broker to say that all that is done: before anything is asked.  0, or -1 with
 * a fault.  Apart from the start, so that the two take place at the same time as others. */
int resolver_confined(struct resolver *r, struct fault *f);
int resolver_fd(const struct resolver
			*r); /* for epoll: readable when an answer or the broker's end is there */
int resolver_pid(const struct resolver *r); /* so that the supervisor's reaper knows it */
/* Asks for name; the answer comes with id.  0, or -1: EAGAIN when too many are
 * waiting (refuse this one), EINVAL for a name over ADDR_NAME_MAX, EPIPE when the broker is gone.
 */
int resolver_ask(struct resolver *r, uint32_t id, const char *name);
/* 1: *a is an answer; 0: none now; -1: the broker is gone (stop watching the
 * descriptor; every later ask fails).  The message is checked, not trusted. */
int resolver_read(struct resolver *r, struct resolver_answer *a);
/* Ends the broker and its children, and reaps it; NULL is fine. */
void resolver_stop(struct resolver *r);
/* The first half of that, without waiting: every later ask fails, and the broker ends. */
void resolver_close(struct resolver *r);

#endif
