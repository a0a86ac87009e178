/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/sockopts.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"

static const struct {
	int level, option;
} kept[] = {
	{SOL_SOCKET, SO_KEEPALIVE},    {SOL_SOCKET, SO_RCVTIMEO},  {SOL_SOCKET, SO_SNDTIMEO},
	{SOL_SOCKET, SO_RCVBUF},       {SOL_SOCKET, SO_SNDBUF},	   {SOL_SOCKET, SO_RCVLOWAT},
	{SOL_SOCKET, SO_OOBINLINE},    {IPPROTO_TCP, TCP_NODELAY}, {IPPROTO_TCP, TCP_KEEPIDLE},
	{IPPROTO_TCP, TCP_KEEPINTVL},  {IPPROTO_TCP, TCP_KEEPCNT}, {IPPROTO_TCP, TCP_USER_TIMEOUT},
	{IPPROTO_TCP, TCP_QUICKACK},   {IPPROTO_TCP, TCP_SYNCNT},  {IPPROTO_TCP, TCP_NOTSENT_LOWAT},
	{IPPROTO_TCP, TCP_CONGESTION}, {IPPROTO_IP, IP_TOS},	   {IPPROTO_IPV6, IPV6_TCLASS},
	{SOL_SOCKET, SO_PRIORITY}, /* which IP_TOS sets */
};

struct value {
	union {
		char bytes[32];
		int number;
	};
	socklen_t len; /* 0: not known */
};

/* What a fresh socket of ours was last seen to have: most of the agent's have the same, and
 * then ours need not be asked. */
static struct value fresh[2][ARRAY_SIZE(kept)];

static bool get(int fd, size_t i, struct value *v)
{
	v->len = sizeof(v->bytes);
	return getsockopt(fd, kept[i].level, kept[i].option, v->bytes, &v->len) == 0;
}

static bool same(const struct value *a, const struct value *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

static void keep(int from, int to, size_t i, struct value *usual)
{
	struct value was, is;

	if (!get(from, i, &was) || same(&was, usual) || !get(to, i, &is))
		return;
	*usual = is;
	if (same(&was, &is))
		return;
	/* The kernel doubles what it is told, socket(7). */
	if (kept[i].level == SOL_SOCKET &&
	    (kept[i].option == SO_RCVBUF || kept[i].option == SO_SNDBUF))
		was.number /= 2;
	setsockopt(to, kept[i].level, kept[i].option, was.bytes, was.len);
}

void sockopts_keep(int from, int to, int domain)
{
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		keep(from, to, i, &fresh[domain == AF_INET6][i]);
}

void sockopts_keep_linger(int from, int to)
{
	struct linger l;
	socklen_t len = sizeof(l);

	if (getsockopt(from, SOL_SOCKET, SO_LINGER, &l, &len) == 0 && l.l_onoff)
		setsockopt(to, SOL_SOCKET, SO_LINGER, &l, len);
}
