/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets of the catch-all TUN device (IFF_NO_PI: they begin with the IP
 * header): what they wanted, and the refusals that make programs fail at once
 * instead of waiting.  Pure; the packets are hostile.
 */
#ifndef WARDER_SUPERVISOR_ICMP_H
#define WARDER_SUPERVISOR_ICMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

enum {
	ICMP_REPLY_MAX = 1280,	 /* of icmp_refuse(): the smallest IPv6 MTU (RFC 4443 2.4 c) */
	ICMP_EXTENSIONS_MAX = 8, /* IPv6 extension headers walked; more is not a packet */
};

/* Valid as long as the packet's bytes are. */
struct icmp_packet {
	uint8_t proto;		/* upper layer: IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMP, ... */
	struct addr src, dst;	/* canonical: IPv4-mapped is IPv4 */
	uint16_t sport, dport;	/* of UDP, UDP-Lite, TCP, SCTP, DCCP; else 0 */
	bool fragment;		/* part of a fragmented datagram, the first one included */
	const uint8_t *payload; /* of an unfragmented UDP datagram; else NULL */
	size_t payload_len;
	/* Private. */
	const uint8_t *ip; /* the packet */
	size_t ip_len;
	const uint8_t *upper; /* its upper layer; NULL in a fragment that is not the first */
	size_t upper_len;
};

/* False: not a whole IPv4 or IPv6 packet (drop it silently). */
bool icmp_parse(const uint8_t *bytes, size_t len, struct icmp_packet *p);

/*
 * Whether the kernel sends this by itself, so that it is nobody's attempt: ICMP
 * errors, IGMP, and ICMPv6 to a link-local group (neighbours, routers, listeners).
 */
bool icmp_is_housekeeping(const struct icmp_packet *p);

/*
 * Writes the refusal: for TCP a reset (RFC 9293 3.10.7.1), else ICMP "communication
 * administratively prohibited" (v4 type 3 code 13; v6 type 1 code 1), from the
 * packet's destination to its source.  Returns its length, or 0 where none may
 * be sent (RFC 1122 3.2.2, RFC 4443 2.4 e): to an ICMP error or redirect, a reset,
 * a fragment that is not the first, to or from multicast, broadcast, unspecified
 * or loopback addresses.  size: at least ICMP_REPLY_MAX.
 */
size_t icmp_refuse(const struct icmp_packet *p, uint8_t *out, size_t size);

/*
 * Writes the UDP datagram that answers p (which must have a payload), source and
 * destination swapped, so that DNS to any server is answered.  Returns its length,
 * or 0: it does not fit size, or p may not be answered.
 */
size_t icmp_udp_reply(const struct icmp_packet *p, const uint8_t *payload, size_t len, uint8_t *out,
		      size_t size);

#endif
