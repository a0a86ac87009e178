/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways to reach somewhere:  net KIND,HOST,PORT[,HOST,PORT]...
 * Each argument is one attempt and the name of its result.  "ok" is a byte that
 * came back, not only a call that succeeded.  A host that is no address is asked
 * of the name server on 127.0.0.1.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "lookup.h"
#include "probe.h"

enum { PATIENCE_MS = 4000, MOMENT_MS = 50, WORDS_MAX = 5, MANY = 100 };

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static socklen_t by_name(union address *a, const char *name, const char *port)
{
	struct sockaddr_in server = { .sin_family = AF_INET, .sin_port = htons(53),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	uint8_t answer[DNS_MESSAGE_MAX];
	const uint8_t *found = NULL;

	if (connect(fd, (struct sockaddr *)&server, sizeof(server)) == 0)
		found = lookup_address(name, answer, lookup_ask(fd, 0, name, answer));
	close(fd);
	if (!found) {
		fprintf(stderr, "net: no address for %s\n", name);
		exit(3);
	}
	a->in.sin_family = AF_INET;
	a->in.sin_port = htons((uint16_t)atoi(port));
	memcpy(&a->in.sin_addr, found, sizeof(a->in.sin_addr));
	return sizeof(a->in);
}

static socklen_t parse(union address *a, const char *host, const char *port)
{
	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, host, &a->in.sin_addr) == 1) {
		a->in.sin_family = AF_INET;
		a->in.sin_port = htons((uint16_t)atoi(port));
		return sizeof(a->in);
	}
	if (inet_pton(AF_INET6, host, &a->in6.sin6_addr) != 1)
		return by_name(a, host, port);
	a->in6.sin6_family = AF_INET6;
	a->in6.sin6_port = htons((uint16_t)atoi(port));
	return sizeof(a->in6);
}

/* A byte to read, within bounds; an error of the socket is the result. */
static int answer(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char byte;

	if (poll(&p, 1, PATIENCE_MS) == 0) {
		errno = ETIME; /* nothing at all came back: "silence" */
		return -1;
	}
	switch (recv(fd, &byte, 1, 0)) {
	case 1:
		return 0;
	case 0:
		errno = ENODATA; /* an end, and no byte */
		return -1;
	}
	return -1;
}

static int exchange(int fd)
{
	static const char ask[] = "GET /hello HTTP/1.0\r\n\r\n";

	if (send(fd, ask, sizeof(ask) - 1, MSG_NOSIGNAL) < 0)
		return -1;
	return answer(fd);
}

static int stream(int family, int flags)
{
	return socket(family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
}

static int tcp(char **w)
{
	union address a;
	socklen_t len = parse(&a, w[1], w[2]);
	int fd = stream(a.sa.sa_family, 0);

	return fd < 0 || connect(fd, &a.sa, len) < 0 ? -1 : exchange(fd);
}

static int nonblocking(char **w)
{
	union address a;
	socklen_t len = parse(&a, w[1], w[2]), size = sizeof(int);
	int err = 0, fd = stream(a.sa.sa_family, SOCK_NONBLOCK);
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	if (connect(fd, &a.sa, len) < 0) {
		if (errno != EINPROGRESS)
			return -1;
		if (poll(&p, 1, PATIENCE_MS) != 1)
			return -1;
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size) < 0 || (errno = err))
			return -1;
	}
	if (!(fcntl(fd, F_GETFL) & O_NONBLOCK) || !(fcntl(fd, F_GETFD) & FD_CLOEXEC)) {
		errno = EBADFD; /* flags were lost on the way */
		return -1;
	}
	return exchange(fd);
}

/* To where nobody answers for now: under way, and known to be. */
static int in_progress(char **w)
{
	union address a;
	socklen_t len = parse(&a, w[1], w[2]);
	int fd = stream(a.sa.sa_family, SOCK_NONBLOCK);
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	if (connect(fd, &a.sa, len) == 0 || errno != EINPROGRESS)
		return -1;
	if (poll(&p, 1, MOMENT_MS) != 0) {
		errno = EBADFD; /* it is not */
		return -1;
	}
	return connect(fd, &a.sa, len) < 0 && errno == EALREADY ? 0 : -1;
}

