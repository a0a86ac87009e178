/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is not on the filter's allow-list: refused whatever its arguments, so
 * nothing of it is read from memory.  Tool `syscall`, its name the resource.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "jail/filter.h"
#include "supervisor/request.h"

enum { RESOURCE_TEXT_MAX = 64 };

/* Calls that programs know how to live without when they are not there. */
static bool pretend_absent(const char *name)
{
	return strncmp(name, "io_uring_", 9) == 0 || strncmp(name, "syscall_", 8) == 0;
}

static const char *family_name(int family)
{
	static const struct {
		int family;
		const char *name;
	} names[] = {
		{AF_UNIX, "unix"},     {AF_INET, "inet"},
		{AF_INET6, "inet6"},   {AF_NETLINK, "netlink"},
		{AF_PACKET, "packet"}, {AF_VSOCK, "vsock"},
		{AF_ALG, "alg"},       {AF_BLUETOOTH, "bluetooth"},
		{AF_CAN, "can"},       {AF_TIPC, "tipc"},
		{AF_XDP, "xdp"},       {AF_RDS, "rds"},
		{AF_KEY, "key"},       {AF_IB, "ib"},
		{AF_NFC, "nfc"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].family == family)
			return names[i].name;
	return NULL;
}

static const char *type_name(int type)
{
	static const char *const names[] = {
		[SOCK_STREAM] = "stream", [SOCK_DGRAM] = "dgram",	  [SOCK_RAW] = "raw",
		[SOCK_RDM] = "rdm",	  [SOCK_SEQPACKET] = "seqpacket", [SOCK_DCCP] = "dccp"};

	type &= ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
	return type > 0 && (size_t)type < ARRAY_SIZE(names) && names[type] ? names[type] : "other";
}

/* Then it is the protocol that is refused: whoever asks for MPTCP knows how to live without. */
static bool is_known_type(int family, int type)
{
	type &= ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
	return (family == AF_INET || family == AF_INET6) &&
	       (type == SOCK_STREAM || type == SOCK_DGRAM);
}

static int describe_socket(const struct request *rq, const char *call, char *out, size_t size)
{
	int family = (int)rq->args[0], type = (int)rq->args[1], protocol = (int)rq->args[2];
	const char *name = family_name(family);
	char number[16];

	if (name == NULL) {
		snprintf(number, sizeof(number), "%d", family);
		name = number;
	}
	if (strcmp(call, "socket") == 0 && is_known_type(family, type)) {
		snprintf(out, size, "%s:%s/%s/%d", call, name, type_name(type), protocol);
		return EPROTONOSUPPORT;
	}
	snprintf(out, size, "%s:%s/%s", call, name, type_name(type));
	return EAFNOSUPPORT;
}

static int describe_ioctl(const struct request *rq, char *out, size_t size)
{
	unsigned int request = (unsigned int)rq->args[1];

	if (request == TIOCSTI)
		snprintf(out, size, "ioctl:TIOCSTI");
	else
		snprintf(out, size, "ioctl:0x%x", request);
	return EPERM;
}

/* The errno, and what the record shows. */
static int describe(const struct request *rq, char *out, size_t size)
{
	char buf[32];
	const char *name = filter_syscall_name(rq->arch, rq->nr, buf);

	if (strcmp(name, "socket") == 0 || strcmp(name, "socketpair") == 0)
		return describe_socket(rq, name, out, size);
	if (strcmp(name, "ioctl") == 0)
		return describe_ioctl(rq, out, size);
	snprintf(out, size, "%s", name);
	return pretend_absent(name) ? ENOSYS : EPERM;
}

void on_refused(struct supervisor *s, struct request *rq)
{
	char resource[RESOURCE_TEXT_MAX];
	struct attempt a = {.tool = "syscall",
			    .resource = resource,
			    .verdict = {.decision = DECISION_DENY,
					.rule = "kernel",
					.reason = "it is not among the calls that an agent has"},
			    .via = VIA_KERNEL,
			    .by = &rq->who,
			    .wall = true};
	int err;

	a.err = describe(rq, resource, sizeof(resource));
	attempt_decide(s, &a, &err, NULL);
	notify_error(s, rq->id, a.err);
}
