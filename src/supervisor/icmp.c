/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offsets stand as numbers beside the RFC that gives them: headers are read
 * byte by byte, because packets are not aligned and structs overlaid on hostile
 * bytes invite reading past their end.
 */
#include "supervisor/icmp.h"

#include <netinet/in.h>
#include <string.h>

enum {
	IP4_LEN = 20,
	IP6_LEN = 40,
	UDP_LEN = 8,
	TCP_LEN = 20,
	ICMP_LEN = 8,
	IP4_QUOTE_MAX = 576, /* of the whole ICMP packet: RFC 1812 4.3.2.3 */
	TTL = 64,
	UDP_LITE = 136,
};

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_ACK = 16 };

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

static bool is_v4(const struct icmp_packet *p)
{
	return p->ip[0] >> 4 == 4;
}

/* Parsing. */

static struct addr canonical4(const uint8_t *bytes)
{
	struct addr a = {.family = 4};

	memcpy(a.bytes, bytes, 4);
	return a;
}

static struct addr canonical6(const uint8_t *bytes)
{
	struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6};
	struct addr a = {0};
	uint16_t port;

	memcpy(&sin6.sin6_addr, bytes, 16);
	addr_from_sockaddr((struct sockaddr *)&sin6, sizeof(sin6), &a, &port);
	return a;
}

static bool has_ports(uint8_t proto)
{
	return proto == IPPROTO_UDP || proto == IPPROTO_TCP || proto == IPPROTO_SCTP ||
	       proto == IPPROTO_DCCP || proto == UDP_LITE;
}

static void parse_upper(struct icmp_packet *p)
{
	if (!p->upper || !has_ports(p->proto) || p->upper_len < 4)
		return;
	p->sport = get16(p->upper);
	p->dport = get16(p->upper + 2);
	if (p->proto == IPPROTO_UDP && !p->fragment && p->upper_len >= UDP_LEN) {
		size_t len = get16(p->upper + 4);

		if (len >= UDP_LEN && len <= p->upper_len) {
			p->payload = p->upper + UDP_LEN;
			p->payload_len = len - UDP_LEN;
		}
	}
}

/* RFC 791 3.1 */
static bool parse4(const uint8_t *ip, size_t len, struct icmp_packet *p)
{
	size_t header, total;
	uint16_t frag;

	if (len < IP4_LEN)
		return false;
	header = (size_t)(ip[0] & 15) * 4;
	total = get16(ip + 2);
	if (header < IP4_LEN || total < header || total > len)
		return false;
	frag = get16(ip + 6);
	p->ip_len = total;
	p->proto = ip[9];
	p->src = canonical4(ip + 12);
	p->dst = canonical4(ip + 16);
	p->fragment = frag & 0x3fff; /* more to come, or not at the start */
	if ((frag & 0x1fff) == 0) {
		p->upper = ip + header;
		p->upper_len = total - header;
	}
	return true;
}

/* The length of the extension header at x, or 0 when it is none or is cut short. */
static size_t extension_len(uint8_t type, const uint8_t *x, size_t len)
{
	size_t n;

	if (len < 8)
		return 0;
	switch (type) {
	case IPPROTO_FRAGMENT:
		return 8;
	case IPPROTO_AH: /* RFC 4302 2.2: in words, minus 2 */
		n = ((size_t)x[1] + 2) * 4;
		break;
	default: /* RFC 8200 4.2: in eight bytes, minus the first */
		n = ((size_t)x[1] + 1) * 8;
		break;
	}
	return n <= len ? n : 0;
}

static bool is_extension(uint8_t type)
{
	return type == IPPROTO_HOPOPTS || type == IPPROTO_ROUTING || type == IPPROTO_FRAGMENT ||
	       type == IPPROTO_DSTOPTS || type == IPPROTO_AH || type == IPPROTO_MH;
}

/* RFC 8200: the chain of headers up to the upper layer, or to the end of what a
 * fragment that is not the first can tell. */
static bool walk_extensions(struct icmp_packet *p)
{
	const uint8_t *x = p->ip + IP6_LEN;
	size_t left = p->ip_len - IP6_LEN;

	for (int i = 0; is_extension(p->proto); i++) {
		size_t n = extension_len(p->proto, x, left);

		if (n == 0 || i == ICMP_EXTENSIONS_MAX)
			return false;
		if (p->proto == IPPROTO_FRAGMENT) {
			uint16_t frag = get16(x + 2);

			p->fragment |= (frag & 0xfff9) != 0; /* else "atomic": RFC 6946 */
			if (frag & 0xfff8) {
				p->proto = x[0];
				return true;
			}
		}
		p->proto = x[0];
		x += n;
		left -= n;
	}
	p->upper = x;
	p->upper_len = left;
	return true;
}

