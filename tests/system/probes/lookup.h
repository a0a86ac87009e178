/* SPDX-License-Identifier: Apache-2.0 */
/* DNS as a program without libc's resolver speaks it: RFC 1035, questions of type A. */
#ifndef WARDER_LOOKUP_H
#define WARDER_LOOKUP_H

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

enum {
	DNS_HEADER = 12,
	DNS_MESSAGE_MAX = 1500,
	DNS_PATIENCE_MS = 4000,
	DNS_TYPE_A = 1,
	DNS_CLASS_IN = 1,
};

/* One label, in which "%00" stands for a NUL. */
static inline size_t lookup_label(uint8_t *q, const char *label, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int nul = len - i >= 3 && memcmp(label + i, "%00", 3) == 0;

		q[1 + n++] = nul ? 0 : (uint8_t)label[i];
		i += nul ? 2 : 0;
	}
	q[0] = (uint8_t)n;
	return n + 1;
}

/* The query's length.  A name without labels is the root's. */
static inline size_t lookup_query(uint8_t *q, const char *name)
{
	static const uint8_t header[DNS_HEADER] = { 0x12, 0x34, 0x01, 0, 0, 1 };
	size_t at = DNS_HEADER;

	memcpy(q, header, DNS_HEADER);
	while (*name) {
		size_t n = strcspn(name, ".");

		at += lookup_label(q + at, name, n);
		name += n + (name[n] == '.');
	}
	q[at++] = 0;
	q[at++] = 0, q[at++] = DNS_TYPE_A;
	q[at++] = 0, q[at++] = DNS_CLASS_IN;
	return at;
}

/* The query is one write, over TCP length first, and the answer is expected in one piece. */
static inline ssize_t lookup_ask(int fd, int is_tcp, const char *name, uint8_t *answer)
{
	uint8_t query[DNS_MESSAGE_MAX];
	size_t len = lookup_query(query + 2, name);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t got;

	query[0] = (uint8_t)(len >> 8), query[1] = (uint8_t)len;
	if (send(fd, is_tcp ? query : query + 2, is_tcp ? len + 2 : len, MSG_NOSIGNAL) < 0)
		return -1;
	if (poll(&p, 1, DNS_PATIENCE_MS) == 0) {
		errno = ETIME;
		return -1;
	}
	got = recv(fd, answer, DNS_MESSAGE_MAX, 0);
	if (is_tcp && got > 2)
		memmove(answer, answer + 2, (size_t)(got -= 2));
	return got;
}

/* The address in a first answer of type A behind the question; NULL where there is none. */
static inline const uint8_t *lookup_address(const char *name, const uint8_t *m, ssize_t got)
{
	uint8_t scratch[DNS_MESSAGE_MAX];
	size_t question = lookup_query(scratch, name);
	const uint8_t *rr = m + question;

	if (got < (ssize_t)(question + 16) || m[7] == 0 || rr[3] != DNS_TYPE_A)
		return NULL;
	return rr + 12;
}

#endif
