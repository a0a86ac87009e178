/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks a name server itself:  dns udp|tcp SERVER NAME...
 * Prints NAME=ADDRESS, or NAME=rcode:N, or NAME=ERRNO.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>

#include "probe.h"

enum { HEADER = 12, MESSAGE_MAX = 1500, PATIENCE_MS = 4000, TYPE_A = 1, CLASS_IN = 1 };

static size_t make_query(uint8_t *q, const char *name)
{
	static const uint8_t header[HEADER] = { 0x12, 0x34, 0x01, 0, 0, 1 };
	size_t at = HEADER;

	memcpy(q, header, HEADER);
	while (*name) {
		size_t n = strcspn(name, ".");

		q[at++] = (uint8_t)n;
		memcpy(q + at, name, n);
		at += n;
		name += n + (name[n] == '.');
	}
	q[at++] = 0;
	q[at++] = 0, q[at++] = TYPE_A;
	q[at++] = 0, q[at++] = CLASS_IN;
	return at;
}

static ssize_t receive(int fd, void *buf, size_t size)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (poll(&p, 1, PATIENCE_MS) == 0) {
		errno = ETIME;
		return -1;
	}
	return recv(fd, buf, size, 0);
}

/* The query is one write, length first, and the answer is expected in one piece. */
static ssize_t ask(int fd, int is_tcp, const char *name, uint8_t *answer)
{
	uint8_t query[MESSAGE_MAX];
	size_t len = make_query(query + 2, name);
	ssize_t got;

	query[0] = (uint8_t)(len >> 8), query[1] = (uint8_t)len;
	if (send(fd, is_tcp ? query : query + 2, is_tcp ? len + 2 : len, MSG_NOSIGNAL) < 0)
		return -1;
	got = receive(fd, answer, MESSAGE_MAX);
	if (is_tcp && got > 2)
		memmove(answer, answer + 2, (size_t)(got -= 2));
	return got;
}

/* Only a first answer of type A, behind a question like ours, is understood. */
static void show(const char *name, const uint8_t *m, ssize_t got, size_t question)
{
	const uint8_t *rr = m + question;
	char text[INET_ADDRSTRLEN];

	if (got < (ssize_t)HEADER) {
		errno = got < 0 ? errno : ENODATA;
		tell(name, -1);
	} else if (m[3] & 15) {
		snprintf(text, sizeof(text), "rcode:%d", m[3] & 15);
		tell_text(name, text);
	} else if (m[7] == 0 || got < (ssize_t)(question + 16) || rr[3] != TYPE_A) {
		tell_text(name, "no-answer");
	} else {
		inet_ntop(AF_INET, rr + 12, text, sizeof(text));
		tell_text(name, text);
	}
}

int main(int argc, char **argv)
{
	int is_tcp = argc > 3 && strcmp(argv[1], "tcp") == 0, fd;
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(53) };
	uint8_t answer[MESSAGE_MAX], scratch[MESSAGE_MAX];

	if (argc < 4 || inet_pton(AF_INET, argv[2], &to.sin_addr) != 1)
		return 2;
	fd = socket(AF_INET, is_tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return !tell("connect", -1);
	for (int i = 3; i < argc; i++) {
		ssize_t got = ask(fd, is_tcp, argv[i], answer);

		show(argv[i], answer, got, make_query(scratch, argv[i]));
	}
	return 0;
}
