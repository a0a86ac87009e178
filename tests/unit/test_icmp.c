/* SPDX-License-Identifier: Apache-2.0 */
/* supervisor/icmp: packets of the catch-all device, refusals and answers. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "supervisor/icmp.h"

struct packet {
	uint8_t b[2048];
	size_t len;
};

static void set16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static unsigned int get16(const uint8_t *p)
{
	return (unsigned int)(p[0] << 8 | p[1]);
}

/* 10.0.0.2 to 192.0.2.1 */
static struct packet ip4(uint8_t proto, size_t len)
{
	static const uint8_t ends[8] = {10, 0, 0, 2, 192, 0, 2, 1};
	struct packet p = {.len = 20 + len};

	p.b[0] = 0x45;
	set16(p.b + 2, (unsigned int)p.len);
	p.b[8] = 64;
	p.b[9] = proto;
	memcpy(p.b + 12, ends, 8);
	return p;
}

/* fd00::2 to 2001:db8::1 */
static struct packet ip6(uint8_t proto, size_t len)
{
	struct packet p = {.len = 40 + len};

	p.b[0] = 0x60;
	set16(p.b + 4, (unsigned int)len);
	p.b[6] = proto;
	p.b[8] = 0xfd;
	p.b[23] = 2;
	memcpy(p.b + 24, "\x20\x01\x0d\xb8", 4);
	p.b[39] = 1;
	return p;
}

static void set_udp(uint8_t *u, size_t len)
{
	set16(u, 40000);
	set16(u + 2, 53);
	set16(u + 4, (unsigned int)len);
}

static bool parse(const struct packet *p, struct icmp_packet *out)
{
	return icmp_parse(p->b, p->len, out);
}