/* As an event loop does it: registered once the connect is under way, and modified later. */
static int by_epoll(char **w)
{
	union address a;
	socklen_t len = parse(&a, w[1], w[2]), size = sizeof(int);
	int err = 0, fd = stream(a.sa.sa_family, SOCK_NONBLOCK), ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event e = { .events = EPOLLOUT | EPOLLET };

	if (connect(fd, &a.sa, len) < 0 && errno != EINPROGRESS)
		return -1;
	errno = ETIME;
	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) < 0 || epoll_wait(ep, &e, 1, PATIENCE_MS) != 1 ||
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size) < 0 || (err && (errno = err)))
		return -1;
	e.events = EPOLLIN;
	errno = ETIME;
	if (epoll_ctl(ep, EPOLL_CTL_MOD, fd, &e) < 0 || send(fd, "x", 1, MSG_NOSIGNAL) != 1 ||
	    epoll_wait(ep, &e, 1, PATIENCE_MS) != 1)
		return -1;
	return answer(fd);
}

/* All under way at once. */
static int many(char **w)
{
	union address a;
	socklen_t len = parse(&a, w[1], w[2]);
	int fds[MANY];

	for (int i = 0; i < MANY; i++) {
		fds[i] = stream(a.sa.sa_family, SOCK_NONBLOCK);
		if (connect(fds[i], &a.sa, len) < 0 && errno != EINPROGRESS)
			return -1;
	}
	for (int i = 0; i < MANY; i++) {
		struct pollfd p = { .fd = fds[i], .events = POLLOUT };

		if (poll(&p, 1, PATIENCE_MS) != 1 || exchange(fds[i]) < 0)
			return -1;
	}
	return 0;
}

