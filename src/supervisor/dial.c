/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/dial.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "gateway/connect.h"
#include "gateway/resolver.h"
#include "supervisor/identity.h"
#include "supervisor/own.h"
#include "supervisor/sockopts.h"
#include "supervisor/transplant.h"

enum {
	OWN_RETRY_MS = 10,		/* for a full backlog of a unix socket of its own */
	DIRECT_TIMEOUT_MS = 130 * 1000, /* the kernel's own is about this */
	PEEK_MAX = 4096,
	DETAIL_MAX = 512,
	REASON_MAX = ADDR_TEXT_MAX + 256,
};

enum phase {
	DIAL_RESOLVE, /* a name, by the resolver */
	DIAL_CONNECT, /* the caller waits for the connection */
	DIAL_TUNNEL,  /* the caller waits for the gateway's answer */
	DIAL_OWN,     /* the caller waits for its own socket */
	DIAL_RETRY,   /* the same, with a backlog that is full */
	DIAL_WATCH,   /* handed off while connecting: only the outcome is missing */
};

struct dial {
	struct source src; /* the socket that connects; -1: none yet */
	struct timer timer;
	struct dial *next, **link;
	enum phase phase;
	bool watched; /* src is in the loop */

	uint64_t id; /* of the notification */
	pid_t tid, tgid;
	pid_t pid; /* tgid as the agent sees it: of a connect to its own */
	struct dial_socket agent;
	bool tunnel;  /* through the gateway */
	uint32_t ask; /* the resolver's id for this dial */

	char name[ADDR_NAME_MAX + 1]; /* destination; "": addr */
	struct addr addr;
	uint16_t port;
	struct addr candidates[RESOLVER_ADDRS_MAX];
	uint16_t dial_port;
	size_t n, at;

	struct sockaddr_storage own; /* DIAL_RETRY */
	socklen_t own_len;
	int64_t deadline;

	struct connect_reply reply;
	bool recorded; /* a decision is on record: action and its copies below */
	struct action action;
	char resource[RESOURCE_MAX];
	char *exe;
};

struct dial_table {
	struct dial *all;
	size_t n;
	uint32_t next_ask;
	struct source resolver;
	bool flips; /* the agent takes O_NONBLOCK from us: see below */
};

struct dial_table *dial_table_new(void)
{
	struct dial_table *t = mem_alloc(sizeof(*t));

	t->resolver.fd = -1;
	return t;
}

/* --- the life of a dial ----------------------------------------------------------------------- */

static void timed_out(struct supervisor *s, struct timer *t);
static void dial_ready(struct supervisor *s, struct source *src, uint32_t events);

static struct dial *new_dial(struct supervisor *s, const struct request *rq,
			     struct dial_socket *sock)
{
	struct dial_table *t = s->dials;
	struct dial *d = t->n < DIALS_MAX ? calloc(1, sizeof(*d)) : NULL;

	if (d == NULL)
		return NULL;
	d->src = (struct source){.fd = -1, .ready = dial_ready};
	d->timer.expired = timed_out;
	d->id = rq->id;
	d->tid = rq->tid;
	d->tgid = rq->who.tgid;
	d->agent = *sock;
	sock->fd = sock->path_fd = -1;
	d->next = t->all;
	d->link = &t->all;
	if (t->all)
		t->all->link = &d->next;
	t->all = d;
	t->n++;
	return d;
}

static void drop_socket(struct supervisor *s, struct dial *d)
{
	if (d->watched)
		loop_remove(s, &d->src);
	d->watched = false;
	/* DIAL_OWN and DIAL_RETRY watch the agent's own duplicate. */
	if (d->src.fd == d->agent.fd)
		d->src.fd = -1;
	notify_close_fd(&d->src.fd);
}

static void end_dial(struct supervisor *s, struct dial *d)
{
	drop_socket(s, d);
	notify_close_fd(&d->agent.fd);
	fd_close(&d->agent.path_fd);
	timer_clear(&d->timer);
	*d->link = d->next;
	if (d->next)
		d->next->link = d->link;
	s->dials->n--;
	free(d->exe);
	free(d);
}

static void fail_dial(struct supervisor *s, struct dial *d, int err, const char *detail)
{
	if (d->recorded)
		attempt_outcome(s, &d->action, err == ETIMEDOUT ? RESULT_TIMEOUT : RESULT_FAILURE,
				err, detail);
	if (d->phase != DIAL_WATCH)
		notify_error(s, d->id, err);
	end_dial(s, d);
}

