/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AF_UNIX:  unix KIND[,PATH]...
 * Each argument is one attempt and the name of its result; "ok" of a connection
 * is a byte that came back.
 */
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "probe.h"

enum { PATIENCE_MS = 4000 };

/* "@name" is an abstract one. */
static socklen_t parse(struct sockaddr_un *un, const char *path)
{
	size_t len = strnlen(path, sizeof(un->sun_path) - 1);

	*un = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(un->sun_path, path, len);
	if (path[0] != '@')
		return sizeof(*un);
	un->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

static int answer(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char byte;

	if (poll(&p, 1, PATIENCE_MS) != 1) {
		errno = ETIME;
		return -1;
	}
	return recv(fd, &byte, 1, 0) == 1 ? 0 : -1;
}

static int stream(const char *path)
{
	struct sockaddr_un un;
	socklen_t len = parse(&un, path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	return fd < 0 || connect(fd, (struct sockaddr *)&un, len) < 0 ? -1 : answer(fd);
}

/* A symlink in /tmp, a relative path, and the ways round through /proc. */
static int by_link(const char *path)
{
	const char *link = "/tmp/probe-link";

	unlink(link);
	return symlink(path, link) < 0 ? -1 : stream(link);
}

static int relative(const char *path)
{
	char dir[4096];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	*slash = '\0';
	return chdir(dir) < 0 ? -1 : stream(slash + 1);
}

static int by_root(const char *path)
{
	char text[sizeof(((struct sockaddr_un *)0)->sun_path)];

	snprintf(text, sizeof(text), "/proc/self/root%s", path);
	return stream(text);
}

/* What the descriptor holds, however it is called. */
static int by_descriptor(const char *path)
{
	char text[64];
	int fd = open(path, O_PATH | O_NOFOLLOW);

	snprintf(text, sizeof(text), "/proc/self/fd/%d", fd);
	return fd < 0 ? -1 : stream(text);
}

static int datagram(const char *path)
{
	struct sockaddr_un un;
	socklen_t len = parse(&un, path);
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	return fd < 0 ? -1 : (int)sendto(fd, "x", 1, 0, (struct sockaddr *)&un, len);
}

/* A socket of its own, at a path or with an abstract name. */
static int own(const char *path)
{
	struct sockaddr_un un;
	socklen_t len = parse(&un, path);
	int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0), peer;

	if (path[0] != '@')
		unlink(path);
	if (bind(server, (struct sockaddr *)&un, len) < 0 || listen(server, 1) < 0 ||
	    connect(client, (struct sockaddr *)&un, len) < 0)
		return -1;
	peer = accept(server, NULL, NULL);
	return peer < 0 || send(peer, "x", 1, 0) < 0 ? -1 : answer(client);
}

/* Until somebody has come and gone. */
static int serve(const char *path)
{
	struct sockaddr_un un;
	socklen_t len = parse(&un, path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), peer;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char byte;

	if (bind(fd, (struct sockaddr *)&un, len) < 0 || listen(fd, 1) < 0 ||
	    poll(&p, 1, 2 * PATIENCE_MS) != 1)
		return -1;
	peer = accept(fd, NULL, NULL);
	return peer < 0 || recv(peer, &byte, 1, 0) != 0 ? -1 : 0;
}

static int pair_of(int type)
{
	int sv[2];

	if (socketpair(AF_UNIX, type, 0, sv) < 0 || send(sv[0], "x", 1, 0) < 0)
		return -1;
	return answer(sv[1]);
}

static int pair(const char *path) { return (void)path, pair_of(SOCK_STREAM); }
static int datagram_pair(const char *path) { return (void)path, pair_of(SOCK_DGRAM); }

/* An O_PATH descriptor is passed to itself, and what arrives is connected through. */
static int passed(const char *path)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 'x', text[64];
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int sv[2], fd = open(path, O_PATH | O_NOFOLLOW);

	if (fd < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, sv) < 0)
		return -1;
	*c = (struct cmsghdr){ CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	if (sendmsg(sv[0], &m, 0) < 0 || recvmsg(sv[1], &m, 0) < 0)
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	snprintf(text, sizeof(text), "/proc/self/fd/%d", fd);
	return stream(text);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *kind;
		int (*attempt)(const char *path);
	} kinds[] = {
		{ "stream", stream }, { "link", by_link }, { "relative", relative },
		{ "root", by_root }, { "descriptor", by_descriptor }, { "datagram", datagram },
		{ "own", own }, { "pair", pair }, { "datagram-pair", datagram_pair },
		{ "passed", passed }, { "serve", serve },
	};

	for (int i = 1; i < argc; i++) {
		size_t n = strcspn(argv[i], ","), k = 0;
		const char *path = argv[i][n] ? argv[i] + n + 1 : "";

		while (k < sizeof(kinds) / sizeof(kinds[0]) &&
		       (strlen(kinds[k].kind) != n || strncmp(kinds[k].kind, argv[i], n) != 0))
			k++;
		if (k == sizeof(kinds) / sizeof(kinds[0]))
			return 2;
		tell(argv[i], kinds[k].attempt(path));
	}
	return 0;
}
