/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's side, all on loopback: prints the ports of
 *
 *	byte       sends one byte to whoever connects
 *	stream     sends for as long as somebody reads
 *	gateway    the smallest HTTP CONNECT proxy: dials the port asked for on 127.0.0.1,
 *		   whatever the host, and copies bytes
 *
 * in that order, and serves until it is killed.  A real gateway costs more, of which
 * nothing is warder's: this one makes the difference visible.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

enum {
	HEAD_MAX = 16 * 1024, /* of a CONNECT request; a longer one is dropped */
	COPY_MAX = 256 * 1024,
};

struct copy {
	int from, to;
};

/* A thread for what takes (int)(intptr_t)arg or owns arg; none to be had ends the benchmark. */
static void start(void *(*serve)(void *arg), void *arg)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, serve, arg);
	if (errno != 0)
		die("pthread_create");
	pthread_detach(thread);
}

static void hang_up(int fd)
{
	struct linger now = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

/* Waits for the client to hang up first: its reset leaves no TIME_WAIT behind. */
static void *serve_byte(void *arg)
{
	int listener = (int)(intptr_t)arg;

	for (;;) {
		int fd = accept(listener, NULL, NULL);
		char byte = 'x';

		if (fd < 0)
			continue;
		if (write(fd, &byte, 1) == 1)
			(void)!read(fd, &byte, 1);
		hang_up(fd);
	}
	return NULL;
}

static void *send_stream(void *arg)
{
	static const char zeros[COPY_MAX];
	int fd = (int)(intptr_t)arg;

	while (write(fd, zeros, sizeof(zeros)) > 0)
		;
	hang_up(fd);
	return NULL;
}

static void *serve_stream(void *arg)
{
	int listener = (int)(intptr_t)arg;

	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd >= 0)
			start(send_stream, (void *)(intptr_t)fd);
	}
	return NULL;
}

/* Until either side ends; the other direction's copy sees that by the shutdown. */
static void copy_bytes(int from, int to)
{
	char *buffer = malloc(COPY_MAX);
	ssize_t n;

	while (buffer != NULL && (n = read(from, buffer, COPY_MAX)) > 0)
		if (write(to, buffer, (size_t)n) != n)
			break;
	free(buffer);
	shutdown(from, SHUT_RDWR);
	shutdown(to, SHUT_RDWR);
}

static void *copy_back(void *arg)
{
	const struct copy *c = arg;

	copy_bytes(c->from, c->to);
	return NULL;
}

/* The port of "CONNECT HOST:PORT HTTP/1.1", once the whole head is there; 0: rubbish. */
static uint16_t read_request(int fd)
{
	char head[HEAD_MAX];
	const char *colon;
	size_t len = 0;

	do {
		ssize_t n = read(fd, head + len, sizeof(head) - 1 - len);

		if (n <= 0)
			return 0;
		len += (size_t)n;
		head[len] = '\0';
	} while (strstr(head, "\r\n\r\n") == NULL && len < sizeof(head) - 1);
	colon = strchr(head, ':');
	if (strncmp(head, "CONNECT ", strlen("CONNECT ")) != 0 || colon == NULL)
		return 0;
	return (uint16_t)strtoul(colon + 1, NULL, 10);
}

static void *tunnel(void *arg)
{
	static const char answer[] = "HTTP/1.1 200 Connection established\r\n\r\n";
	int fd = (int)(intptr_t)arg;
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int up = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct copy back = {.from = up, .to = fd};
	pthread_t thread;

	to.sin_port = htons(read_request(fd));
	if (to.sin_port != 0 && connect(up, (struct sockaddr *)&to, sizeof(to)) == 0 &&
	    write(fd, answer, strlen(answer)) > 0 &&
	    pthread_create(&thread, NULL, copy_back, &back) == 0) {
		copy_bytes(fd, up);
		pthread_join(thread, NULL);
	}
	hang_up(up);
	hang_up(fd);
	return NULL;
}

static void *serve_gateway(void *arg)
{
	int listener = (int)(intptr_t)arg;

	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd >= 0)
			start(tunnel, (void *)(intptr_t)fd);
	}
	return NULL;
}

static int listener_on_loopback(void)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0 ||
	    listen(fd, SOMAXCONN) < 0 || getsockname(fd, (struct sockaddr *)&sin, &len) < 0)
		die("listen");
	printf("%u\n", ntohs(sin.sin_port));
	return fd;
}

int main(void)
{
	static void *(*const services[])(void *arg) = {serve_byte, serve_stream, serve_gateway};

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		start(services[i], (void *)(intptr_t)listener_on_loopback());
	fflush(stdout);
	pause();
	return 0;
}