static int watch(struct supervisor *s, struct dial *d, uint32_t events)
{
	int rc = d->watched ? loop_change(s, &d->src, events) : loop_add(s, &d->src, events);

	if (rc == 0)
		d->watched = true;
	return rc;
}

static bool connected_now(int fd)
{
	struct pollfd pfd = {.fd = fd, .events = POLLOUT};

	return poll(&pfd, 1, 0) > 0;
}

static bool failed_now(int fd)
{
	struct pollfd pfd = {.fd = fd};

	return poll(&pfd, 1, 0) > 0 && (pfd.revents & POLLERR);
}

static int socket_error(int fd)
{
	int err = 0;
	socklen_t len = sizeof(err);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0 ? errno : err;
}

/* --- why a dial failed ------------------------------------------------------------------------ */

/* What somebody did, behind who it was. */
static void what_was_met(int err, char what[REASON_MAX])
{
	static const struct {
		int err;
		const char *text;
	} known[] = {
		{ECONNREFUSED, "refused the connection"},
		{ETIMEDOUT, "did not answer in time"},
		{ECONNRESET, "broke the connection off"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].err == err) {
			snprintf(what, REASON_MAX, "%s", known[i].text);
			return;
		}
	snprintf(what, REASON_MAX, "cannot be reached from this host: %s", strerror(err));
}

static void tell_failure(struct supervisor *s, struct dial *d, const char *reason)
{
	attempt_tell(s, d->tgid, d->action.tool, d->resource, reason);
}

static void gateway_fault(struct supervisor *s, struct dial *d, int err, const char *what)
{
	char reason[2 * REASON_MAX], detail[DETAIL_MAX];
	struct json j;
	struct verdict v = {.decision = DECISION_DENY, .rule = "gateway", .reason = reason};

	snprintf(reason, sizeof(reason), "the gateway %s %s", s->plan->gateway->text, what);
	json_init(&j, detail, sizeof(detail));
	json_open(&j, NULL, '{');
	json_str(&j, "gateway", s->plan->gateway->text);
	if (d->reply.state == CONNECT_DONE)
		json_int(&j, "status", d->reply.status);
	json_close(&j, '}');
	if (d->reply.state == CONNECT_DONE) {
		/* The gateway's own decision is a denial. */
		attempt_denied_later(s, &d->action, d->tgid, &v, VIA_GATEWAY, err, detail);
		notify_error(s, d->id, err);
		end_dial(s, d);
		return;
	}
	d->action.reason = reason;
	tell_failure(s, d, reason);
	fail_dial(s, d, err, detail);
}

/* The other end's fault the program understands by itself, the host's it does not. */
static void direct_fault(struct supervisor *s, struct dial *d, int err)
{
	bool host = d->name[0] == '\0' && addr_is_loopback(&d->addr);
	char what[REASON_MAX], reason[2 * REASON_MAX];

	what_was_met(err, what);
	if (host && err == ECONNREFUSED)
		snprintf(reason, sizeof(reason), "nothing listens there on the host");
	else
		snprintf(reason, sizeof(reason), "the destination %s", what);
	d->action.reason = reason;
	if (host || err == ENETUNREACH || err == EHOSTUNREACH)
		tell_failure(s, d, reason);
	fail_dial(s, d, err, NULL);
}

static void dial_fault(struct supervisor *s, struct dial *d, int err)
{
	char what[REASON_MAX];

	if (!d->tunnel) {
		direct_fault(s, d, err);
		return;
	}
	what_was_met(err, what);
	gateway_fault(s, d, err, what);
}

/* The name, of the destination or of the gateway, that the host was asked for. */
static void resolve_fault(struct supervisor *s, struct dial *d, int err, const char *why)
{
	char reason[REASON_MAX], detail[DETAIL_MAX];
	struct json j;

	if (d->tunnel) {
		snprintf(reason, sizeof(reason), "has a name that cannot be resolved: %s", why);
		gateway_fault(s, d, err, reason);
		return;
	}
	snprintf(reason, sizeof(reason), "cannot resolve %s: %s", d->name, why);
	json_init(&j, detail, sizeof(detail));
	json_open(&j, NULL, '{');
	json_str(&j, "resolver", why);
	json_close(&j, '}');
	d->action.reason = reason;
	tell_failure(s, d, reason);
	fail_dial(s, d, err, detail);
}