static bool parse6(const uint8_t *ip, size_t len, struct icmp_packet *p)
{
	if (len < IP6_LEN || get16(ip + 4) > len - IP6_LEN)
		return false;
	p->ip_len = IP6_LEN + (size_t)get16(ip + 4);
	p->proto = ip[6];
	p->src = canonical6(ip + 8);
	p->dst = canonical6(ip + 24);
	return walk_extensions(p);
}

bool icmp_parse(const uint8_t *bytes, size_t len, struct icmp_packet *p)
{
	bool good = false;

	memset(p, 0, sizeof(*p));
	p->ip = bytes;
	if (len > 0 && bytes[0] >> 4 == 4)
		good = parse4(bytes, len, p);
	else if (len > 0 && bytes[0] >> 4 == 6)
		good = parse6(bytes, len, p);
	if (good)
		parse_upper(p);
	return good;
}

/* Whether anything may be sent back. */

static bool is_multicast(const struct addr *a)
{
	return a->family == 4 ? a->bytes[0] >> 4 == 14 : a->bytes[0] == 0xff;
}

static bool is_broadcast(const struct addr *a)
{
	static const uint8_t ones[4] = {255, 255, 255, 255};

	return a->family == 4 && memcmp(a->bytes, ones, 4) == 0;
}

/* One host that a packet can come from and go to. */
static bool is_host(const struct addr *a)
{
	return a->family && !is_multicast(a) && !is_broadcast(a) && !addr_is_loopback(a) &&
	       !addr_is_unspecified(a);
}

static bool is_icmp_error(const struct icmp_packet *p)
{
	uint8_t type;

	if (p->proto != IPPROTO_ICMP && p->proto != IPPROTO_ICMPV6)
		return false;
	if (p->upper_len == 0)
		return true; /* can't be told, so it may be one */
	type = p->upper[0];
	if (p->proto == IPPROTO_ICMP) /* RFC 1122 3.2.2 */
		return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
	return type < 128 || type == 137; /* RFC 4443 2.1; redirect */
}

/* RFC 4291 2.7: ff02::/16. */
static bool is_link_local_group(const struct addr *a)
{
	return a->family == 6 && a->bytes[0] == 0xff && (a->bytes[1] & 15) == 2;
}

bool icmp_is_housekeeping(const struct icmp_packet *p)
{
	if (p->proto == IPPROTO_IGMP)
		return true;
	if (p->proto == IPPROTO_ICMPV6 && is_link_local_group(&p->dst))
		return true;
	return is_icmp_error(p);
}

static bool may_answer(const struct icmp_packet *p)
{
	return p->upper && is_host(&p->src) && is_host(&p->dst) && !is_icmp_error(p);
}

/* Building. */

