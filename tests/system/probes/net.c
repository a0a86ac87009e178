/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways to reach somewhere:  net KIND,ADDRESS,PORT[,ADDRESS,PORT]...
 * Each argument is one attempt and the name of its result.  "ok" is a byte that
 * came back, not only a call that succeeded.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "probe.h"

enum { PATIENCE_MS = 4000, WORDS_MAX = 5 };

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static socklen_t parse(union address *a, const char *host, const char *port)
{
	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, host, &a->in.sin_addr) == 1) {
		a->in.sin_family = AF_INET;
		a->in.sin_port = htons((uint16_t)atoi(port));
		return sizeof(a->in);
	}
	if (inet_pton(AF_INET6, host, &a->in6.sin6_addr) != 1) {
		fprintf(stderr, "net: not an address: %s\n", host);
		exit(2);
	}
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

/* The IPv4 address through an IPv6 socket. */
static int mapped(char **w)
{
	char text[64];
	char *words[] = { w[0], text, w[2] };

	snprintf(text, sizeof(text), "::ffff:%s", w[1]);
	return tcp(words);
}

static int udp_sendto(char **w)
{
	union address a;
	socklen_t len = parse(&a, w[1], w[2]);
	int fd = socket(a.sa.sa_family, SOCK_DGRAM, 0);

	return sendto(fd, "x", 1, 0, &a.sa, len) < 0 ? -1 : answer(fd);
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
	int fd = socket(a.sa.sa_family, type, 0);
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

/* AF_UNSPEC dissolves a connection; the socket may be in another network by now. */
static int dissolved(char **w)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	int fd = connected(w);

	connect(fd, &none, sizeof(none)); /* refused or not: what matters is what comes next */
	return fd;
}

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

static const struct {
	const char *kind;
	int words;
	int (*attempt)(char **words);
} kinds[] = {
	{ "tcp", 3, tcp },
	{ "nonblocking", 3, nonblocking },
	{ "mapped", 3, mapped },
	{ "sendto", 3, udp_sendto },
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
	{ "listen", 3, listens },
	{ "self", 2, self },
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