/* --- handoff ---------------------------------------------------------------------------------- */

/* The agent has the socket afterwards, and the old one is gone; the caller answers.
 * 0 or -errno. */
static int hand_off(struct supervisor *s, struct dial *d)
{
	const struct request rq = {.tid = d->tid, .who = {.tgid = d->tgid}};
	int flags = d->agent.nonblock ? O_NONBLOCK : 0, rc;

	if (fcntl(d->src.fd, F_SETFL, flags) < 0)
		return -errno;
	sockopts_keep_linger(d->agent.fd, d->src.fd);
	rc = notify_place(s, d->id, d->src.fd, d->agent.agent_fd, d->agent.cloexec);
	if (rc == 0 && d->agent.nonblock)
		transplant(s, &rq, d->agent.agent_fd, d->agent.fd, d->src.fd);
	if (rc == 0)
		notify_close_fd(&d->agent.fd);
	return rc;
}

static void finish(struct supervisor *s, struct dial *d)
{
	int rc = hand_off(s, d);

	if (rc < 0) {
		/* ENOENT: the caller has died. */
		fail_dial(s, d, rc == -ENOENT ? ECONNABORTED : -rc, NULL);
		return;
	}
	notify_value(s, d->id, 0);
	attempt_outcome(s, &d->action, RESULT_SUCCESS, 0, NULL);
	end_dial(s, d);
}

/* --- connecting ------------------------------------------------------------------------------- */

static void start_next(struct supervisor *s, struct dial *d, int last_error);

static void send_request(struct supervisor *s, struct dial *d)
{
	const struct supervisor_plan *plan = s->plan;
	char bytes[CONNECT_REQUEST_MAX];
	struct connect_request r = {
		.host = d->name[0] ? d->name : NULL,
		.addr = d->addr,
		.port = d->port,
		.headers = plan->profile->gateway.headers,
		.agent_id = plan->who->agent_id,
		.run_id = plan->who->run_id,
		.action_id = d->action.action_id,
		.requester_type = plan->who->requester_type,
		.requester_id = plan->who->requester_id,
		.token = plan->token,
	};
	size_t len = connect_build(&r, bytes, sizeof(bytes));

	/* A fresh connection's buffer takes it whole. */
	if (len == 0 || send(d->src.fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len) {
		gateway_fault(s, d, ECONNRESET, "could not be asked");
		return;
	}
	d->phase = DIAL_TUNNEL;
	connect_reply_init(&d->reply);
	if (watch(s, d, EPOLLIN) < 0)
		fail_dial(s, d, ENOBUFS, NULL);
}

static void read_reply(struct supervisor *s, struct dial *d)
{
	char bytes[PEEK_MAX], what[CONNECT_REASON_MAX + 64];

	while (d->reply.state == CONNECT_MORE) {
		ssize_t n = recv(d->src.fd, bytes, sizeof(bytes), MSG_PEEK);
		size_t used;

		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			gateway_fault(s, d, ECONNRESET, "closed the connection without an answer");
			return;
		}
		used = connect_feed(&d->reply, bytes, (size_t)n);
		if (recv(d->src.fd, bytes, used, 0) != (ssize_t)used)
			d->reply.state = CONNECT_GARBAGE;
	}
	if (d->reply.state == CONNECT_GARBAGE) {
		gateway_fault(s, d, ECONNRESET, "answered something that is not HTTP");
		return;
	}
	if (d->reply.status / 100 != 2) {
		snprintf(what, sizeof(what), "refused: %d %s", d->reply.status, d->reply.reason);
		gateway_fault(s, d, ECONNREFUSED, what);
		return;
	}
	finish(s, d);
}

static void connected(struct supervisor *s, struct dial *d)
{
	int err = socket_error(d->src.fd);

	if (err != 0) {
		start_next(s, d, err);
		return;
	}
	if (d->tunnel)
		send_request(s, d);
	else
		finish(s, d);
}

/* The direct gateway and a caller that does not wait: it gets the socket now. */
static void hand_off_early(struct supervisor *s, struct dial *d)
{
	int rc = hand_off(s, d);

	if (rc < 0) {
		fail_dial(s, d, rc == -ENOENT ? ECONNABORTED : -rc, NULL);
		return;
	}
	notify_error(s, d->id, EINPROGRESS);
	d->phase = DIAL_WATCH;
	if (watch(s, d, EPOLLOUT) < 0)
		fail_dial(s, d, 0, NULL);
}

