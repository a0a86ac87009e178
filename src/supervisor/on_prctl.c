/* SPDX-License-Identifier: Apache-2.0 */
/* The shim's questions: preload/protocol.h.  A hint only; nothing is granted here. */
#include <errno.h>
#include <string.h>

#include "../preload/protocol.h"
#include "supervisor/agentmem.h"
#include "supervisor/request.h"

static void reply(struct supervisor *s, struct request *rq, const char *line)
{
	size_t len = line ? strlen(line) : 0;

	if (len > rq->args[3])
		len = rq->args[3];
	if (len > 0 && agentmem_write(rq->tid, rq->args[2], line, len) < 0)
		notify_error(s, rq->id, EFAULT);
	else
		notify_value(s, rq->id, (int64_t)len);
}

static void name(struct supervisor *s, struct request *rq)
{
	char text[WARDER_TEXT_MAX], canonical[ADDR_NAME_MAX + 1];
	size_t room = rq->args[3] < sizeof(text) ? (size_t)rq->args[3] : sizeof(text);
	ssize_t len = room > 0 ? agentmem_string(rq->tid, rq->args[2], text, room) : -ENAMETOOLONG;

	if (len < 0) {
		notify_error(s, rq->id, len == -ENAMETOOLONG ? EMSGSIZE : (int)-len);
		return;
	}
	if (!notify_valid(s, rq->id))
		return;
	/* An address needs no resolving, and its own name the sandbox knows. */
	if (!addr_canon_name(text, (size_t)len, canonical) || addr_name_is_numeric(canonical) ||
	    strcmp(canonical, s->plan->who->agent_id) == 0) {
		notify_value(s, rq->id, 0);
		return;
	}
	dnsserver_name(s, canonical);
	reply(s, rq, attempt_why_name(s, canonical));
}

void on_prctl(struct supervisor *s, struct request *rq)
{
	switch (rq->args[1]) {
	case WARDER_OP_VERSION:
		notify_value(s, rq->id, WARDER_PROTOCOL_VERSION);
		break;
	case WARDER_OP_WHY:
		reply(s, rq, attempt_why(s, rq->who.tgid));
		break;
	case WARDER_OP_WHY_CHILD:
		reply(s, rq, attempt_why_child(s, rq->who.tgid));
		break;
	case WARDER_OP_FAILED:
		reply(s, rq, attempt_told(s, rq->who.tgid));
		break;
	case WARDER_OP_NAME:
		name(s, rq);
		break;
	default:
		notify_error(s, rq->id, EINVAL);
	}
}
