/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Races against the check of a connect():
 *
 *	race address ADDRESS ALLOWED-PORT FORBIDDEN-PORT TRIES
 *		a thread rewrites the port while connect() is held
 *	race socket ADDRESS RESET-PORT FORBIDDEN-PORT TRIES
 *		a thread puts another socket under the descriptor: one that was handed over and
 *		then reset by its peer, so that it is unconnected and in the host's network
 *
 *	race bind ADDRESS RESET-PORT PORT TRIES
 *		the same during bind(), of a unix socket by its path; the address changes, too
 *
 * TRIES times, or as often as can be in SECONDS.  Prints how often each was reached, as the
 * socket itself says; the servers know, too.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "probe.h"

enum { SECONDS = 4, NUMBER = 200 };

static struct sockaddr_in target;
static in_port_t one_port, other_port;
static atomic_bool stop;
static int stale = -1;

static int stream(void)
{
	struct linger now = { .l_onoff = 1 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	return fd;
}

static void *flip_port(void *arg)
{
	(void)arg;
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		__atomic_store_n(&target.sin_port, one_port, __ATOMIC_RELAXED);
		__atomic_store_n(&target.sin_port, other_port, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void *flip_socket(void *arg)
{
	int own = *(int *)arg;

	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		dup2(stale, NUMBER);
		dup2(own, NUMBER);
	}
	return NULL;
}

/* What bind() is given: by turns a path and a port. */
static union {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_un un;
} place;

static void *flip_binding(void *arg)
{
	const struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "race.sock" };
	const struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = other_port };
	int own = *(int *)arg;

	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		place.in = in;
		dup2(stale, NUMBER);
		place.un = un;
		dup2(own, NUMBER);
		sched_yield(); /* a moment in which both fit */
	}
	return NULL;
}

static int is_bound(int fd)
{
	struct sockaddr_in here = { 0 };
	socklen_t len = sizeof(here);

	return getsockname(fd, (struct sockaddr *)&here, &len) == 0 && here.sin_port == other_port;
}

static void run_bind(long tries_max)
{
	long tries = 0;
	time_t end = time(NULL) + SECONDS;

	for (; tries < tries_max && time(NULL) < end && !is_bound(stale); tries++)
		bind(NUMBER, &place.sa, sizeof(place.un));
	stop = true;
	tell_number("tries", tries);
	tell_number("bound", is_bound(stale));
}

/* A socket that was connected on our behalf, and that its peer has reset. */
static int make_stale(void)
{
	struct sockaddr_in to = target;
	struct pollfd p;
	char byte;
	int fd = stream();

	to.sin_port = one_port;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		perror("race: the first connection");
		exit(3);
	}
	(void)!send(fd, "x", 1, MSG_NOSIGNAL); /* what its peer resets it for */
	p = (struct pollfd){ .fd = fd, .events = POLLIN };
	poll(&p, 1, 3000);
	(void)!recv(fd, &byte, 1, 0); /* the reset, which is the socket's error once */
	return fd;
}

static in_port_t peer_of(int fd)
{
	struct sockaddr_in peer = { 0 };
	socklen_t len = sizeof(peer);

	return getpeername(fd, (struct sockaddr *)&peer, &len) < 0 ? 0 : peer.sin_port;
}

static void run(int by_socket, long tries_max)
{
	long tries = 0, reached[2] = { 0 };
	time_t end = time(NULL) + SECONDS;

	for (; tries < tries_max && time(NULL) < end; tries++) {
		int fd = by_socket ? NUMBER : stream();
		struct sockaddr_in to = target;

		to.sin_port = other_port;
		/* By socket: always to the forbidden port, which on its own socket is its own
		 * loopback or refused, and on the stale one would be the host's. */
		if (connect(fd, by_socket ? (struct sockaddr *)&to : (struct sockaddr *)&target,
			    sizeof(target)) == 0) {
			in_port_t peer = peer_of(fd);

			reached[0] += peer == one_port;
			reached[1] += peer == other_port;
		}
		if (!by_socket)
			close(fd);
	}
	stop = true;
	tell_number("tries", tries);
	tell_number("allowed", reached[0]);
	tell_number("forbidden", reached[1]);
}

int main(int argc, char **argv)
{
	pthread_t thread;
	int by_address, by_bind, own;

	if (argc != 6)
		return 2;
	by_address = strcmp(argv[1], "address") == 0;
	by_bind = strcmp(argv[1], "bind") == 0;
	target.sin_family = AF_INET;
	inet_pton(AF_INET, argv[2], &target.sin_addr);
	one_port = htons((uint16_t)atoi(argv[3]));
	other_port = htons((uint16_t)atoi(argv[4]));
	own = by_bind ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) : stream();
	if (!by_address)
		stale = make_stale();
	dup2(own, NUMBER);
	if (pthread_create(&thread, NULL, by_address ? flip_port : by_bind ? flip_binding : flip_socket,
			   &own) != 0)
		return 3;
	if (by_bind)
		run_bind(atol(argv[5]));
	else
		run(!by_address, atol(argv[5]));
	pthread_join(thread, NULL);
	return 0;
}