/* The outcome of a connection that is the agent's by now: SO_ERROR is its to take. */
static void watched(struct supervisor *s, struct dial *d)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);
	bool up = getsockopt(d->src.fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
		  info.tcpi_state != TCP_CLOSE && info.tcpi_state != TCP_SYN_SENT;

	if (!up)
		d->action.reason = "the destination did not take the connection";
	attempt_outcome(s, &d->action, up ? RESULT_SUCCESS : RESULT_FAILURE, 0, NULL);
	end_dial(s, d);
}

socklen_t dial_address(const struct addr *a, uint16_t port, int domain, struct sockaddr_storage *ss)
{
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ss;

	if (a->family != 4 || domain != AF_INET6)
		return addr_to_sockaddr(a, port, ss);
	*sin6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
	sin6->sin6_addr.s6_addr[10] = sin6->sin6_addr.s6_addr[11] = 0xff;
	memcpy(&sin6->sin6_addr.s6_addr[12], a->bytes, 4);
	return sizeof(*sin6);
}

/* A socket of the family that the agent expects of getpeername(), and with its options. */
static int open_socket(struct dial *d, struct sockaddr_storage *ss, socklen_t *len)
{
	int fd;

	*len = dial_address(&d->candidates[d->at], d->dial_port, d->agent.domain, ss);
	fd = socket(ss->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0)
		sockopts_keep(d->agent.fd, fd, d->agent.domain);
	return fd;
}

/* Tries the candidates in their order; last_error is what the one before gave. */
static void start_next(struct supervisor *s, struct dial *d, int last_error)
{
	for (; d->at < d->n; d->at++) {
		struct sockaddr_storage ss;
		socklen_t len;

		drop_socket(s, d);
		d->src.fd = open_socket(d, &ss, &len);
		if (d->src.fd < 0 ||
		    (connect(d->src.fd, (struct sockaddr *)&ss, len) < 0 && errno != EINPROGRESS)) {
			last_error = errno;
			continue;
		}
		d->at++;
		d->phase = DIAL_CONNECT;
		if (connected_now(d->src.fd))
			connected(s, d);
		else if (d->agent.nonblock && !d->tunnel)
			hand_off_early(s, d);
		else if (watch(s, d, EPOLLOUT) < 0)
			fail_dial(s, d, ENOBUFS, NULL);
		return;
	}
	dial_fault(s, d, last_error);
}

/* --- names ------------------------------------------------------------------------------------ */

static void ask(struct supervisor *s, struct dial *d, const char *name)
{
	d->phase = DIAL_RESOLVE;
	d->ask = ++s->dials->next_ask;
	if (s->resolver == NULL || resolver_ask(s->resolver, d->ask, name) < 0)
		resolve_fault(s, d, EAGAIN, "the resolver has too much to do");
}

/* The addresses of an allowed name that may be dialled; why not of the last that may not. */
static void keep_allowed(struct supervisor *s, struct dial *d, const struct resolver_answer *a,
			 struct verdict *refused)
{
	for (uint32_t i = 0; i < a->n; i++) {
		struct verdict v = judge_resolved(s->plan->profile, d->name, &a->addrs[i], d->port);

		if (v.decision == DECISION_ALLOW || v.decision == DECISION_OBSERVE)
			d->candidates[d->n++] = a->addrs[i];
		else
			*refused = v;
	}
}

/* A gateway that has a name is found only now: nobody is led to it by itself. */
static void keep_gateway(struct supervisor *s, struct dial *d, const struct resolver_answer *a,
			 struct verdict *refused)
{
	static const struct verdict itself = {
		.decision = DECISION_DENY,
		.rule = "network",
		.reason = "the gateway is spoken to by warder alone",
	};

	for (uint32_t i = 0; i < a->n; i++)
		if (d->name[0] == '\0' && d->port == s->plan->gateway->port &&
		    own_same_place(&d->addr, &a->addrs[i])) {
			*refused = itself;
			return;
		}
	d->n = a->n;
	memcpy(d->candidates, a->addrs, sizeof(d->candidates));
}

