/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks a name server itself:  dns udp|tcp SERVER NAME...
 * "%00" in a name is a NUL.  Prints NAME=ADDRESS, or NAME=rcode:N, or NAME=ERRNO.
 */
#include "lookup.h"
#include "probe.h"

static void show(const char *name, const uint8_t *m, ssize_t got)
{
	const uint8_t *address;
	char text[INET_ADDRSTRLEN];

	if (got < (ssize_t)DNS_HEADER) {
		errno = got < 0 ? errno : ENODATA;
		tell(name, -1);
	} else if (m[3] & 15) {
		snprintf(text, sizeof(text), "rcode:%d", m[3] & 15);
		tell_text(name, text);
	} else if (!(address = lookup_address(name, m, got))) {
		tell_text(name, "no-answer");
	} else {
		inet_ntop(AF_INET, address, text, sizeof(text));
		tell_text(name, text);
	}
}

int main(int argc, char **argv)
{
	int is_tcp = argc > 3 && strcmp(argv[1], "tcp") == 0, fd;
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(53) };
	uint8_t answer[DNS_MESSAGE_MAX];

	if (argc < 4 || inet_pton(AF_INET, argv[2], &to.sin_addr) != 1)
		return 2;
	fd = socket(AF_INET, is_tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return !tell("connect", -1);
	for (int i = 3; i < argc; i++)
		show(argv[i], answer, lookup_ask(fd, is_tcp, argv[i], answer));
	return 0;
}