/* An independent checksum: one's complement, byte pairs, the plain way. */
static unsigned int sum(const uint8_t *p, size_t len, unsigned int s)
{
	for (size_t i = 0; i < len; i++)
		s += i & 1 ? p[i] : (unsigned int)p[i] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

/* An answer's checksums must sum to all ones, its ends must be swapped. */
static void assert_answer(const uint8_t *out, size_t n, const struct packet *to, uint8_t proto)
{
	bool v4 = to->b[0] >> 4 == 4;
	size_t head = v4 ? 20 : 40;
	unsigned int pseudo = (unsigned int)(n - head) + proto;

	assert_true(n > head);
	if (v4) {
		assert_int_equal(sum(out, 20, 0), 0xffff);
		assert_int_equal(get16(out + 2), n);
		assert_int_equal(out[9], proto);
		assert_memory_equal(out + 12, to->b + 16, 4);
		assert_memory_equal(out + 16, to->b + 12, 4);
	} else {
		assert_int_equal(get16(out + 4), n - 40);
		assert_int_equal(out[6], proto);
		assert_memory_equal(out + 8, to->b + 24, 16);
		assert_memory_equal(out + 24, to->b + 8, 16);
	}
	if (proto == IPPROTO_ICMP)
		pseudo = 0;
	else
		pseudo = v4 ? sum(out + 12, 8, pseudo) : sum(out + 8, 32, pseudo);
	assert_int_equal(sum(out + head, n - head, pseudo), 0xffff);
}

static void test_udp4(void **state)
{
	struct packet p = ip4(IPPROTO_UDP, 8 + 5);
	struct icmp_packet i;
	uint8_t out[2048];
	char text[INET6_ADDRSTRLEN];
	size_t n;

	(void)state;
	set_udp(p.b + 20, 13);
	memcpy(p.b + 28, "hello", 5);
	assert_true(parse(&p, &i));
	assert_int_equal(i.proto, IPPROTO_UDP);
	addr_text(&i.dst, text);
	assert_string_equal(text, "192.0.2.1");
	assert_int_equal(i.sport, 40000);
	assert_int_equal(i.dport, 53);
	assert_int_equal(i.payload_len, 5);
	assert_memory_equal(i.payload, "hello", 5);

	n = icmp_refuse(&i, out, sizeof(out));
	assert_answer(out, n, &p, IPPROTO_ICMP);
	assert_int_equal(out[20], 3);
	assert_int_equal(out[21], 13);
	assert_memory_equal(out + 28, p.b, p.len);
	assert_int_equal(icmp_refuse(&i, out, ICMP_REPLY_MAX - 1), 0);

	for (size_t len = 0; len < 8; len++) {
		n = icmp_udp_reply(&i, (const uint8_t *)"answers!", len, out, sizeof(out));
		assert_int_equal(n, 28 + len);
		assert_answer(out, n, &p, IPPROTO_UDP);
		assert_int_equal(get16(out + 20), 53);
		assert_int_equal(get16(out + 22), 40000);
		assert_memory_equal(out + 28, "answers!", len);
		assert_int_equal(icmp_udp_reply(&i, out, len, out, 27 + len), 0);
	}
}

static void test_udp6(void **state)
{
	struct packet p = ip6(IPPROTO_UDP, 8 + 1400);
	struct icmp_packet i;
	uint8_t out[2048];
	size_t n;

	(void)state;
	set_udp(p.b + 40, 8 + 1400);
	assert_true(parse(&p, &i));
	assert_int_equal(i.dst.family, 6);
	assert_int_equal(i.payload_len, 1400);
	n = icmp_refuse(&i, out, sizeof(out));
	assert_int_equal(n, 1280); /* the quote is cut */
	assert_answer(out, n, &p, IPPROTO_ICMPV6);
	assert_int_equal(out[40], 1);
	assert_int_equal(out[41], 1);
	n = icmp_udp_reply(&i, (const uint8_t *)"answer", 6, out, sizeof(out));
	assert_answer(out, n, &p, IPPROTO_UDP);
}

static void test_quote4_is_cut(void **state)
{
	struct packet p = ip4(IPPROTO_UDP, 1400);
	struct icmp_packet i;
	uint8_t out[2048];

	(void)state;
	set_udp(p.b + 20, 1400);
	assert_true(parse(&p, &i));
	assert_int_equal(icmp_refuse(&i, out, sizeof(out)), 576);
	assert_answer(out, 576, &p, IPPROTO_ICMP);
}

static const struct {
	uint8_t flags;
	uint32_t seq, ack; /* of the reset */
	uint8_t reset;	   /* its flags; 0: none is sent */
} segments[] = {
	{0x02, 0, 0x01020304 + 1 + 3, 0x14}, /* SYN, with data (fast open) */
	{0x12, 0x0a0b0c0d, 0, 0x04},	     /* SYN ACK */
	{0x18, 0x0a0b0c0d, 0, 0x04},	     /* data */
	{0x01, 0, 0x01020304 + 1 + 3, 0x14}, /* FIN alone */
	{0x04, 0, 0, 0},		     /* RST */
	{0x14, 0, 0, 0},		     /* RST ACK */
};

static void check_reset(struct packet *p, size_t head)
{
	for (size_t k = 0; k < ARRAY_SIZE(segments); k++) {
		static const uint8_t numbers[8] = {1, 2, 3, 4, 10, 11, 12, 13};
		uint8_t *t = p->b + head, out[ICMP_REPLY_MAX];
		struct icmp_packet i;
		uint32_t seq, ack;
		size_t n;

		set16(t, 40000);
		set16(t + 2, 443);
		memcpy(t + 4, numbers, 8);
		t[12] = 6 << 4; /* four bytes of options, then three of data */
		t[13] = segments[k].flags;
		assert_true(parse(p, &i));
		n = icmp_refuse(&i, out, sizeof(out));
		if (!segments[k].reset) {
			assert_int_equal(n, 0);
			continue;
		}
		assert_int_equal(n, head + 20);
		assert_answer(out, n, p, IPPROTO_TCP);
		seq = get16(out + head + 4) << 16 | get16(out + head + 6);
		ack = get16(out + head + 8) << 16 | get16(out + head + 10);
		assert_int_equal(get16(out + head), 443);
		assert_int_equal(seq, segments[k].seq);
		assert_int_equal(ack, segments[k].ack);
		assert_int_equal(out[head + 13], segments[k].reset);
	}
}

static void test_reset(void **state)
{
	struct packet p4 = ip4(IPPROTO_TCP, 27), p6 = ip6(IPPROTO_TCP, 27);

	(void)state;
	check_reset(&p4, 20);
	check_reset(&p6, 40);
}

/* Each changes one thing about a datagram that is answered otherwise. */
static const struct {
	bool v6;
	size_t at;
	const char *bytes;
	size_t len;
	bool answered;
} cases[] = {
	{false, 0, "\x45", 1, true}, /* the controls */
	{true, 0, "\x60", 1, true},
	{false, 12, "\xe0\0\0\1", 4, false}, /* from, to multicast */
	{false, 16, "\xe0\0\0\1", 4, false},
	{false, 16, "\xef\xff\xff\xff", 4, false},
	{false, 16, "\xff\xff\xff\xff", 4, false}, /* broadcast */
	{false, 12, "\0\0\0\0", 4, false},	   /* unspecified */
	{false, 12, "\x7f\0\0\1", 4, false},	   /* loopback */
	{false, 6, "\x20\0", 2, true},		   /* the first fragment */
	{false, 6, "\x20\1", 2, false},		   /* a later one */
	{false, 6, "\0\1", 2, false},		   /* the last one */
	{false, 6, "\x40\0", 2, true},		   /* don't fragment */
	{true, 24, "\xff\2", 2, false},
	{true, 8, "\xff\2", 2, false},
	{true, 8, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16, false},
	{true, 8, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16, false},
	{true, 8, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1", 16, false}, /* mapped loopback */
};

static void test_who_is_answered(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(cases); k++) {
		struct packet p = cases[k].v6 ? ip6(IPPROTO_UDP, 12) : ip4(IPPROTO_UDP, 12);
		struct icmp_packet i;
		uint8_t out[ICMP_REPLY_MAX];

		set_udp(p.b + (cases[k].v6 ? 40 : 20), 12);
		memcpy(p.b + cases[k].at, cases[k].bytes, cases[k].len);
		assert_true(parse(&p, &i));
		assert_int_equal(icmp_refuse(&i, out, sizeof(out)) > 0, cases[k].answered);
		if (!cases[k].answered || i.fragment)
			assert_int_equal(icmp_udp_reply(&i, out, 1, out, sizeof(out)), 0);
	}
}

static void test_icmp_errors(void **state)
{
	static const struct {
		bool v6;
		uint8_t type;
		bool answered;
	} types[] = {
		{false, 8, true},  {false, 0, true},   {false, 3, false},  {false, 4, false},
		{false, 5, false}, {false, 11, false}, {false, 12, false}, {true, 128, true},
		{true, 129, true}, {true, 1, false},   {true, 2, false},   {true, 3, false},
		{true, 4, false},  {true, 100, false}, {true, 137, false},
	};

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(types); k++) {
		struct packet p = types[k].v6 ? ip6(IPPROTO_ICMPV6, 8) : ip4(IPPROTO_ICMP, 8);
		struct icmp_packet i;
		uint8_t out[ICMP_REPLY_MAX];

		p.b[types[k].v6 ? 40 : 20] = types[k].type;
		assert_true(parse(&p, &i));
		assert_int_equal(icmp_refuse(&i, out, sizeof(out)) > 0, types[k].answered);
	}
}

