/* SPDX-License-Identifier: Apache-2.0 */
/* supervisor/dns: what is answered, what is refused, and when the table is asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "supervisor/dns.h"

/* A message being put together. */
struct message {
	uint8_t bytes[1024];
	size_t len;
};

static void add(struct message *m, const void *bytes, size_t len)
{
	memcpy(m->bytes + m->len, bytes, len);
	m->len += len;
}

static void add16(struct message *m, unsigned int v)
{
	uint8_t b[2] = {(uint8_t)(v >> 8), (uint8_t)v};

	add(m, b, 2);
}

static void add_name(struct message *m, const char *name)
{
	while (*name) {
		size_t n = strcspn(name, ".");
		uint8_t len = (uint8_t)n;

		add(m, &len, 1);
		add(m, name, n);
		name += n + (name[n] == '.');
	}
	add(m, "", 1);
}

static struct message header(unsigned int flags, unsigned int questions, unsigned int extra)
{
	struct message m = {.len = 0};

	add16(&m, 0xbeef);
	add16(&m, flags);
	add16(&m, questions);
	add16(&m, 0);
	add16(&m, 0);
	add16(&m, extra);
	return m;
}

static struct message query(const char *name, unsigned int type)
{
	struct message m = header(0x0100, 1, 0);

	add_name(&m, name);
	add16(&m, type);
	add16(&m, 1);
	return m;
}

static void add_opt(struct message *m, unsigned int version, unsigned int flags)
{
	add(m, "", 1);
	add16(m, 41);
	add16(m, 4096);
	add16(m, version);
	add16(m, flags);
	add16(m, 4); /* an option, to be skipped */
	add16(m, 10);
	add16(m, 0);
	m->bytes[11]++;
}

/* The table's dummy. */
static struct {
	int calls;
	enum dns_rcode says;
	char name[ADDR_NAME_MAX + 1];
} table;

static enum dns_rcode lookup(struct dns_question *q, void *arg)
{
	assert_ptr_equal(arg, &table);
	table.calls++;
	strcpy(table.name, q->name);
	if (q->type == DNS_TYPE_A)
		q->addr = (struct addr){.family = 4, .bytes = {198, 18, 0, 16}};
	else
		strcpy(q->target, "api.example.com");
	return table.says;
}

static uint8_t out[DNS_ANSWER_MAX];
static size_t out_len;
static struct dns_question got;

static size_t ask(const struct message *m)
{
	table.calls = 0;
	memset(out, 0xaa, sizeof(out));
	out_len = dns_answer(m->bytes, m->len, out, sizeof(out), false, &got, lookup, &table);
	return out_len;
}

static unsigned int word(size_t at)
{
	return (unsigned int)(out[at] << 8 | out[at + 1]);
}

static unsigned int rcode(void)
{
	return word(2) & 15;
}

static int setup(void **state)
{
	(void)state;
	table.says = DNS_NOERROR;
	return 0;
}

static void test_a(void **state)
{
	static const uint8_t rr[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 198, 18, 0, 16};
	struct message m = query("aPi.ExAmple.COM", 1);

	(void)state;
	assert_int_equal(ask(&m), m.len + sizeof(rr));
	assert_int_equal(word(0), 0xbeef);
	assert_int_equal(word(2), 0x8180); /* a response, RD copied, RA */
	assert_int_equal(word(4), 1);
	assert_int_equal(word(6), 1);
	assert_int_equal(word(8), 0);
	assert_int_equal(word(10), 0);
	assert_memory_equal(out + 12, m.bytes + 12, m.len - 12); /* the case is kept */
	assert_memory_equal(out + m.len, rr, sizeof(rr));
	assert_int_equal(table.calls, 1);
	assert_string_equal(table.name, "api.example.com");
	assert_string_equal(got.name, "api.example.com");
	assert_int_equal(got.type, 1);
	assert_true(got.valid);
}

static void test_tcp(void **state)
{
	struct message m = query("a.example", 1);
	uint8_t framed[DNS_ANSWER_MAX];
	size_t n;

	(void)state;
	ask(&m);
	n = dns_answer(m.bytes, m.len, framed, sizeof(framed), true, &got, lookup, &table);
	assert_int_equal(n, out_len + 2);
	assert_int_equal(framed[0] << 8 | framed[1], out_len);
	assert_memory_equal(framed + 2, out, out_len);
}

