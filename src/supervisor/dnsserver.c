/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox's name server: 127.0.0.1:53 over UDP and TCP, and whatever comes to
 * port 53 of any address through the catch-all device.  No query leaves; every
 * name gets an address of its own, also a denied one: so that the connect to it
 * is judged, and refused at once, by its name.
 *
 * A TCP connection is one query at a time: what comes behind it stays in the
 * socket until its answer has been taken (RFC 7766 6.2.1).
 */
#include "supervisor/state.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "supervisor/dns.h"

enum {
	DNS_QUERY_MAX = 1232,	 /* bytes of a query (RFC 9715); a longer one gets no answer, and
				  * over TCP ends its connection */
	DNS_BURST = 32,		 /* queries answered before the loop looks at anything else */
	DNS_CLIENTS_MAX = 64,	 /* TCP connections at once; a further one is closed at once */
	DNS_IDLE_MS = 10 * 1000, /* without a whole query; then the connection is closed */
};

/* A TCP connection. */
struct client {
	struct source src;
	struct client **slot; /* of the server's that it has */
	struct timer idle;
	size_t n_in;	      /* of in: two bytes of length, then the query */
	size_t n_out, at_out; /* of out: what is still to be sent */
	uint8_t in[2 + DNS_QUERY_MAX];
	uint8_t out[DNS_ANSWER_MAX];
};

struct dnsserver {
	struct source udp, tcp;
	bool full_recorded; /* that there was no room for a name: once is enough */
	struct client *clients[DNS_CLIENTS_MAX]; /* NULL: free */
};

/* --- names ------------------------------------------------------------------------------------ */

/* A denial, or what would be one. */
static void record(struct supervisor *s, const char *name, const struct verdict *v, bool wall)
{
	struct attempt a = {.tool = "resolve",
			    .resource = name,
			    .verdict = *v,
			    .via = VIA_KERNEL,
			    .err = EACCES,
			    .wall = wall};
	int err;

	attempt_decide(s, &a, &err, NULL);
}

static void record_full(struct supervisor *s, const char *name)
{
	static const struct verdict v = {.decision = DECISION_DENY,
					 .rule = "network",
					 .reason = "it asked for more names than a run may"};

	if (s->dns->full_recorded)
		return;
	s->dns->full_recorded = true;
	record(s, name, &v, true);
}

struct name *dnsserver_name(struct supervisor *s, const char *canonical)
{
	struct name *n = names_add(s->names, canonical);
	struct verdict v;

	if (n == NULL) {
		record_full(s, canonical);
		return NULL;
	}
	if (n->recorded)
		return n;
	n->recorded = true; /* judged, that is: the profile does not change */
	v = judge_resolve(s->plan->profile, canonical);
	if (v.decision != DECISION_ALLOW)
		record(s, canonical, &v, false);
	return n;
}

/* --- one message ------------------------------------------------------------------------------ */

static enum dns_rcode reverse(struct supervisor *s, struct dns_question *q)
{
	const struct name *n = names_of_addr(s->names, &q->addr);

	if (n == NULL)
		return DNS_NXDOMAIN;
	strcpy(q->target, n->text);
	return DNS_NOERROR;
}

static enum dns_rcode look_up(struct dns_question *q, void *arg)
{
	struct supervisor *s = arg;
	const struct name *n;

	if (q->type == DNS_TYPE_PTR)
		return reverse(s, q);
	n = dnsserver_name(s, q->name);
	if (n == NULL)
		return DNS_SERVFAIL;
	q->addr = n->addr;
	return DNS_NOERROR;
}

size_t dnsserver_answer(struct supervisor *s, const uint8_t *query, size_t len, uint8_t *out,
			size_t size, bool tcp)
{
	struct dns_question q;

	return dns_answer(query, len, out, size, tcp, &q, look_up, s);
}

/* --- UDP -------------------------------------------------------------------------------------- */

static void udp_ready(struct supervisor *s, struct source *src, uint32_t events)
{
	uint8_t query[DNS_QUERY_MAX], answer[DNS_ANSWER_MAX];

	(void)events;
	for (int i = 0; i < DNS_BURST; i++) {
		struct sockaddr_storage from;
		socklen_t from_len = sizeof(from);
		ssize_t n = recvfrom(src->fd, query, sizeof(query), MSG_DONTWAIT | MSG_TRUNC,
				     (struct sockaddr *)&from, &from_len);
		size_t len;

		/* Other errors are of answers that nobody took. */
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0 || (size_t)n > sizeof(query))
			continue;
		len = dnsserver_answer(s, query, (size_t)n, answer, sizeof(answer), false);
		if (len > 0)
			sendto(src->fd, answer, len, MSG_DONTWAIT | MSG_NOSIGNAL,
			       (struct sockaddr *)&from, from_len);
	}
}

/* --- TCP -------------------------------------------------------------------------------------- */

