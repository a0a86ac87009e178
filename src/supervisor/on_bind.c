/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bind(2).  A socket that was handed over lives in the host's network; once its
 * connection has ended the kernel would bind it there, to a port of the host's.  So
 * the supervisor looks at the socket, and binds it itself.
 *
 * But for a unix socket with a path: its file is made with the agent's user, umask,
 * directory and root, and no other walls than its own.  There the kernel goes on, and
 * another thread may have put a handed-over socket in its place by then: for that
 * Landlock refuses the agent every TCP bind (ABI 4, Linux 6.7), and not the supervisor.
 */
#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.h"
#include "supervisor/agentmem.h"
#include "supervisor/own.h"
#include "supervisor/request.h"

struct binding {
	int fd, domain;
	union {
		struct sockaddr sa;
		struct sockaddr_storage ss;
		struct sockaddr_un un;
	} at;
	socklen_t len;
};

/* Each read once.  0 or -errno. */
static int read_binding(struct supervisor *s, const struct request *rq, struct binding *b)
{
	int len = (int)rq->args[2], rc;
	socklen_t size = sizeof(b->domain);

	b->fd = notify_take_fd(s, rq, (int)rq->args[0]);
	if (b->fd < 0)
		return b->fd;
	if (getsockopt(b->fd, SOL_SOCKET, SO_DOMAIN, &b->domain, &size) < 0)
		return -errno;
	if (len < 0 || (size_t)len > sizeof(b->at))
		return -EINVAL;
	b->len = (socklen_t)len;
	rc = agentmem_read(rq->tid, rq->args[1], &b->at, b->len);
	return rc;
}

static void refuse(struct supervisor *s, struct request *rq, const struct binding *b)
{
	char text[ADDR_TEXT_MAX];
	struct attempt a = {.tool = "listen",
			    .resource = "socket",
			    .verdict = {.decision = DECISION_DENY,
					.rule = "network",
					.reason = "the socket belongs to another network"},
			    .via = VIA_KERNEL,
			    .err = EACCES,
			    .by = &rq->who,
			    .wall = true};
	struct addr addr;
	uint16_t port;
	int err;

	if (addr_from_sockaddr(&b->at.sa, b->len, &addr, &port)) {
		addr_port_text(&addr, port, text);
		a.resource = text;
	}
	attempt_decide(s, &a, &err, NULL);
	notify_error(s, rq->id, err);
}

/* What is found in the network's tables and not in a file system. */
static bool is_of_network(const struct binding *b)
{
	if (b->domain == AF_UNIX)
		return b->len <= offsetof(struct sockaddr_un, sun_path) ||
		       b->at.un.sun_path[0] == '\0';
	return b->domain == AF_INET || b->domain == AF_INET6;
}

void on_bind(struct supervisor *s, struct request *rq)
{
	struct binding b = {.fd = -1};
	int rc = read_binding(s, rq, &b);

	if (rc < 0)
		notify_error(s, rq->id, -rc);
	else if (!notify_valid(s, rq->id))
		; /* died; what was read may be another's */
	else if (!own_net(s, b.fd))
		refuse(s, rq, &b);
	else if (!is_of_network(&b))
		notify_continue(s, rq->id);
	else if (bind(b.fd, &b.at.sa, b.len) < 0)
		notify_error(s, rq->id, errno);
	else
		notify_value(s, rq->id, 0);
	notify_close_fd(&b.fd);
}
