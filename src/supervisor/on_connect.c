/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connect(2): the address is copied once, judged, recorded; then the supervisor
 * makes the connection itself.  The call is never CONTINUEd: another thread could
 * have put another address, or another socket, in its place by then.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "supervisor/agentmem.h"
#include "supervisor/dial.h"
#include "supervisor/identity.h"
#include "supervisor/own.h"
#include "supervisor/request.h"
#include "supervisor/rootpath.h"

enum { DNS_PORT = 53, UNIX_PATH_MAX = sizeof(((struct sockaddr_un *)0)->sun_path) };

struct target {
	struct dial_socket sock;
	bool own_net; /* the socket lives in the agent's network namespace */
	union {
		struct sockaddr sa;
		struct sockaddr_storage ss;
		struct sockaddr_un un;
	} to;
	socklen_t len;
};

void destination_text(const struct destination *d, char *buf, size_t size)
{
	char text[ADDR_TEXT_MAX];

	if (d->name) {
		snprintf(buf, size, "%s:%u", d->name, d->port);
		return;
	}
	addr_port_text(&d->addr, d->port, text);
	snprintf(buf, size, "%s", text);
}

/* The socket and the address, each read once.  0 or -errno. */
static int read_target(struct supervisor *s, const struct request *rq, struct target *t)
{
	int len = (int)rq->args[2], flags, rc;
	socklen_t size = sizeof(int);

	if (len < 0 || (size_t)len > sizeof(t->to))
		return -EINVAL;
	t->len = (socklen_t)len;
	rc = agentmem_read(rq->tid, rq->args[1], &t->to, t->len);
	if (rc < 0)
		return rc;
	t->sock.agent_fd = (int)rq->args[0];
	t->sock.fd = notify_take_fd(s, rq, t->sock.agent_fd);
	if (t->sock.fd < 0)
		return t->sock.fd;
	if (getsockopt(t->sock.fd, SOL_SOCKET, SO_DOMAIN, &t->sock.domain, &size) < 0 ||
	    getsockopt(t->sock.fd, SOL_SOCKET, SO_TYPE, &t->sock.type, &size) < 0)
		return -errno;
	flags = agentproc_fd_flags(rq->tid, t->sock.agent_fd);
	if (flags < 0)
		return flags;
	t->sock.cloexec = flags & O_CLOEXEC;
	t->sock.nonblock = flags & O_NONBLOCK;
	t->own_net = own_net(s, t->sock.fd);
	return 0;
}

static void go_own(struct supervisor *s, struct request *rq, struct target *t)
{
	dial_own(s, rq, &t->sock, &t->to.sa, t->len);
}

static void refuse(struct supervisor *s, struct request *rq, const char *tool, const char *resource,
		   const char *reason)
{
	notify_refuse(s, rq, &(struct refusal){tool, resource, "network", reason, EACCES});
}

/* --- AF_UNIX ---------------------------------------------------------------------------------- */

/* "@NAME" with what is not printable as \xNN: a name may hold any byte. */
static void abstract_text(const char *name, size_t len, char *out, size_t size)
{
	size_t at = 0;

	out[at++] = '@';
	for (size_t i = 0; i < len && at + 5 < size; i++) {
		unsigned char c = (unsigned char)name[i];

		if (c > 0x20 && c < 0x7f && c != '\\')
			out[at++] = (char)c;
		else
			at += (size_t)snprintf(out + at, size - at, "\\x%02x", c);
	}
	out[at] = '\0';
}

static void connect_abstract(struct supervisor *s, struct request *rq, struct target *t)
{
	char name[4 * UNIX_PATH_MAX + 8], resource[sizeof(name) + 8];

	if (t->own_net) {
		go_own(s, rq, t);
		return;
	}
	abstract_text(t->to.un.sun_path + 1, t->len - offsetof(struct sockaddr_un, sun_path) - 1,
		      name, sizeof(name));
	snprintf(resource, sizeof(resource), "unix:%s", name);
	refuse(s, rq, "connect", resource, "the socket belongs to another network");
}

/* The address that names what path_fd holds, however often it is renamed. */
static void point_at(struct target *t, int path_fd)
{
	t->to.un = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(t->to.un.sun_path, sizeof(t->to.un.sun_path), "/proc/self/fd/%d", path_fd);
	t->len = sizeof(t->to.un);
	t->sock.path_fd = path_fd;
}