/* NOERROR, no answer, an SOA whose owner is the question's name. */
static void assert_empty(const struct message *m)
{
	assert_int_equal(rcode(), DNS_NOERROR);
	assert_int_equal(word(6), 0);
	assert_int_equal(word(8), 1);
	assert_int_equal(word(12 + (m->len - 12)), 0xc00c);
	assert_int_equal(word(m->len + 2), DNS_TYPE_SOA);
	assert_int_equal(word(m->len + 10), 22);
	assert_int_equal(out_len, m->len + 12 + 22);
}

static void test_empty(void **state)
{
	static const unsigned int types[] = {28, 2, 5, 6, 15, 16, 33, 64, 65, 255, 257};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct message m = query("api.example.com", types[i]);

		ask(&m);
		assert_empty(&m);
		assert_int_equal(table.calls, 0);
		assert_int_equal(got.type, types[i]);
		assert_string_equal(got.name, "api.example.com");
	}
	for (size_t i = 0; i < 3; i++) { /* the root */
		struct message m = query("", types[i]);

		ask(&m);
		assert_empty(&m);
		assert_int_equal(table.calls, 0);
	}
}

static void test_localhost(void **state)
{
	static const char *const names[] = {"localhost", "LOCALHOST", "x.localhost"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct message m = query(names[i], 1);

		ask(&m);
		assert_int_equal(word(6), 1);
		assert_memory_equal(out + out_len - 4, "\x7f\0\0\1", 4);
		m = query(names[i], 28);
		ask(&m);
		assert_int_equal(word(6), 1);
		assert_memory_equal(out + out_len - 16, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
		assert_int_equal(table.calls, 0);
	}
	/* The control: not everything that ends so. */
	struct message m = query("evillocalhost", 1);

	ask(&m);
	assert_int_equal(table.calls, 1);
}

static void test_ptr(void **state)
{
	struct message m = query("16.0.18.198.in-addr.arpa", 12);

	(void)state;
	ask(&m);
	assert_int_equal(rcode(), DNS_NOERROR);
	assert_int_equal(word(6), 1);
	assert_memory_equal(got.addr.bytes, "\xc6\x12\0\x10", 4);
	assert_memory_equal(out + out_len - 17, "\3api\7example\3com", 17);
	assert_int_equal(word(out_len - 19), 17);

	table.says = DNS_NXDOMAIN;
	ask(&m);
	assert_int_equal(rcode(), DNS_NXDOMAIN);
	assert_int_equal(table.calls, 1);
	m = query("1.0.0.127.in-addr.arpa", 12);
	ask(&m);
	assert_int_equal(rcode(), DNS_NOERROR);
	assert_memory_equal(out + out_len - 11, "\11localhost", 11);
	m = query("api.example.com", 12);
	ask(&m);
	assert_int_equal(rcode(), DNS_NXDOMAIN);
	assert_int_equal(table.calls, 0);
}

static void test_refusals(void **state)
{
	static const enum dns_rcode codes[] = {DNS_NXDOMAIN, DNS_REFUSED, DNS_SERVFAIL};
	struct message m = query("a.example", 1);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		table.says = codes[i];
		ask(&m);
		assert_int_equal(rcode(), codes[i]);
		assert_int_equal(got.rcode, codes[i]);
		assert_int_equal(word(6), 0);
		assert_int_equal(word(8), codes[i] == DNS_NXDOMAIN);
	}
}

static const struct {
	const char *label; /* one label of len bytes, before ".example" */
	size_t len;
} bad_labels[] = {
	{"a.b", 3},   {"a\0b", 3}, {"a b", 3}, {"caf\xc3\xa9", 5},
	{"[::1]", 5}, {"a\nb", 3}, {"*", 1},
};

static void test_bad_labels(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad_labels); i++) {
		struct message m = header(0x0100, 1, 0);
		uint8_t len = (uint8_t)bad_labels[i].len;

		add(&m, &len, 1);
		add(&m, bad_labels[i].label, len);
		add_name(&m, "example");
		add16(&m, 1);
		add16(&m, 1);
		ask(&m);
		assert_int_equal(rcode(), DNS_NXDOMAIN);
		assert_int_equal(table.calls, 0);
		assert_false(got.valid);
	}
}