/* Puts n headers of eight bytes of type before the UDP datagram. */
static struct packet extended(uint8_t type, int n)
{
	struct packet p = ip6(n ? type : IPPROTO_UDP, (size_t)n * 8 + 12);

	for (int k = 0; k < n; k++)
		p.b[40 + 8 * k] = k + 1 < n ? type : IPPROTO_UDP;
	set_udp(p.b + 40 + 8 * n, 12);
	return p;
}

static void test_extensions(void **state)
{
	static const uint8_t types[] = {IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS};
	struct icmp_packet i;
	struct packet p;
	uint8_t out[ICMP_REPLY_MAX];

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(types); k++) {
		for (int n = 0; n <= ICMP_EXTENSIONS_MAX; n++) {
			p = extended(types[k], n);
			assert_true(parse(&p, &i));
			assert_int_equal(i.proto, IPPROTO_UDP);
			assert_int_equal(i.dport, 53);
			assert_int_equal(i.payload_len, 4);
			assert_answer(out, icmp_refuse(&i, out, sizeof(out)), &p, IPPROTO_ICMPV6);
		}
		p = extended(types[k], ICMP_EXTENSIONS_MAX + 1);
		assert_false(parse(&p, &i));
		p = extended(types[k], 1);
		p.b[41] = 200; /* longer than the packet */
		assert_false(parse(&p, &i));
	}

	p = extended(IPPROTO_FRAGMENT, 1); /* atomic */
	assert_true(parse(&p, &i));
	assert_false(i.fragment);
	assert_int_equal(i.payload_len, 4);
	p.b[43] = 1; /* the first of several */
	assert_true(parse(&p, &i));
	assert_true(i.fragment);
	assert_int_equal(i.dport, 53);
	assert_null(i.payload);
	assert_true(icmp_refuse(&i, out, sizeof(out)) > 0);
	p.b[43] = 8; /* the second */
	assert_true(parse(&p, &i));
	assert_int_equal(i.proto, IPPROTO_UDP);
	assert_int_equal(i.dport, 0);
	assert_int_equal(icmp_refuse(&i, out, sizeof(out)), 0);
}

