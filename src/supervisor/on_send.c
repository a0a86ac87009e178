/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends that name a destination or ask for MSG_FASTOPEN (which connects).  Where
 * there is a catch-all device only the latter come here.  Without one, datagrams
 * come here, too, to be written down; that there is no route out is what holds.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "supervisor/agentmem.h"
#include "supervisor/own.h"
#include "supervisor/request.h"

struct send {
	int flags;
	uint64_t to;
	uint32_t to_len;
};

/* The first message's destination; of several the others have no route either. */
static int read_send(const struct request *rq, struct send *send)
{
	struct msghdr msg;
	int rc;

	if (rq->nr == SYS_sendto) {
		*send = (struct send){(int)rq->args[3], rq->args[4], (uint32_t)rq->args[5]};
		return 0;
	}
	rc = agentmem_read(rq->tid, rq->args[1], &msg, sizeof(msg));
	if (rc < 0)
		return rc;
	*send = (struct send){(int)rq->args[rq->nr == SYS_sendmsg ? 2 : 3], (uint64_t)msg.msg_name,
			      msg.msg_namelen};
	return 0;
}

static bool read_destination(struct supervisor *s, const struct request *rq,
			     const struct send *send, struct destination *d)
{
	struct sockaddr_storage ss = {0};
	const struct name *name;

	if (send->to == 0 || send->to_len > sizeof(ss) ||
	    agentmem_read(rq->tid, send->to, &ss, send->to_len) < 0 ||
	    !addr_from_sockaddr((struct sockaddr *)&ss, send->to_len, &d->addr, &d->port))
		return false;
	name = names_of_addr(s->names, &d->addr);
	d->name = name ? name->text : NULL;
	return true;
}

static void refuse(struct supervisor *s, struct request *rq, const char *tool, const char *prefix,
		   const struct destination *d, const char *reason)
{
	char text[ADDR_TEXT_MAX], resource[ADDR_TEXT_MAX + 8];

	destination_text(d, text, sizeof(text));
	snprintf(resource, sizeof(resource), "%s%s", prefix, text);
	notify_refuse(s, rq, &(struct refusal){tool, resource, "network", reason, EACCES});
}

void on_send(struct supervisor *s, struct request *rq)
{
	struct destination d = {0};
	struct send send;
	int rc = read_send(rq, &send);
	bool named = rc == 0 && read_destination(s, rq, &send, &d);

	if (rc < 0)
		notify_error(s, rq->id, EFAULT);
	else if (!notify_valid(s, rq->id))
		return;
	else if (send.flags & MSG_FASTOPEN)
		/* The flags are a scalar: no thread can change them. */
		refuse(s, rq, "connect", "", &d, "MSG_FASTOPEN connects past the gateway");
	else if (named && !addr_is_loopback(&d.addr) && !addr_is_unspecified(&d.addr))
		refuse(s, rq, "send", "udp://", &d, "only TCP through the gateway leaves");
	else
		notify_continue(s, rq->id); /* its own network has no way out */
}