static void test_numeric_names(void **state)
{
	static const char *const names[] = {"169.254.169.254", "127.1",	    "2130706433", "0x7f.1",
					    "0x7f000001",      "a.0xff",    "a.b.1",	  "0x",
					    "0xA9FEA9FE",      "127.0.0.1."};
	static const char *const fine[] = {"1.example", "0x7f.example", "1a", "0xg", "a1"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct message m = query(names[i], 1);

		ask(&m);
		assert_int_equal(rcode(), DNS_NXDOMAIN);
		assert_int_equal(table.calls, 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(fine); i++) {
		struct message m = query(fine[i], 1);

		ask(&m);
		assert_int_equal(table.calls, 1);
	}
}

static void test_malformed(void **state)
{
	struct message m = query("a.example", 1);
	struct message full = m;

	(void)state;
	/* Cut anywhere. */
	for (size_t n = 0; n < full.len; n++) {
		m.len = n;
		assert_int_equal(ask(&m), n < 12 ? 0 : 12);
		assert_int_equal(table.calls, 0);
		if (n >= 12)
			assert_int_equal(rcode(), DNS_FORMERR);
	}
	m = query("a.example", 1); /* a response */
	m.bytes[2] |= 0x80;
	assert_int_equal(ask(&m), 0);
	m = query("a.example", 1); /* NOTIFY */
	m.bytes[2] |= 4 << 3;
	assert_int_equal(ask(&m), 12);
	assert_int_equal(rcode(), DNS_NOTIMP);
	for (int at = 5; at < 11; at += 2) { /* two questions, an answer, an authority */
		m = query("a.example", 1);
		m.bytes[at]++;
		ask(&m);
		assert_int_equal(rcode(), DNS_FORMERR);
	}
	m = header(0, 0, 0); /* no question */
	ask(&m);
	assert_int_equal(rcode(), DNS_FORMERR);
	m = header(0, 1, 0); /* a compression pointer */
	add16(&m, 0xc00c);
	add16(&m, 1);
	add16(&m, 1);
	ask(&m);
	assert_int_equal(rcode(), DNS_FORMERR);
	m = query("a.example", 1); /* class CH */
	m.bytes[m.len - 1] = 3;
	ask(&m);
	assert_int_equal(rcode(), DNS_REFUSED);
	assert_int_equal(table.calls, 0);
}

/* 63-byte labels: four make 257 wire bytes, three and one of 61 make 255. */
static void test_long_names(void **state)
{
	char name[300];
	struct message m;

	(void)state;
	memset(name, 'a', sizeof(name));
	name[63] = name[127] = name[191] = '.';
	name[253] = '\0';
	m = query(name, 1);
	ask(&m);
	assert_int_equal(table.calls, 1);
	assert_string_equal(table.name, name);
	name[253] = 'a';
	name[254] = '\0';
	m = query(name, 1);
	ask(&m);
	assert_int_equal(rcode(), DNS_FORMERR);
	memset(name, 'a', 64);
	name[64] = '\0';
	m = query(name, 1);
	ask(&m);
	assert_int_equal(rcode(), DNS_FORMERR);
	assert_int_equal(table.calls, 0);
}

static void test_edns(void **state)
{
	static const uint8_t opt[] = {0, 0, 41, 4, 208, 0, 0, 0x80, 0, 0, 0};
	struct message m = query("a.example", 1);

	(void)state;
	add_opt(&m, 0, 0x8000);
	ask(&m);
	assert_int_equal(rcode(), DNS_NOERROR);
	assert_int_equal(word(10), 1);
	assert_memory_equal(out + out_len - sizeof(opt), opt, sizeof(opt));

	m = query("a.example", 1); /* EDNS 1: BADVERS, its high bits in OPT */
	add_opt(&m, 1, 0);
	ask(&m);
	assert_int_equal(rcode(), 0);
	assert_int_equal(out[out_len - 6], 1);
	assert_int_equal(got.rcode, DNS_BADVERS);
	assert_int_equal(table.calls, 0);

	m = query("a.example", 1);
	add_opt(&m, 0, 0);
	add_opt(&m, 0, 0);
	ask(&m);
	assert_int_equal(rcode(), DNS_FORMERR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_a, setup),
		cmocka_unit_test_setup(test_tcp, setup),
		cmocka_unit_test_setup(test_empty, setup),
		cmocka_unit_test_setup(test_localhost, setup),
		cmocka_unit_test_setup(test_ptr, setup),
		cmocka_unit_test_setup(test_refusals, setup),
		cmocka_unit_test_setup(test_bad_labels, setup),
		cmocka_unit_test_setup(test_numeric_names, setup),
		cmocka_unit_test_setup(test_malformed, setup),
		cmocka_unit_test_setup(test_long_names, setup),
		cmocka_unit_test_setup(test_edns, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
