/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ioctl(2): the requests that the filter does not let pass.  netdevice(7): a socket
 * answers for the network in which it lives, and one that was handed over lives in the
 * host's.  So the supervisor looks at the socket and asks itself.  There is nothing to
 * be set there for the agent, who has no capability; all else is refused.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include "base/fd.h"
#include "base/mem.h"
#include "supervisor/agentmem.h"
#include "supervisor/own.h"
#include "supervisor/request.h"

enum {
	INTERFACES_MAX = 64, /* in one list; there are two. More room is not used */
	WIRELESS = 0x8b00,   /* linux/wireless.h, 256 of them */
};

/* One struct ifreq, in and out. */
static bool is_question(unsigned int request)
{
	static const unsigned int questions[] = {
		SIOCGIFNAME,	SIOCGIFFLAGS,	SIOCGIFADDR,   SIOCGIFDSTADDR,
		SIOCGIFBRDADDR, SIOCGIFNETMASK, SIOCGIFMETRIC, SIOCGIFMTU,
		SIOCGIFHWADDR,	SIOCGIFINDEX,	SIOCGIFTXQLEN, SIOCGIFMAP,
	};

	for (size_t i = 0; i < ARRAY_SIZE(questions); i++)
		if (questions[i] == request)
			return true;
	return false;
}

/* What programs try on every interface, and our own ones do not know. */
static bool pretend_unknown(unsigned int request)
{
	return request == SIOCETHTOOL || (request & ~0xffU) == WIRELESS;
}

/* 0 or -errno. */
static int ask(const struct request *rq, int fd, unsigned int request)
{
	struct ifreq ifr;
	int rc = agentmem_read(rq->tid, rq->args[2], &ifr, sizeof(ifr));

	if (rc < 0)
		return rc;
	if (ioctl(fd, request, &ifr) < 0)
		return -errno;
	return agentmem_write(rq->tid, rq->args[2], &ifr, sizeof(ifr));
}

static int list(const struct request *rq, int fd)
{
	struct ifreq interfaces[INTERFACES_MAX];
	struct ifconf theirs, ours;
	int rc = agentmem_read(rq->tid, rq->args[2], &theirs, sizeof(theirs));

	if (rc < 0)
		return rc;
	ours = (struct ifconf){.ifc_len = theirs.ifc_len, .ifc_req = interfaces};
	if (ours.ifc_len > (int)sizeof(interfaces))
		ours.ifc_len = sizeof(interfaces);
	if (theirs.ifc_buf == NULL)
		ours.ifc_buf = NULL; /* how much room is needed? */
	if (ioctl(fd, SIOCGIFCONF, &ours) < 0)
		return -errno;
	if (theirs.ifc_buf != NULL)
		rc = agentmem_write(rq->tid, (uint64_t)theirs.ifc_buf, interfaces,
				    (size_t)ours.ifc_len);
	theirs.ifc_len = ours.ifc_len;
	return rc < 0 ? rc : agentmem_write(rq->tid, rq->args[2], &theirs, sizeof(theirs));
}

static void answer(struct supervisor *s, struct request *rq, int fd, unsigned int request)
{
	int rc = request == SIOCGIFCONF ? list(rq, fd) : ask(rq, fd, request);

	if (rc < 0)
		notify_error(s, rq->id, -rc);
	else
		notify_value(s, rq->id, 0);
}

static bool is_socket(int fd)
{
	int type;
	socklen_t len = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0;
}

void on_ioctl(struct supervisor *s, struct request *rq)
{
	unsigned int request = (unsigned int)rq->args[1];
	autotaken int fd = -1;

	if (pretend_unknown(request)) {
		notify_error(s, rq->id, EOPNOTSUPP);
		return;
	}
	if (request != SIOCGIFCONF && !is_question(request)) {
		on_refused(s, rq);
		return;
	}
	fd = notify_take_fd(s, rq, (int)rq->args[0]);
	if (!notify_valid(s, rq->id))
		; /* died; the descriptor may be another's */
	else if (fd < 0 || !is_socket(fd))
		notify_error(s, rq->id, fd < 0 ? -fd : ENOTTY);
	else if (!own_net(s, fd))
		on_refused(s, rq);
	else
		answer(s, rq, fd, request);
}
