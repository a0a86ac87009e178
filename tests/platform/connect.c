/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connect(): that to let a checked call continue is a hole, that a handed-off
 * socket is none, and in which network namespace a call on somebody else's
 * socket acts.
 */
#include <arpa/inet.h>
#include <linux/landlock.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "notify.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif
#ifndef LANDLOCK_ACCESS_NET_CONNECT_TCP
#define LANDLOCK_ACCESS_NET_CONNECT_TCP (1ULL << 1)
#endif

enum {
	RACE_TRIES_MAX = 60000, /* the hole shows itself within some hundred */
	HANDOFF_TRIES = 4000,
};

/* Shared by the test and its child. */
struct race {
	uint16_t allowed, forbidden; /* ports, host order */
	atomic_uint tries, reached_allowed, reached_forbidden;
	atomic_bool stop;
	bool kept_number; /* the descriptor had the same number after the hand-off */
	int socket;
};

static struct sockaddr_in loopback(uint16_t port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	return sa;
}

static int listener_open(uint16_t *port)
{
	struct sockaddr_in sa = loopback(0);
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(fd, 4096) < 0 ||
	    getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
		tap_bail("listener");
	*port = ntohs(sa.sin_port);
	return fd;
}

static void drain(int fd)
{
	int got;

	while ((got = accept4(fd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		close(got);
}

/* The address that the one thread passes and the other rewrites. */
static struct sockaddr_in flipped;

static void *flipper(void *arg)
{
	struct race *r = arg;

	while (!atomic_load_explicit(&r->stop, memory_order_relaxed)) {
		__atomic_store_n(&flipped.sin_port, htons(r->allowed), __ATOMIC_RELAXED);
		__atomic_store_n(&flipped.sin_port, htons(r->forbidden), __ATOMIC_RELAXED);
	}
	return NULL;
}

static void note_peer(struct race *r, int fd)
{
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);

	if (getpeername(fd, (struct sockaddr *)&peer, &len) < 0)
		return;
	if (ntohs(peer.sin_port) == r->forbidden)
		atomic_fetch_add(&r->reached_forbidden, 1);
	else
		atomic_fetch_add(&r->reached_allowed, 1);
}

static int racer(void *arg)
{
	struct race *r = arg;
	pthread_t thread;

	flipped = loopback(r->allowed);
	if (pthread_create(&thread, NULL, flipper, r) != 0)
		return 1;
	while (!atomic_load(&r->stop)) {
		struct linger now = { .l_onoff = 1 };
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		if (connect(fd, (struct sockaddr *)&flipped, sizeof(flipped)) == 0)
			note_peer(r, fd);
		close(fd);
		atomic_fetch_add(&r->tries, 1);
	}
	pthread_join(thread, NULL);
	return 0;
}

static void *shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		tap_bail("mmap");
	return p;
}

/* One copied, allowed address is dialled by the supervisor and handed off. */
static int hand_off(struct notified *n, const struct seccomp_notif *req,
		    const struct sockaddr_in *to)
{
	struct linger now = { .l_onoff = 1 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), put;

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0) {
		int error = errno;

		close(fd);
		notified_answer(n, req->id, error, 0, 0);
		return -1;
	}
	put = notified_put(n, req->id, fd, (int)req->data.args[0]);
	close(fd);
	notified_answer(n, req->id, 0, 0, 0);
	return put;
}

static void race_run(struct race *r, bool by_hand_off)
{
	struct notified n = { .calls = { SYS_connect }, .body = racer, .arg = r };
	uint16_t ports[2];
	int listeners[2] = { listener_open(&ports[0]), listener_open(&ports[1]) };
	struct seccomp_notif req;

	r->allowed = ports[0];
	r->forbidden = ports[1];
	if (!notified_start(&n))
		tap_bail("filter");
	while (notified_next(&n, &req, 5000)) {
		struct sockaddr_in sa;

		if (!copy_in((pid_t)req.pid, &sa, req.data.args[1], sizeof(sa)))
			notified_answer(&n, req.id, EFAULT, 0, 0);
		else if (ntohs(sa.sin_port) != r->allowed)
			notified_answer(&n, req.id, EACCES, 0, 0);
		else if (by_hand_off)
			hand_off(&n, &req, &sa);
		else
			notified_go_on(&n, req.id);
		drain(listeners[0]);
		drain(listeners[1]);
		if (by_hand_off ? r->tries >= HANDOFF_TRIES :
				  r->reached_forbidden > 0 || r->tries >= RACE_TRIES_MAX)
			r->stop = true;
	}
	notified_end(&n);
	close(listeners[0]);
	close(listeners[1]);
}