/* What a program sets before it connects must be there afterwards. */
static const struct {
	const char *name;
	int level, option, value;
} kept[] = {
	{ "SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE, 1 },
	{ "SO_OOBINLINE", SOL_SOCKET, SO_OOBINLINE, 1 },
	{ "SO_RCVBUF", SOL_SOCKET, SO_RCVBUF, 40000 },
	{ "SO_SNDBUF", SOL_SOCKET, SO_SNDBUF, 50000 },
	{ "TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY, 1 },
	{ "TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE, 77 },
	{ "TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL, 7 },
	{ "TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT, 3 },
	{ "TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT, 12345 },
	{ "TCP_NOTSENT_LOWAT", IPPROTO_TCP, TCP_NOTSENT_LOWAT, 16384 },
	{ "IP_TOS", IPPROTO_IP, IP_TOS, 0x10 },
};

static int option_of(int fd, size_t i)
{
	int value = -1;
	socklen_t size = sizeof(value);

	getsockopt(fd, kept[i].level, kept[i].option, &value, &size);
	return value;
}

static int options(char **w)
{
	enum { N = sizeof(kept) / sizeof(kept[0]) };
	union address a;
	socklen_t len = parse(&a, w[1], w[2]), size = sizeof(struct timeval);
	struct timeval patience = { 9, 0 }, is = { 0, 0 };
	int fd = stream(a.sa.sa_family, 0), before[N], lost = 0;

	for (size_t i = 0; i < N; i++) {
		setsockopt(fd, kept[i].level, kept[i].option, &kept[i].value, sizeof(int));
		before[i] = option_of(fd, i); /* the kernel may keep another number */
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, &a.sa, len) < 0)
		return -1;
	for (size_t i = 0; i < N; i++)
		if (option_of(fd, i) != before[i]) {
			fprintf(stderr, "net: lost: %s is %d, was %d\n", kept[i].name,
				option_of(fd, i), before[i]);
			lost = 1;
		}
	getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &is, &size);
	if (lost || is.tv_sec != patience.tv_sec) {
		errno = EBADFD;
		return -1;
	}
	return exchange(fd);
}

/* The IPv4 address through an IPv6 socket. */
static int mapped(char **w)
{
	char text[64];
	char *words[] = { w[0], text, w[2] };

	snprintf(text, sizeof(text), "::ffff:%s", w[1]);
	return tcp(words);
}

/* One that hears of refusals although it is not connected, as QUIC's are; ip(7). */
static int datagrams(int family)
{
	int one = 1, fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (family == AF_INET)
		setsockopt(fd, IPPROTO_IP, IP_RECVERR, &one, sizeof(one));
	else
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &one, sizeof(one));
	return fd;
}

static int udp_sendto(char **w)
{
	union address a;
	socklen_t len = parse(&a, w[1], w[2]);
	int fd = datagrams(a.sa.sa_family);

	return sendto(fd, "x", 1, 0, &a.sa, len) < 0 ? -1 : answer(fd);
}

/* The address lies where the lower half of its pointer is 0: none to who looks at that half. */
static int udp_high(char **w)
{
	union address a, *at = (void *)(1UL << 32);
	socklen_t len = parse(&a, w[1], w[2]);
	int fd = datagrams(a.sa.sa_family);

	if (mmap(at, sizeof(a), PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		return -1;
	*at = a;
	return sendto(fd, "x", 1, 0, &at->sa, len) < 0 ? -1 : answer(fd);
}

static int udp_connect(char **w)
{
	union address a;
	socklen_t len = parse(&a, w[1], w[2]);
	int fd = socket(a.sa.sa_family, SOCK_DGRAM, 0);

	if (connect(fd, &a.sa, len) < 0 || send(fd, "x", 1, 0) < 0)
		return -1;
	return answer(fd);
}

static int send_message(int type, int flags, char **w, int many)
{
	union address a;
	socklen_t len = parse(&a, w[1], w[2]);
	struct iovec iov = { "GET /hello HTTP/1.0\r\n\r\n", 23 };
	struct mmsghdr m = { .msg_hdr = { &a.sa, len, &iov, 1, NULL, 0, 0 } };
	int fd = type == SOCK_DGRAM ? datagrams(a.sa.sa_family) : stream(a.sa.sa_family, 0);
	long rc = many ? sendmmsg(fd, &m, 1, flags) : sendmsg(fd, &m.msg_hdr, flags);

	return rc < 0 ? -1 : answer(fd);
}

static int udp_sendmsg(char **w) { return send_message(SOCK_DGRAM, 0, w, 0); }
static int udp_sendmmsg(char **w) { return send_message(SOCK_DGRAM, 0, w, 1); }
static int fast_sendmsg(char **w) { return send_message(SOCK_STREAM, MSG_FASTOPEN, w, 0); }
static int fast_sendmmsg(char **w) { return send_message(SOCK_STREAM, MSG_FASTOPEN, w, 1); }

static int fast_sendto(char **w)
{
	static const char ask[] = "GET /hello HTTP/1.0\r\n\r\n";
	union address a;
	socklen_t len = parse(&a, w[1], w[2]);
	int fd = stream(a.sa.sa_family, 0);

	return sendto(fd, ask, sizeof(ask) - 1, MSG_FASTOPEN, &a.sa, len) < 0 ? -1 : answer(fd);
}

/* With the option connect() succeeds at once, and the first write connects. */
static int fast_option(char **w)
{
	union address a;
	socklen_t len = parse(&a, w[1], w[2]);
	int one = 1, fd = stream(a.sa.sa_family, 0);

	if (setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &one, sizeof(one)) < 0)
		return -1;
	return connect(fd, &a.sa, len) < 0 ? -1 : exchange(fd);
}

/* One that is connected to the first address. */
static int connected(char **w)
{
	union address a;
	socklen_t len = parse(&a, w[1], w[2]);
	int fd = stream(a.sa.sa_family, 0);

	if (fd >= 0 && connect(fd, &a.sa, len) == 0)
		return fd;
	perror("net: the first connection"); /* the test would prove nothing */
	exit(3);
}

/* AF_UNSPEC dissolves a connection; the socket may be in another network by now.
 * Refused or not: what matters is what comes next. */
static int dissolve(int fd)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	connect(fd, &none, sizeof(none));
	return fd;
}

static int dissolved(char **w) { return dissolve(connected(w)); }

static int again(char **w)
{
	union address a;
	socklen_t len = parse(&a, w[3], w[4]);
	int fd = dissolved(w);

	return connect(fd, &a.sa, len) < 0 ? -1 : exchange(fd);
}

static int again_fast(char **w)
{
	union address a;
	socklen_t len = parse(&a, w[3], w[4]);
	int fd = dissolved(w);

	return sendto(fd, "x", 1, MSG_FASTOPEN, &a.sa, len) < 0 ? -1 : answer(fd);
}

/* A port of the network in which the socket lives, not of the sandbox's. */
static int again_listen(char **w)
{
	union address a;
	socklen_t len = parse(&a, w[3], w[4]);
	int fd = dissolved(w);

	return bind(fd, &a.sa, len) < 0 || listen(fd, 1) < 0 ? -1 : 0;
}

/* One that was handed over and then reset: unconnected, and in the host's network. */
static int stale(char **w)
{
	int fd = connected(w);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char byte;

	if (send(fd, "x", 1, MSG_NOSIGNAL) == 1 && poll(&p, 1, PATIENCE_MS) == 1 &&
	    recv(fd, &byte, 1, 0) < 0 && errno == ECONNRESET)
		return dissolve(fd); /* else the kernel takes it for connected */
	perror("net: the reset");
	exit(3);
}

static int reset(char **w)
{
	union address a;
	socklen_t len = parse(&a, w[3], w[4]);
	int fd = stale(w);

	return connect(fd, &a.sa, len) < 0 ? -1 : exchange(fd);
}

static int reset_fast(char **w)
{
	union address a;
	socklen_t len = parse(&a, w[3], w[4]);
	int fd = stale(w);

	return sendto(fd, "x", 1, MSG_FASTOPEN, &a.sa, len) < 0 ? -1 : answer(fd);
}

static int reset_option(char **w)
{
	union address a;
	socklen_t len = parse(&a, w[3], w[4]);
	int one = 1, fd = stale(w);

	if (setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &one, sizeof(one)) < 0)
		return -1;
	return connect(fd, &a.sa, len) < 0 ? -1 : exchange(fd);
}

static int reset_listen(char **w)
{
	union address a;
	socklen_t len = parse(&a, w[3], w[4]);
	int fd = stale(w);

	return bind(fd, &a.sa, len) < 0 || listen(fd, 1) < 0 ? -1 : 0;
}

/* Alone: a port is taken, and whether it could be says who else has it. */
static int reset_bind(char **w)
{
	union address a;
	socklen_t len = parse(&a, w[3], w[4]);

	return bind(stale(w), &a.sa, len);
}

/* What a socket says of the network in which it lives: there is a loopback. */
static int interfaces_of(int fd)
{
	struct ifreq of[16], one = { .ifr_name = "lo" };
	struct ifconf room = { .ifc_len = 0 }, list = { .ifc_len = sizeof(of), .ifc_req = of };
	int found = 0;

	if (ioctl(fd, SIOCGIFCONF, &room) < 0 || ioctl(fd, SIOCGIFCONF, &list) < 0 ||
	    ioctl(fd, SIOCGIFINDEX, &one) < 0 || ioctl(fd, SIOCGIFNAME, &one) < 0)
		return -1;
	for (size_t i = 0; i < (size_t)list.ifc_len / sizeof(of[0]); i++)
		found += strcmp(of[i].ifr_name, one.ifr_name) == 0;
	if (found && strcmp(one.ifr_name, "lo") == 0 && room.ifc_len >= list.ifc_len &&
	    ioctl(fd, SIOCGIFFLAGS, &one) == 0 && one.ifr_flags & IFF_LOOPBACK)
		return 0;
	errno = EBADFD;
	return -1;
}

static int interfaces(char **w)
{
	(void)w;
	return interfaces_of(stream(AF_INET, 0));
}

static int reset_interfaces(char **w) { return interfaces_of(stale(w)); }

/* One question is enough. */
static int reset_address(char **w)
{
	struct ifreq one = { .ifr_name = "lo" };

	return ioctl(stale(w), SIOCGIFADDR, &one);
}

/* A descriptor that came with the start, or that a service gave. */
static int dissolve_and_connect(int fd, const char *host, const char *port)
{
	union address a;
	socklen_t len = parse(&a, host, port);

	return connect(dissolve(fd), &a.sa, len) < 0 ? -1 : exchange(fd);
}

static int inherited(char **w) { return dissolve_and_connect(0, w[1], w[2]); }

static int gift(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			    .msg_controllen = sizeof(control) };
	int given = -1, fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strncpy(un.sun_path, path, sizeof(un.sun_path) - 1);
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0 && recvmsg(fd, &m, 0) == 1 &&
	    CMSG_FIRSTHDR(&m))
		memcpy(&given, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(given));
	if (given >= 0)
		return given;
	perror("net: the gift");
	exit(3);
}