static void connect_path(struct supervisor *s, struct request *rq, struct target *t)
{
	char path[UNIX_PATH_MAX + 1] = {0}, real[PATH_MAX], resource[PATH_MAX + 8];
	autofd int fd = -1;
	struct stat st;
	int err;

	memcpy(path, t->to.un.sun_path, t->len - offsetof(struct sockaddr_un, sun_path));
	/* Through directories that the agent's user may enter; root would enter any. */
	fd = identity_take(s) ? rootpath_open(s, rq, AT_FDCWD, path, 0) : -EACCES;
	identity_leave(s);
	if (fd < 0 || fstat(fd, &st) < 0) {
		notify_error(s, rq->id, fd < 0 ? -fd : errno);
		return;
	}
	if (!S_ISSOCK(st.st_mode)) {
		notify_error(s, rq->id, ECONNREFUSED);
		return;
	}
	if (!own_fs(s, st.st_dev)) {
		struct attempt a = {.tool = "connect",
				    .resource = resource,
				    .via = VIA_KERNEL,
				    .err = EACCES,
				    .by = &rq->who};

		if (rootpath_name(fd, real, sizeof(real)) < 0) {
			notify_error(s, rq->id, EACCES);
			return;
		}
		snprintf(resource, sizeof(resource), "unix:%s", real);
		a.verdict = judge_unix(s->plan->profile, real);
		if (!attempt_decide(s, &a, &err, NULL)) {
			notify_error(s, rq->id, err);
			return;
		}
	}
	point_at(t, take_fd(&fd));
	go_own(s, rq, t);
}

static void connect_unix(struct supervisor *s, struct request *rq, struct target *t)
{
	if (t->len <= offsetof(struct sockaddr_un, sun_path) || t->len > sizeof(struct sockaddr_un))
		notify_error(s, rq->id, EINVAL);
	else if (t->to.un.sun_path[0] == '\0')
		connect_abstract(s, rq, t);
	else
		connect_path(s, rq, t);
}

/* --- the internet ----------------------------------------------------------------------------- */

/* An address of 198.18/15 is the name that it was given out for. */
static void find_destination(struct supervisor *s, const struct addr *a, uint16_t port,
			     struct destination *d)
{
	const struct name *n = names_of_addr(s->names, a);

	*d = (struct destination){.name = n ? n->text : NULL, .addr = *a, .port = port};
}

static void refuse_datagrams(struct supervisor *s, struct request *rq, const struct destination *d)
{
	char text[ADDR_TEXT_MAX], resource[ADDR_TEXT_MAX + 8];

	destination_text(d, text, sizeof(text));
	snprintf(resource, sizeof(resource), "udp://%s", text);
	refuse(s, rq, "send", resource, "only TCP through the gateway leaves");
}

static int tcp_state(int fd)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ? TCP_CLOSE : info.tcpi_state;
}

/* connect() again on a socket that was handed off: what connect(2) says of its state.
 * True when that was the answer. */