static void test_race(void)
{
	struct race *r = shared(sizeof(*r));

	race_run(r, false);
	tap_ok(r->reached_forbidden > 0,
	       "CONTINUE after a check of the address is a hole: forbidden listener reached (%u "
	       "tries)",
	       r->tries);
	memset(r, 0, sizeof(*r));
	race_run(r, true);
	tap_ok(r->reached_allowed > 0, "hand-off: the same race reaches the allowed listener (%u)",
	       r->reached_allowed);
	tap_ok(r->reached_forbidden == 0,
	       "hand-off: the forbidden listener is reached 0 times in %u tries", r->tries);
}

/* Connects once from an empty network namespace, and looks at what it got. */
static int connect_once(void *arg)
{
	struct race *r = arg;
	struct sockaddr_in to = loopback(r->allowed);
	int copy, fd = socket(AF_INET, SOCK_STREAM, 0);
	char byte;

	copy = dup2(fd, 200);
	close(fd);
	r->socket = copy;
	if (connect(copy, (struct sockaddr *)&to, sizeof(to)) < 0)
		return errno;
	note_peer(r, copy);
	r->kept_number = fcntl(copy, F_GETFD) >= 0 && fcntl(copy + 1, F_GETFD) < 0;
	return read(copy, &byte, 1) == 1 && byte == 'w' ? 0 : 200;
}

static uint64_t netns_cookie(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	return getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) == 0 ? cookie : 0;
}

static void test_hand_off_across_namespaces(void)
{
	struct race *r = shared(sizeof(*r));
	struct notified n = { .calls = { SYS_connect },
			      .namespaces = CLONE_NEWUSER | CLONE_NEWNET,
			      .body = connect_once,
			      .arg = r };
	int listener = listener_open(&r->allowed), own, got, put = -1, status;
	uint64_t inside, outside;
	struct seccomp_notif req;
	struct sockaddr_in to = loopback(r->allowed);

	if (!notified_start(&n)) {
		tap_skip("hand-off from an empty network namespace", "no user namespaces here");
		return;
	}
	if (!notified_next(&n, &req, 5000))
		tap_bail("notification");
	own = (int)syscall(SYS_pidfd_getfd, n.pidfd, r->socket, 0);
	tap_ok(own >= 0, "pidfd_getfd gets the socket of a child in a namespace of its own");
	inside = netns_cookie(own);
	outside = netns_cookie(listener);
	tap_ok(inside && outside && inside != outside,
	       "SO_NETNS_COOKIE tells the two namespaces apart (%llu, %llu)",
	       (unsigned long long)inside, (unsigned long long)outside);
	put = hand_off(&n, &req, &to);
	tap_ok(put == r->socket, "ADDFD(SETFD) returns the number that it replaced (%d)", put);
	got = accept(listener, NULL, NULL);
	tap_ok(got >= 0 && write(got, "w", 1) == 1, "the connection arrived in our namespace");
	status = notified_end(&n);
	tap_ok(status == 0 && r->reached_allowed == 1 && r->kept_number,
	       "the child uses it under the old number, and no other was added (%d)", status);
	close(own);
	close(got);
	close(listener);
}

static bool loopback_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok = ioctl(fd, SIOCSIFFLAGS, &ifr) == 0;

	close(fd);
	return ok;
}

static int up_before(void *arg)
{
	(void)arg;
	return loopback_up() ? 0 : 1;
}