static void resolved(struct supervisor *s, struct dial *d, const struct resolver_answer *a)
{
	struct verdict refused = {.reason = NULL};

	d->n = 0;
	if (a->error != 0) {
		resolve_fault(s, d, EHOSTUNREACH, gai_strerror(a->error));
		return;
	}
	(d->tunnel ? keep_gateway : keep_allowed)(s, d, a, &refused);
	if (d->n == 0 && refused.reason) {
		attempt_denied_later(s, &d->action, d->tgid, &refused, VIA_KERNEL, EACCES, NULL);
		notify_error(s, d->id, EACCES);
		end_dial(s, d);
		return;
	}
	start_next(s, d, EHOSTUNREACH);
}

/* The resolver is gone: nobody answers those who have asked. */
static void fail_waiting(struct supervisor *s)
{
	struct dial *d = s->dials->all;

	while (d) {
		struct dial *next = d->next;

		if (d->phase == DIAL_RESOLVE)
			resolve_fault(s, d, EHOSTUNREACH, "the resolver is gone");
		d = next;
	}
}

static void resolver_ready(struct supervisor *s, struct source *src, uint32_t events)
{
	struct resolver_answer a;
	int rc;

	(void)events;
	while ((rc = resolver_read(s->resolver, &a)) > 0) {
		for (struct dial *d = s->dials->all; d; d = d->next)
			if (d->phase == DIAL_RESOLVE && d->ask == a.id) {
				resolved(s, d, &a);
				break;
			}
	}
	if (rc < 0) {
		loop_remove(s, src); /* every later ask fails: those connects are refused */
		fail_waiting(s);
	}
}

int dial_watch_resolver(struct supervisor *s, struct fault *f)
{
	s->dials->resolver =
		(struct source){.fd = resolver_fd(s->resolver), .ready = resolver_ready};
	if (loop_add(s, &s->dials->resolver, EPOLLIN) < 0)
		return fault_errno(f, NULL, "cannot watch the resolver");
	return 0;
}

/* --- the agent's own sockets ------------------------------------------------------------------ */

/* O_NONBLOCK is the open file's, so the agent's other threads see it for a moment; and
 * can take it from us just then.  An interrupted wait is what would have been without:
 * unix_stream_connect() has done nothing, TCP goes on connecting (connect(2), EINTR).
 * Who has done it once finds us in a hurry; nobody else pays for the timer. */
static int connect_without_waiting(struct supervisor *s, int fd, bool nonblock,
				   const struct sockaddr *to, socklen_t len)
{
	int flags = nonblock ? 0 : fcntl(fd, F_GETFL), err;

	if (!nonblock)
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	if (s->dials->flips)
		patience_hurry();
	err = connect(fd, to, len) < 0 ? errno : 0;
	if (s->dials->flips)
		patience_calm();
	if (!nonblock)
		fcntl(fd, F_SETFL, flags);
	if (err != EINTR)
		return err;
	s->dials->flips = true;
	return to->sa_family == AF_UNIX ? EAGAIN : EINPROGRESS;
}

static void answer_own(struct supervisor *s, struct dial *d, int err)
{
	const struct agent_process by = {.pid = d->pid, .tgid = d->tgid, .exe = d->exe};

	if (err == ECONNREFUSED && d->agent.type == SOCK_STREAM)
		own_nothing_listens(s, &by, (struct sockaddr *)&d->own, d->own_len);
	if (err)
		notify_error(s, d->id, err);
	else
		notify_value(s, d->id, 0);
	end_dial(s, d);
}

/* A server beyond a unix socket asks who connected (SO_PEERCRED, and the file's
 * mode): that must be the agent, not root. */
static int connect_as_agent(struct supervisor *s, struct dial *d)
{
	bool known = d->own.ss_family == AF_UNIX;
	int err;

	if (known && !identity_take(s))
		return EACCES;
	err = connect_without_waiting(s, d->agent.fd, d->agent.nonblock, (struct sockaddr *)&d->own,
				      d->own_len);
	if (known)
		identity_leave(s);
	return err;
}

static void try_own(struct supervisor *s, struct dial *d)
{
	int err = connect_as_agent(s, d);

	if (!d->agent.nonblock && err == EAGAIN) {
		d->phase = DIAL_RETRY;
		timer_set(s, &d->timer, OWN_RETRY_MS);
		return;
	}
	if (!d->agent.nonblock && err == EINPROGRESS) {
		d->phase = DIAL_OWN;
		d->src.fd = d->agent.fd;
		if (connected_now(d->src.fd))
			answer_own(s, d, socket_error(d->src.fd));
		else if (watch(s, d, EPOLLOUT) < 0)
			answer_own(s, d, ENOBUFS);
		return;
	}
	/* On loopback a refusal is there before the call returns: it can be the answer. */
	if (err == EINPROGRESS && failed_now(d->agent.fd))
		err = socket_error(d->agent.fd) ?: EINPROGRESS;
	answer_own(s, d, err);
}

