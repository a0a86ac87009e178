/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's side.
 *
 *	net connect COUNT ADDRESS PORT [GATEWAY-PORT]    nanoseconds for a connection and one byte
 *	net stream SECONDS ADDRESS PORT [GATEWAY-PORT]   bytes a second, received
 *
 * With a gateway's port the program does the CONNECT itself, as one that knows of proxies
 * would: the plain counterpart of what warder does for those that do not.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

enum {
	STREAM_BUFFER = 256 * 1024,
	SECONDS_MAX = 10,
};

static struct sockaddr_in target;
static struct sockaddr_in gateway; /* sin_port 0: none */

static struct sockaddr_in address(const char *host, const char *port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons((uint16_t)number(port))};

	if (inet_pton(AF_INET, host, &sin.sin_addr) != 1)
		die(host);
	return sin;
}

/* The answer ends with a blank line; it is read by the byte, so that nothing behind it is. */
static void ask_gateway(int fd)
{
	char text[256], host[INET_ADDRSTRLEN];
	uint32_t last = 0;
	char byte;
	int len;

	inet_ntop(AF_INET, &target.sin_addr, host, sizeof(host));
	len = snprintf(text, sizeof(text), "CONNECT %s:%u HTTP/1.1\r\nHost: %s:%u\r\n\r\n", host,
		       ntohs(target.sin_port), host, ntohs(target.sin_port));
	if (write(fd, text, (size_t)len) != len)
		die("CONNECT");
	while (last != 0x0d0a0d0a) {
		if (read(fd, &byte, 1) != 1)
			die("the gateway's answer");
		last = last << 8 | (uint8_t)byte;
	}
}

static int dial(void)
{
	const struct sockaddr_in *to = gateway.sin_port != 0 ? &gateway : &target;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0)
		die("connect");
	if (gateway.sin_port != 0)
		ask_gateway(fd);
	return fd;
}

/* Ends with a reset: no TIME_WAIT, so that ports do not run out. */
static void hang_up(int fd)
{
	struct linger now = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

static double time_connects(long count)
{
	int64_t began = now_ns();

	for (long i = 0; i < count; i++) {
		int fd = dial();
		char byte;

		if (read(fd, &byte, 1) != 1)
			die("the first byte");
		hang_up(fd);
	}
	return (double)(now_ns() - began) / (double)count;
}

static double measure_stream(long seconds)
{
	static char buffer[STREAM_BUFFER];
	int fd = dial();
	int64_t began = now_ns();
	int64_t until = began + seconds * 1000000000;
	double bytes = 0;
	int64_t now;

	do {
		ssize_t n = read(fd, buffer, sizeof(buffer));

		if (n <= 0)
			die("the stream");
		bytes += (double)n;
		now = now_ns();
	} while (now < until);
	hang_up(fd);
	return bytes / ((double)(now - began) / 1e9);
}

int main(int argc, char **argv)
{
	if (argc < 5 || argc > 6)
		return 2;
	target = address(argv[3], argv[4]);
	if (argc == 6)
		gateway = address("127.0.0.1", argv[5]);
	if (strcmp(argv[1], "connect") == 0)
		printf("%.1f\n", time_connects(number(argv[2])));
	else if (strcmp(argv[1], "stream") == 0 && number(argv[2]) <= SECONDS_MAX)
		printf("%.0f\n", measure_stream(number(argv[2])));
	else
		return 2;
	return 0;
}