/* Two sockets of the child's own namespace: one to listen, one to connect. */
static int listen_and_connect(void *arg)
{
	struct race *r = arg;
	struct sockaddr_in sa = loopback(r->allowed);
	int server = dup2(socket(AF_INET, SOCK_STREAM, 0), 200);
	int client = dup2(socket(AF_INET, SOCK_STREAM, 0), 201);

	if (bind(server, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return 1;
	if (listen(server, 1) < 0)
		return 2;
	if (connect(client, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return 3;
	return accept(server, NULL, NULL) >= 0 ? 0 : 4;
}

/* The supervisor makes both calls itself, on copies of the child's descriptors. */
static void test_on_behalf_stays_inside(void)
{
	struct race *r = shared(sizeof(*r));
	struct notified n = { .calls = { SYS_listen, SYS_connect },
			      .namespaces = CLONE_NEWUSER | CLONE_NEWNET,
			      .before = up_before,
			      .body = listen_and_connect,
			      .arg = r };
	struct seccomp_notif req;
	/* The same port is taken out here: who reaches it has left the namespace. */
	int listener = listener_open(&r->allowed), calls = 0, escaped, status;

	if (!notified_start(&n)) {
		tap_skip("calls on behalf act in the socket's namespace", "no user namespaces here");
		return;
	}
	while (notified_next(&n, &req, 5000)) {
		int fd = (int)syscall(SYS_pidfd_getfd, n.pidfd, (int)req.data.args[0], 0);
		struct sockaddr_in sa = loopback(r->allowed);
		int rc = req.data.nr == SYS_listen ? listen(fd, 1) :
						     connect(fd, (struct sockaddr *)&sa, sizeof(sa));

		notified_answer(&n, req.id, rc < 0 ? errno : 0, 0, 0);
		close(fd);
		calls++;
	}
	status = notified_end(&n);
	escaped = accept(listener, NULL, NULL);
	tap_ok(status == 0 && calls == 2,
	       "listen() and connect() made on a pidfd_getfd'd socket act in its own namespace (%d)",
	       status);
	tap_ok(escaped < 0 && errno == EAGAIN, "and the same port out here saw nobody");
	close(listener);
}

static int landlock_no_connect(void)
{
	struct {
		uint64_t fs, net;
	} attr = { 0, LANDLOCK_ACCESS_NET_CONNECT_TCP };
	int fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	int rc;

	if (fd < 0)
		return -1;
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	rc = (int)syscall(SYS_landlock_restrict_self, fd, 0);
	close(fd);
	return rc;
}

static int landlocked(void *arg)
{
	(void)arg;
	return landlock_no_connect();
}

/* First call continued (Landlock judges it), second handed off. */
static int connect_both_ways(void *arg)
{
	struct race *r = arg;
	struct sockaddr_in to = loopback(r->allowed);
	int own = socket(AF_INET, SOCK_STREAM, 0), given = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(own, (struct sockaddr *)&to, sizeof(to)) == 0 || errno != EACCES)
		return 1;
	return connect(given, (struct sockaddr *)&to, sizeof(to)) == 0 ? 0 : 2;
}

static void test_landlock(void)
{
	struct race *r = shared(sizeof(*r));
	struct notified n = { .calls = { SYS_connect },
			      .before = landlocked,
			      .body = connect_both_ways,
			      .arg = r };
	int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
	int listener, status, calls = 0;
	struct seccomp_notif req;
	struct sockaddr_in to;

	if (abi < 4) {
		tap_skip("Landlock and connections made on behalf", "no Landlock ABI 4");
		return;
	}
	listener = listener_open(&r->allowed);
	to = loopback(r->allowed);
	if (!notified_start(&n))
		tap_bail("filter under Landlock");
	while (notified_next(&n, &req, 5000)) {
		if (calls++ == 0)
			notified_go_on(&n, req.id);
		else
			hand_off(&n, &req, &to);
	}
	status = notified_end(&n);
	tap_ok(status == 0,
	       "Landlock without a rule refuses the agent's own connect, not the one made for it "
	       "(%d)",
	       status);
	close(listener);
}

int main(void)
{
	test_race();
	test_hand_off_across_namespaces();
	test_on_behalf_stays_inside();
	test_landlock();
	return tap_done();
}
