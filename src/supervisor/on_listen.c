/* SPDX-License-Identifier: Apache-2.0 */
/* listen(2): on the agent's own sockets only, and done by the supervisor on the very socket
 * that it looked at. */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "supervisor/identity.h"
#include "supervisor/own.h"
#include "supervisor/request.h"

static bool may_listen(struct supervisor *s, struct request *rq, int fd, int *err)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);
	char text[ADDR_TEXT_MAX];
	struct addr a;
	uint16_t port;
	struct attempt attempt = {.tool = "listen",
				  .resource = text,
				  .via = VIA_KERNEL,
				  .err = EACCES,
				  .by = &rq->who};

	if (getsockname(fd, (struct sockaddr *)&ss, &len) < 0) {
		*err = errno;
		return false;
	}
	if (ss.ss_family != AF_INET && ss.ss_family != AF_INET6)
		return true; /* a unix socket: its file had to be made */
	if (!addr_from_sockaddr((struct sockaddr *)&ss, len, &a, &port)) {
		*err = EINVAL;
		return false;
	}
	addr_port_text(&a, port, text);
	attempt.verdict = judge_listen(s->plan->profile, port);
	if (!own_net(s, fd)) {
		attempt.wall = true;
		attempt.verdict =
			(struct verdict){.decision = DECISION_DENY,
					 .rule = "network",
					 .reason = "the socket belongs to another network"};
	}
	return attempt_decide(s, &attempt, err, NULL);
}

/* Whoever connects to a unix socket may ask who listens (SO_PEERCRED, unix(7)): the
 * agent's user.  The process that it names is the supervisor all the same. */
static int listen_as_agent(struct supervisor *s, int fd, int backlog)
{
	int err;

	if (!identity_take(s))
		return EACCES;
	err = listen(fd, backlog) < 0 ? errno : 0;
	identity_leave(s);
	return err;
}

void on_listen(struct supervisor *s, struct request *rq)
{
	autotaken int fd = notify_take_fd(s, rq, (int)rq->args[0]);
	int err = 0;

	if (fd < 0) {
		notify_error(s, rq->id, -fd);
		return;
	}
	if (!notify_valid(s, rq->id))
		return;
	if (!may_listen(s, rq, fd, &err)) {
		notify_error(s, rq->id, err);
		return;
	}
	err = listen_as_agent(s, fd, (int)rq->args[1]);
	if (err)
		notify_error(s, rq->id, err);
	else
		notify_value(s, rq->id, 0);
}
