/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internet addresses in one canonical form, so that no check can be passed
 * by writing the same host another way: an IPv4-mapped IPv6 address
 * (RFC 4291 2.5.5.2) is the IPv4 address that it means.
 */
#ifndef WARDER_BASE_ADDR_H
#define WARDER_BASE_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
	ADDR_NAME_MAX = 253,             /* a host name, RFC 1035 2.3.4, without the last dot */
	ADDR_TEXT_MAX = ADDR_NAME_MAX + 10, /* "[v6]:65535" or "name:65535", terminated */
};

struct addr {
	uint8_t family; /* 4 or 6; 0: none */
	uint8_t bytes[16]; /* network order; IPv4 in the first four */
};

struct cidr {
	struct addr base;
	uint8_t bits; /* 0..32 or 0..128 */
};

bool addr_from_sockaddr(const struct sockaddr *sa, socklen_t len, struct addr *a, uint16_t *port);
socklen_t addr_to_sockaddr(const struct addr *a, uint16_t port, struct sockaddr_storage *ss);
/* Numeric only: "192.0.2.1", "2001:db8::1", "[2001:db8::1]", "::ffff:192.0.2.1" (IPv4).
 * Never the legacy forms "0x7f.1" or "127.1". */
bool addr_parse(const char *text, struct addr *a);
bool addr_equal(const struct addr *a, const struct addr *b);
void addr_text(const struct addr *a, char out[INET6_ADDRSTRLEN]); /* no brackets */
/* "192.0.2.1:443" or "[2001:db8::1]:443" */
void addr_port_text(const struct addr *a, uint16_t port, char out[ADDR_TEXT_MAX]);

bool cidr_parse(const char *text, struct cidr *c); /* "192.0.2.0/24"; a bare address is a host */
bool cidr_has(const struct cidr *c, const struct addr *a);

bool addr_is_loopback(const struct addr *a);    /* 127/8, ::1 */
bool addr_is_unspecified(const struct addr *a); /* 0.0.0.0, :: */
/* CONTRACT "Private": RFC 1918, loopback, link-local, 100.64/10, unique-local,
 * unspecified, multicast, reserved; also where an IPv6 address embeds one
 * (64:ff9b::/96 RFC 6052, 2002::/16 RFC 3056, ::/96). */
bool addr_is_private(const struct addr *a);
/* The IPv4 address that an IPv6 one carries in itself, in one of those three
 * forms, RFC 2765's or RFC 8215's; false where it carries none. */
bool addr_embedded(const struct addr *a, struct addr *v4);
/* 169.254.169.254, 169.254.170.2, 169.254.170.23, fd00:ec2::254, embedded too. */
bool addr_is_metadata(const struct addr *a);

/* The canonical form of a host name: lower case, one final dot removed.
 * False for an empty name or label, a label over 63 or a name over 253 bytes,
 * or any byte outside [a-z0-9_-.] after lowering (so NUL, blanks, brackets and
 * everything that is not ASCII).  len is the length of in, which may hold NUL. */
bool addr_canon_name(const char *in, size_t len, char out[ADDR_NAME_MAX + 1]);
/* Whether a canonical name is, or to some resolver may be, an address: its last label is a
 * number as inet_aton(3) reads one ("192.0.2.1", "127.1", "2852039166", "0x7f.1").  No name
 * of the DNS ends so (RFC 3696 2), and none may become a name to connect to. */
bool addr_name_is_numeric(const char *name);

#endif