static int received(char **w) { return dissolve_and_connect(gift(w[1]), w[2], w[3]); }

static int received_listen(char **w)
{
	union address a;
	socklen_t len = parse(&a, w[2], w[3]);
	int fd = gift(w[1]);

	return bind(fd, &a.sa, len) < 0 || listen(fd, 1) < 0 ? -1 : 0;
}

static int listens(char **w)
{
	union address a;
	socklen_t len = parse(&a, w[1], w[2]);
	int fd = stream(a.sa.sa_family, 0);

	return bind(fd, &a.sa, len) < 0 || listen(fd, 1) < 0 ? -1 : 0;
}

/* Its own server and client. */
static int self(char **w)
{
	union address a;
	socklen_t len = parse(&a, w[1], "0");
	int server = stream(a.sa.sa_family, 0), client = stream(a.sa.sa_family, 0), peer;

	if (bind(server, &a.sa, len) < 0 || listen(server, 1) < 0 ||
	    getsockname(server, &a.sa, &len) < 0 || connect(client, &a.sa, len) < 0)
		return -1;
	peer = accept(server, NULL, NULL);
	return peer < 0 || send(peer, "x", 1, 0) < 0 ? -1 : answer(client);
}

/* The same with datagrams. */
static int self_udp(char **w)
{
	union address a;
	socklen_t len = parse(&a, w[1], "0");
	int server = datagrams(a.sa.sa_family), client = datagrams(a.sa.sa_family);

	if (bind(server, &a.sa, len) < 0 || getsockname(server, &a.sa, &len) < 0 ||
	    sendto(client, "x", 1, 0, &a.sa, len) < 0)
		return -1;
	return answer(server);
}