static void drop_client(struct supervisor *s, struct client *c)
{
	loop_remove(s, &c->src);
	timer_clear(&c->idle);
	fd_close(&c->src.fd);
	*c->slot = NULL;
	free(c);
}

static void client_idle(struct supervisor *s, struct timer *t)
{
	drop_client(s, (struct client *)((char *)t - offsetof(struct client, idle)));
}

/* How much of a query is still missing; SIZE_MAX: it is too long. */
static size_t missing(const struct client *c)
{
	size_t len;

	if (c->n_in < 2)
		return 2 - c->n_in;
	len = (size_t)c->in[0] << 8 | c->in[1];
	return len > DNS_QUERY_MAX ? SIZE_MAX : 2 + len - c->n_in;
}

/* Reads until a query is whole.  1: it is, 0: not yet, -1: the connection has ended. */
static int read_query(struct client *c)
{
	size_t want;

	while ((want = missing(c)) > 0) {
		ssize_t n;

		if (want == SIZE_MAX)
			return -1;
		n = recv(c->src.fd, c->in + c->n_in, want, MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0)
			return -1;
		c->n_in += (size_t)n;
	}
	return 1;
}

/* Sends what is left of an answer.  1: nothing is left, 0: not yet, -1: ended. */
static int write_answer(struct client *c)
{
	while (c->at_out < c->n_out) {
		ssize_t n = send(c->src.fd, c->out + c->at_out, c->n_out - c->at_out,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN ? 0 : -1;
		c->at_out += (size_t)n;
	}
	return 1;
}

/* 1: the next query may be read, 0: it has to wait, -1: ended. */
static int serve_query(struct supervisor *s, struct client *c)
{
	int rc = read_query(c);

	if (rc <= 0)
		return rc;
	timer_set(s, &c->idle, DNS_IDLE_MS);
	c->n_out = dnsserver_answer(s, c->in + 2, c->n_in - 2, c->out, sizeof(c->out), true);
	c->at_out = c->n_in = 0;
	/* What is no query at all is not waited for again. */
	return c->n_out > 0 ? write_answer(c) : -1;
}

static void client_ready(struct supervisor *s, struct source *src, uint32_t events)
{
	struct client *c = (struct client *)((char *)src - offsetof(struct client, src));
	int rc = write_answer(c);

	(void)events;
	for (int i = 0; i < DNS_BURST && rc > 0; i++)
		rc = serve_query(s, c);
	if (rc < 0 || loop_change(s, src, c->at_out < c->n_out ? EPOLLOUT : EPOLLIN) < 0)
		drop_client(s, c);
}

/* NULL: no room, or no memory. */
static struct client *new_client(struct dnsserver *d, int fd)
{
	struct client **slot = d->clients, *c;

	while (slot < d->clients + DNS_CLIENTS_MAX && *slot != NULL)
		slot++;
	c = slot < d->clients + DNS_CLIENTS_MAX ? calloc(1, sizeof(*c)) : NULL;
	if (c == NULL)
		return NULL;
	c->src = (struct source){.fd = fd, .ready = client_ready};
	c->idle.expired = client_idle;
	c->slot = slot;
	*slot = c;
	return c;
}

/* Edge-triggered and to the end of the backlog: without a descriptor left, what
 * waits there must not wake us again and again. */
static void tcp_ready(struct supervisor *s, struct source *src, uint32_t events)
{
	int fd;

	(void)events;
	while ((fd = accept4(src->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		struct client *c = new_client(s->dns, fd);

		if (c == NULL) {
			close(fd);
			continue;
		}
		timer_set(s, &c->idle, DNS_IDLE_MS);
		if (loop_add(s, &c->src, EPOLLIN) < 0)
			drop_client(s, c);
	}
}

/* --- the whole -------------------------------------------------------------------------------- */

int dnsserver_start(struct supervisor *s, int udp, int tcp, struct fault *f)
{
	struct dnsserver *d = mem_alloc(sizeof(*d));

	s->dns = d;
	d->udp = (struct source){.fd = udp, .ready = udp_ready};
	d->tcp = (struct source){.fd = tcp, .ready = tcp_ready};
	if (loop_add(s, &d->udp, EPOLLIN) < 0 || loop_add(s, &d->tcp, EPOLLIN | EPOLLET) < 0)
		return fault_errno(f, NULL, "cannot watch the sandbox's name server sockets");
	return 0;
}

void dnsserver_stop(struct supervisor *s)
{
	struct dnsserver *d = s->dns;

	if (d == NULL)
		return;
	for (size_t i = 0; i < DNS_CLIENTS_MAX; i++)
		if (d->clients[i] != NULL)
			drop_client(s, d->clients[i]);
	loop_remove(s, &d->udp);
	loop_remove(s, &d->tcp);
	fd_close(&d->udp.fd);
	fd_close(&d->tcp.fd);
	free(d);
	s->dns = NULL;
}