static bool answered_by_state(struct supervisor *s, struct request *rq, const struct target *t)
{
	int state = tcp_state(t->sock.fd), err = 0;
	socklen_t len = sizeof(err);

	if (state == TCP_SYN_SENT || state == TCP_SYN_RECV) {
		notify_error(s, rq->id, EALREADY);
		return true;
	}
	if (state != TCP_CLOSE) {
		notify_error(s, rq->id, EISCONN);
		return true;
	}
	if (getsockopt(t->sock.fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0 || err == 0)
		return false;
	notify_error(s, rq->id, err);
	return true;
}

/* Its gateway hears of the agent only what warder says.  Where one that has a name is, dial.c
 * finds out; loopback it does not see. */
static bool is_gateway(const struct supervisor *s, const struct destination *d)
{
	const struct gateway *g = s->plan->gateway;

	if (g->kind == GATEWAY_DIRECT || d->port != g->port)
		return false;
	if (d->name)
		return strcmp(d->name, g->host) == 0;
	return g->addr.family == 0 ? addr_is_loopback(&d->addr)
				   : own_same_place(&d->addr, &g->addr);
}

static void connect_out(struct supervisor *s, struct request *rq, struct target *t,
			const struct destination *d)
{
	char resource[RESOURCE_MAX];
	struct attempt a = {.tool = "connect",
			    .resource = resource,
			    .via = VIA_KERNEL,
			    .err = EACCES,
			    .by = &rq->who,
			    .pending = true};
	bool host = d->name == NULL && addr_is_loopback(&d->addr);
	struct action decision;
	int err;

	if (answered_by_state(s, rq, t))
		return;
	destination_text(d, resource, sizeof(resource));
	if (is_gateway(s, d)) {
		refuse(s, rq, "connect", resource, "the gateway is spoken to by warder alone");
		return;
	}
	a.verdict = judge_egress(s->plan->profile, d);
	a.wall = a.verdict.rule && strcmp(a.verdict.rule, "metadata") == 0;
	if (attempt_decide(s, &a, &err, &decision))
		dial_out(s, rq, &t->sock, d, host, &decision);
	else
		notify_error(s, rq->id, err);
}

/* The sandbox's own loopback, unless a rule names the host's. */
static bool stays_inside(const struct supervisor *s, const struct target *t, const struct addr *a,
			 uint16_t port)
{
	if (!addr_is_loopback(a) && !addr_is_unspecified(a))
		return false;
	return t->sock.type != SOCK_STREAM || !judge_is_host_loopback(s->plan->profile, a, port);
}

/* A name server, whichever, that no rule allows to be spoken to itself. */
static bool is_dns(const struct supervisor *s, const struct target *t, const struct destination *d)
{
	if (!t->own_net || d->port != DNS_PORT)
		return false;
	if (t->sock.type == SOCK_DGRAM)
		return s->tun != NULL;
	return t->sock.type == SOCK_STREAM &&
	       judge_egress(s->plan->profile, d).decision == DECISION_DENY;
}

/* Datagrams are answered by the catch-all device, streams where we listen. */
static void go_dns(struct supervisor *s, struct request *rq, struct target *t)
{
	static const struct addr here = {.family = 4, .bytes = {127, 0, 0, 1}};

	if (t->sock.type == SOCK_STREAM)
		t->len = dial_address(&here, DNS_PORT, t->sock.domain, &t->to.ss);
	go_own(s, rq, t);
}

static void refuse_elsewhere(struct supervisor *s, struct request *rq, const struct destination *d)
{
	char resource[ADDR_TEXT_MAX];

	destination_text(d, resource, sizeof(resource));
	refuse(s, rq, "connect", resource, "the socket belongs to another network");
}

static void connect_inet(struct supervisor *s, struct request *rq, struct target *t)
{
	struct destination d;
	struct addr a;
	uint16_t port;
	bool inside;

	if (!addr_from_sockaddr(&t->to.sa, t->len, &a, &port)) {
		notify_error(s, rq->id, EINVAL);
		return;
	}
	/* An IPv4 socket knows IPv4 only; the other way round is "mapped". */
	if (t->to.sa.sa_family != t->sock.domain) {
		notify_error(s, rq->id, EAFNOSUPPORT);
		return;
	}
	find_destination(s, &a, port, &d);
	inside = stays_inside(s, t, &a, port);
	if (t->own_net && inside)
		go_own(s, rq, t);
	else if (is_dns(s, t, &d))
		go_dns(s, rq, t);
	else if (t->sock.type != SOCK_STREAM)
		refuse_datagrams(s, rq, &d);
	else if (!inside)
		connect_out(s, rq, t, &d);
	else if (!answered_by_state(s, rq, t))
		refuse_elsewhere(s, rq, &d);
}

/* AF_UNSPEC dissolves a connection; a handed-off socket keeps its own. */
static void dissolve(struct supervisor *s, struct request *rq, struct target *t)
{
	if (t->own_net)
		go_own(s, rq, t);
	else
		refuse(s, rq, "connect", "unspec", "a socket that was handed over stays connected");
}

void on_connect(struct supervisor *s, struct request *rq)
{
	struct target t = {.sock = {.fd = -1, .path_fd = -1}};
	int rc = read_target(s, rq, &t);

	if (rc == 0 && t.len < sizeof(sa_family_t))
		rc = -EINVAL;
	if (rc < 0)
		notify_error(s, rq->id, -rc);
	else if (!notify_valid(s, rq->id))
		; /* died; what was read may be another's */
	else if (t.to.sa.sa_family == AF_UNSPEC)
		dissolve(s, rq, &t);
	else if (t.sock.domain == AF_UNIX && t.to.sa.sa_family == AF_UNIX)
		connect_unix(s, rq, &t);
	else if (t.sock.domain == AF_INET || t.sock.domain == AF_INET6)
		connect_inet(s, rq, &t);
	else if (t.own_net)
		go_own(s, rq, &t); /* netlink, or a family that does not fit */
	else
		refuse(s, rq, "connect", "socket", "the socket belongs to another network");
	notify_close_fd(&t.sock.fd);
	fd_close(&t.sock.path_fd);
}