void dial_own(struct supervisor *s, const struct request *rq, struct dial_socket *sock,
	      const struct sockaddr *to, socklen_t len)
{
	struct dial *d = new_dial(s, rq, sock);

	if (d == NULL) {
		notify_error(s, rq->id, EAGAIN);
		return;
	}
	memcpy(&d->own, to, len);
	d->own_len = len;
	d->exe = rq->who.exe ? strdup(rq->who.exe) : NULL;
	d->pid = rq->who.pid;
	try_own(s, d);
}

/* --- events ----------------------------------------------------------------------------------- */

static void dial_ready(struct supervisor *s, struct source *src, uint32_t events)
{
	struct dial *d = (struct dial *)((char *)src - offsetof(struct dial, src));

	(void)events;
	if (d->phase != DIAL_WATCH && !notify_valid(s, d->id)) {
		d->action.reason = "nobody waits for it any more";
		if (d->recorded)
			attempt_outcome(s, &d->action, RESULT_FAILURE, EINTR, NULL);
		end_dial(s, d);
		return;
	}
	switch (d->phase) {
	case DIAL_CONNECT:
		connected(s, d);
		break;
	case DIAL_TUNNEL:
		read_reply(s, d);
		break;
	case DIAL_OWN:
		answer_own(s, d, socket_error(d->src.fd));
		break;
	case DIAL_WATCH:
		watched(s, d);
		break;
	case DIAL_RESOLVE:
	case DIAL_RETRY:
		break;
	}
}

static void timed_out(struct supervisor *s, struct timer *t)
{
	struct dial *d = (struct dial *)((char *)t - offsetof(struct dial, timer));

	if (d->phase == DIAL_RETRY) {
		if (notify_valid(s, d->id))
			try_own(s, d);
		else
			end_dial(s, d);
		return;
	}
	if (d->phase == DIAL_RESOLVE)
		resolve_fault(s, d, ETIMEDOUT, "the resolver did not answer in time");
	else
		dial_fault(s, d, ETIMEDOUT);
}

static void keep_action(struct dial *d, const struct action *decision)
{
	d->recorded = true;
	d->action = *decision;
	snprintf(d->resource, sizeof(d->resource), "%s", decision->resource);
	d->exe = decision->process.exe ? strdup(decision->process.exe) : NULL;
	d->action.resource = d->resource;
	d->action.process.exe = d->exe;
	d->action.detail = NULL;
}

void dial_out(struct supervisor *s, const struct request *rq, struct dial_socket *sock,
	      const struct destination *to, bool directly, const struct action *decision)
{
	const struct gateway *gateway = s->plan->gateway;
	struct dial *d = new_dial(s, rq, sock);

	if (d == NULL) {
		struct action refused = *decision;

		attempt_outcome(s, &refused, RESULT_FAILURE, EAGAIN,
				"{\"why\":\"too many connections are being made\"}");
		notify_error(s, rq->id, EAGAIN);
		return;
	}
	keep_action(d, decision);
	snprintf(d->name, sizeof(d->name), "%s", to->name ? to->name : "");
	d->addr = to->addr;
	d->port = to->port;
	d->tunnel = !directly && gateway->kind != GATEWAY_DIRECT;
	timer_set(s, &d->timer,
		  d->tunnel ? s->plan->profile->gateway.timeout_ms : DIRECT_TIMEOUT_MS);
	d->dial_port = d->tunnel ? gateway->port : to->port;
	if (d->tunnel && gateway->addr.family == 0) {
		ask(s, d, gateway->host);
		return;
	}
	if (!d->tunnel && d->name[0]) {
		ask(s, d, d->name);
		return;
	}
	d->candidates[0] = d->tunnel ? gateway->addr : to->addr;
	d->n = 1;
	start_next(s, d, EHOSTUNREACH);
}

void dial_table_free(struct supervisor *s)
{
	if (s->dials == NULL)
		return;
	while (s->dials->all) {
		struct dial *d = s->dials->all;

		/* What was allowed and did not come to its end with the run. */
		if (d->recorded)
			attempt_outcome(s, &d->action, RESULT_KILLED, 0, NULL);
		end_dial(s, d);
	}
	free(s->dials);
	s->dials = NULL;
}