/* RFC 1071, unfolded: sums may be added. */
static uint32_t sum_bytes(uint32_t sum, const uint8_t *p, size_t len)
{
	for (; len > 1; p += 2, len -= 2)
		sum += get16(p);
	return len ? sum + (uint32_t)(p[0] << 8) : sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static size_t ip_header_len(const struct icmp_packet *p)
{
	return is_v4(p) ? IP4_LEN : IP6_LEN;
}

/* The header of an answer to p around len bytes: from its destination to its source. */
static void put_ip(const struct icmp_packet *p, uint8_t *out, uint8_t proto, size_t len)
{
	if (is_v4(p)) {
		memset(out, 0, IP4_LEN);
		out[0] = 0x45;
		put16(out + 2, (unsigned int)(IP4_LEN + len));
		out[6] = 0x40; /* don't fragment: so that an id of 0 is right (RFC 6864) */
		out[8] = TTL;
		out[9] = proto;
		memcpy(out + 12, p->ip + 16, 4);
		memcpy(out + 16, p->ip + 12, 4);
		put16(out + 10, fold(sum_bytes(0, out, IP4_LEN)));
		return;
	}
	memset(out, 0, IP6_LEN);
	out[0] = 0x60;
	put16(out + 4, (unsigned int)len);
	out[6] = proto;
	out[7] = TTL;
	memcpy(out + 8, p->ip + 24, 16);
	memcpy(out + 24, p->ip + 8, 16);
}

/* The checksum over the pseudo-header of an answer whose IP header is written. */
static uint16_t upper_checksum(const struct icmp_packet *p, const uint8_t *out, uint8_t proto,
			       size_t len)
{
	size_t header = ip_header_len(p);
	uint32_t sum = (uint32_t)len + proto;

	sum = is_v4(p) ? sum_bytes(sum, out + 12, 8) : sum_bytes(sum, out + 8, 32);
	return fold(sum_bytes(sum, out + header, len));
}

/* RFC 792 type 3 code 13 (RFC 1812 5.2.7.1); RFC 4443 3.1 type 1 code 1. */
static size_t put_prohibited(const struct icmp_packet *p, uint8_t *out)
{
	size_t header = ip_header_len(p);
	size_t room = (is_v4(p) ? IP4_QUOTE_MAX : ICMP_REPLY_MAX) - header - ICMP_LEN;
	size_t quote = p->ip_len < room ? p->ip_len : room;
	uint8_t *icmp = out + header;
	uint8_t proto = is_v4(p) ? IPPROTO_ICMP : IPPROTO_ICMPV6;

	put_ip(p, out, proto, ICMP_LEN + quote);
	memset(icmp, 0, ICMP_LEN);
	icmp[0] = is_v4(p) ? 3 : 1;
	icmp[1] = is_v4(p) ? 13 : 1;
	memcpy(icmp + ICMP_LEN, p->ip, quote);
	put16(icmp + 2, is_v4(p) ? fold(sum_bytes(0, icmp, ICMP_LEN + quote))
				 : upper_checksum(p, out, proto, ICMP_LEN + quote));
	return header + ICMP_LEN + quote;
}

/* How much sequence space the segment takes. */
static uint32_t segment_len(const struct icmp_packet *p, uint8_t flags)
{
	size_t header = (size_t)(p->upper[12] >> 4) * 4;
	size_t data = header <= p->upper_len ? p->upper_len - header : 0;

	return (uint32_t)data + !!(flags & TCP_SYN) + !!(flags & TCP_FIN);
}

/* RFC 9293 3.10.7.1: a segment that arrives at no connection. */
static size_t put_reset(const struct icmp_packet *p, uint8_t *out)
{
	size_t header = ip_header_len(p);
	uint8_t *tcp = out + header;
	uint8_t flags = p->upper[13];

	if (flags & TCP_RST)
		return 0;
	put_ip(p, out, IPPROTO_TCP, TCP_LEN);
	memset(tcp, 0, TCP_LEN);
	put16(tcp, p->dport);
	put16(tcp + 2, p->sport);
	if (flags & TCP_ACK) {
		put32(tcp + 4, get32(p->upper + 8));
		tcp[13] = TCP_RST;
	} else {
		put32(tcp + 8, get32(p->upper + 4) + segment_len(p, flags));
		tcp[13] = TCP_RST | TCP_ACK;
	}
	tcp[12] = TCP_LEN / 4 << 4;
	put16(tcp + 16, upper_checksum(p, out, IPPROTO_TCP, TCP_LEN));
	return header + TCP_LEN;
}

size_t icmp_refuse(const struct icmp_packet *p, uint8_t *out, size_t size)
{
	if (size < ICMP_REPLY_MAX || !may_answer(p))
		return 0;
	if (p->proto == IPPROTO_TCP && p->upper_len >= TCP_LEN)
		return put_reset(p, out);
	return put_prohibited(p, out);
}

size_t icmp_udp_reply(const struct icmp_packet *p, const uint8_t *payload, size_t len, uint8_t *out,
		      size_t size)
{
	size_t header = ip_header_len(p);
	uint8_t *udp = out + header;
	uint16_t sum;

	if (!p->payload || !may_answer(p) || len > UINT16_MAX - IP6_LEN - UDP_LEN ||
	    header + UDP_LEN + len > size)
		return 0;
	put_ip(p, out, IPPROTO_UDP, UDP_LEN + len);
	put16(udp, p->dport);
	put16(udp + 2, p->sport);
	put16(udp + 4, (unsigned int)(UDP_LEN + len));
	put16(udp + 6, 0);
	memcpy(udp + UDP_LEN, payload, len);
	sum = upper_checksum(p, out, IPPROTO_UDP, UDP_LEN + len);
	put16(udp + 6, sum ? sum : 0xffff); /* 0 would mean "none": RFC 768 */
	return header + UDP_LEN + len;
}