static void test_mapped_is_v4(void **state)
{
	struct packet p = ip6(IPPROTO_UDP, 12);
	struct icmp_packet i;
	char text[INET6_ADDRSTRLEN];

	(void)state;
	memcpy(p.b + 24, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xa9\xfe\xa9\xfe", 16);
	assert_true(parse(&p, &i));
	addr_text(&i.dst, text);
	assert_string_equal(text, "169.254.169.254");
}

static void test_malformed(void **state)
{
	struct packet v4 = ip4(IPPROTO_UDP, 12), v6 = ip6(IPPROTO_UDP, 12), p;
	struct icmp_packet i;

	(void)state;
	set_udp(v4.b + 20, 12);
	set_udp(v6.b + 40, 12);
	for (size_t n = 0; n < v4.len; n++)
		assert_false(icmp_parse(v4.b, n, &i));
	for (size_t n = 0; n < v6.len; n++)
		assert_false(icmp_parse(v6.b, n, &i));
	p = v4;
	p.b[0] = 0x44; /* a header of 16 bytes */
	assert_false(parse(&p, &i));
	p.b[0] = 0x4f; /* of 60 */
	assert_false(parse(&p, &i));
	p.b[0] = 0x55;
	assert_false(parse(&p, &i));
	p = v4;
	set16(p.b + 24, 13); /* UDP longer than its packet, or shorter than its header */
	assert_true(parse(&p, &i));
	assert_null(i.payload);
	set16(p.b + 24, 7);
	assert_true(parse(&p, &i));
	assert_null(i.payload);
	p = v4;
	p.len += 10; /* padding is not payload */
	assert_true(parse(&p, &i));
	assert_int_equal(i.payload_len, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_udp4),
		cmocka_unit_test(test_udp6),
		cmocka_unit_test(test_quote4_is_cut),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_who_is_answered),
		cmocka_unit_test(test_icmp_errors),
		cmocka_unit_test(test_extensions),
		cmocka_unit_test(test_mapped_is_v4),
		cmocka_unit_test(test_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