static const struct {
	const char *kind;
	int words;
	int (*attempt)(char **words);
} kinds[] = {
	{ "tcp", 3, tcp },
	{ "nonblocking", 3, nonblocking },
	{ "progress", 3, in_progress },
	{ "epoll", 3, by_epoll },
	{ "many", 3, many },
	{ "options", 3, options },
	{ "mapped", 3, mapped },
	{ "sendto", 3, udp_sendto },
	{ "high", 3, udp_high },
	{ "connect", 3, udp_connect },
	{ "sendmsg", 3, udp_sendmsg },
	{ "sendmmsg", 3, udp_sendmmsg },
	{ "fast-sendto", 3, fast_sendto },
	{ "fast-sendmsg", 3, fast_sendmsg },
	{ "fast-sendmmsg", 3, fast_sendmmsg },
	{ "fast-option", 3, fast_option },
	{ "again", 5, again },
	{ "again-fast", 5, again_fast },
	{ "again-listen", 5, again_listen },
	{ "reset", 5, reset },
	{ "reset-fast", 5, reset_fast },
	{ "reset-option", 5, reset_option },
	{ "reset-listen", 5, reset_listen },
	{ "reset-bind", 5, reset_bind },
	{ "reset-interfaces", 3, reset_interfaces },
	{ "reset-address", 3, reset_address },
	{ "interfaces", 1, interfaces },
	{ "inherited", 3, inherited },
	{ "received", 4, received },
	{ "received-listen", 4, received_listen },
	{ "listen", 3, listens },
	{ "self", 2, self },
	{ "self-udp", 2, self_udp },
};

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		char *words[WORDS_MAX + 1] = { 0 }, *copy = strdup(argv[i]);
		size_t k = 0;
		int n = 0;

		for (char *w = strtok(copy, ","); w && n < WORDS_MAX; w = strtok(NULL, ","))
			words[n++] = w;
		while (k < sizeof(kinds) / sizeof(kinds[0]) &&
		       (strcmp(kinds[k].kind, words[0]) != 0 || kinds[k].words != n))
			k++;
		if (k == sizeof(kinds) / sizeof(kinds[0])) {
			fprintf(stderr, "net: no such attempt: %s\n", argv[i]);
			return 2;
		}
		tell(argv[i], kinds[k].attempt(words));
		free(copy);
	}
	return 0;
}
