/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses: one canonical form, and what is private in whatever clothes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "base/addr.h"
#include "base/mem.h"

static const struct {
	const char *text, *out; /* NULL: refused */
	int family;
	bool loopback, private, metadata;
} addrs[] = {
	{"192.0.2.1", "192.0.2.1", 4, false, false, false},
	{"8.8.8.8", "8.8.8.8", 4, false, false, false},
	{"127.0.0.1", "127.0.0.1", 4, true, true, false},
	{"127.255.0.9", "127.255.0.9", 4, true, true, false},
	{"10.1.2.3", "10.1.2.3", 4, false, true, false},
	{"172.15.0.1", "172.15.0.1", 4, false, false, false},
	{"172.31.255.255", "172.31.255.255", 4, false, true, false},
	{"172.32.0.1", "172.32.0.1", 4, false, false, false},
	{"192.168.0.1", "192.168.0.1", 4, false, true, false},
	{"100.63.0.1", "100.63.0.1", 4, false, false, false},
	{"100.127.0.1", "100.127.0.1", 4, false, true, false},
	{"100.128.0.1", "100.128.0.1", 4, false, false, false},
	{"198.19.0.1", "198.19.0.1", 4, false, true, false},
	{"0.0.0.0", "0.0.0.0", 4, false, true, false},
	{"224.0.0.1", "224.0.0.1", 4, false, true, false},
	{"255.255.255.255", "255.255.255.255", 4, false, true, false},
	{"169.254.1.1", "169.254.1.1", 4, false, true, false},
	{"169.254.169.254", "169.254.169.254", 4, false, true, true},
	{"169.254.170.2", "169.254.170.2", 4, false, true, true},
	{"169.254.170.23", "169.254.170.23", 4, false, true, true},
	{"::ffff:169.254.169.254", "169.254.169.254", 4, false, true, true},
	{"64:ff9b::169.254.169.254", "64:ff9b::a9fe:a9fe", 6, false, true, true},
	{"2002:a9fe:a9fe::1", "2002:a9fe:a9fe::1", 6, false, true, true},
	{"::169.254.169.254", "::169.254.169.254", 6, false, true, true},
	{"::ffff:0:169.254.169.254", NULL, 6, false, true, true},
	{"fd00:ec2::254", "fd00:ec2::254", 6, false, true, true},
	{"[FD00:0EC2::254]", "fd00:ec2::254", 6, false, true, true},
	{"fd00:ec2::253", "fd00:ec2::253", 6, false, true, false},
	{"::1", "::1", 6, true, true, false},
	{"::", "::", 6, false, true, false},
	{"::ffff:127.0.0.1", "127.0.0.1", 4, true, true, false},
	{"[::ffff:8.8.8.8]", "8.8.8.8", 4, false, false, false},
	{"2001:db8::1", "2001:db8::1", 6, false, false, false},
	{"2606:4700::1", "2606:4700::1", 6, false, false, false},
	{"64:ff9b::8.8.8.8", "64:ff9b::808:808", 6, false, false, false},
	{"64:ff9b::10.0.0.1", "64:ff9b::a00:1", 6, false, true, false},
	{"2002:808:808::", "2002:808:808::", 6, false, false, false},
	{"2002:7f00:1::", "2002:7f00:1::", 6, false, true, false},
	{"fe80::1", "fe80::1", 6, false, true, false},
	{"fec0::1", "fec0::1", 6, false, true, false},
	{"fc00::1", "fc00::1", 6, false, true, false},
	{"fe00::1", "fe00::1", 6, false, false, false},
	{"ff02::1", "ff02::1", 6, false, true, false},
	{"2001:0:1::1", "2001:0:1::1", 6, false, true, false},
};

static const char *const no_addrs[] = {
	"", "127.1", "0x7f.0.0.1", "0x7f000001", "2130706433", "127.0.0.01", "1.2.3.4.5", "1.2.3",
	"1.2.3.4 ", " 1.2.3.4", "[1.2.3.4]", "[]", "[::1", "::1]", "fe80::1%eth0", "::1::", "[[::1]]",
	"1.2.3.4:80", "example.com", "1:2:3:4:5:6:7:8:9", "256.0.0.1",
	"1111:1111:1111:1111:1111:1111:255.255.255.255.255.255.255.255",
};

static void test_parse(void **state)
{
	struct addr a;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(addrs); i++) {
		char text[INET6_ADDRSTRLEN];

		print_message("# %s\n", addrs[i].text);
		assert_true(addr_parse(addrs[i].text, &a));
		assert_int_equal(a.family, addrs[i].family);
		addr_text(&a, text);
		if (addrs[i].out)
			assert_string_equal(text, addrs[i].out);
		assert_int_equal(addr_is_loopback(&a), addrs[i].loopback);
		assert_int_equal(addr_is_private(&a), addrs[i].private);
		assert_int_equal(addr_is_metadata(&a), addrs[i].metadata);
	}
	for (size_t i = 0; i < ARRAY_SIZE(no_addrs); i++)
		if (addr_parse(no_addrs[i], &a))
			fail_msg("taken for an address: %s", no_addrs[i]);
}

static void test_sockaddr(void **state)
{
	struct sockaddr_storage ss;
	struct addr a, b;
	uint16_t port = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(addrs); i++) {
		socklen_t len;

		assert_true(addr_parse(addrs[i].text, &a));
		len = addr_to_sockaddr(&a, 443, &ss);
		assert_true(addr_from_sockaddr((struct sockaddr *)&ss, len, &b, &port));
		assert_int_equal(port, 443);
		assert_true(addr_equal(&a, &b));
		for (socklen_t cut = 0; cut < (a.family == 4 ? len : 24); cut++)
			assert_false(addr_from_sockaddr((struct sockaddr *)&ss, cut, &b, &port));
	}
	ss.ss_family = AF_UNIX;
	assert_false(addr_from_sockaddr((struct sockaddr *)&ss, sizeof(ss), &b, &port));
	a.family = 0;
	assert_int_equal(addr_to_sockaddr(&a, 1, &ss), 0);
}

static void test_port_text(void **state)
{
	char out[ADDR_TEXT_MAX];
	struct addr a;

	(void)state;
	addr_parse("192.0.2.1", &a);
	addr_port_text(&a, 65535, out);
	assert_string_equal(out, "192.0.2.1:65535");
	addr_parse("2001:db8::1", &a);
	addr_port_text(&a, 1, out);
	assert_string_equal(out, "[2001:db8::1]:1");
}

static const struct {
	const char *net, *addr;
	bool has;
} cidrs[] = {
	{"192.0.2.0/24", "192.0.2.255", true},
	{"192.0.2.0/24", "192.0.3.0", false},
	{"192.0.2.77/24", "192.0.2.1", true}, /* what is behind the prefix does not count */
	{"192.0.2.1", "192.0.2.1", true},
	{"192.0.2.1", "192.0.2.2", false},
	{"0.0.0.0/0", "8.8.8.8", true},
	{"0.0.0.0/0", "2001:db8::1", false},
	{"::/0", "8.8.8.8", false},
	{"::/0", "2001:db8::1", true},
	{"0.0.0.0/0", "::ffff:8.8.8.8", true},
	{"128.0.0.0/1", "127.0.0.1", false},
	{"128.0.0.0/1", "128.0.0.1", true},
	{"192.0.2.128/25", "192.0.2.127", false},
	{"2001:db8::/33", "2001:db8:8000::", false},
	{"2001:db8::/33", "2001:db8:7fff::", true},
	{"::ffff:192.0.2.0/120", "192.0.2.9", true},
	{"::ffff:0:0/96", "8.8.8.8", true},
	{"2001:db8::1/128", "2001:db8::1", true},
};

static const char *const no_cidrs[] = {
	"", "/", "/24", "192.0.2.0/", "192.0.2.0/33", "192.0.2.0/-1", "192.0.2.0/+8",
	"192.0.2.0/24x", "192.0.2.0/ 24", "192.0.2.0/0024", "192.0.2.0/24/24", "::/129", "::/999",
	"10/8", "::ffff:0.0.0.0/95", "example.com/24",
};

static void test_cidr(void **state)
{
	struct cidr c;
	struct addr a;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cidrs); i++) {
		print_message("# %s %s\n", cidrs[i].net, cidrs[i].addr);
		assert_true(cidr_parse(cidrs[i].net, &c));
		assert_true(addr_parse(cidrs[i].addr, &a));
		assert_int_equal(cidr_has(&c, &a), cidrs[i].has);
	}
	for (size_t i = 0; i < ARRAY_SIZE(no_cidrs); i++)
		if (cidr_parse(no_cidrs[i], &c))
			fail_msg("taken for a network: %s", no_cidrs[i]);
	assert_false(cidr_has(&(struct cidr){0}, &(struct addr){0}));
}

#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define N253 L63 "." L63 "." L63 ".aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
	const char *in, *out;
	size_t len; /* 0: strlen(in) */
} names[] = {
	{"example.com", "example.com", 0},
	{"EXAMPLE.Com.", "example.com", 0},
	{"_srv.a-b.c", "_srv.a-b.c", 0},
	{"localhost", "localhost", 0},
	{L63, L63, 0},
	{N253, N253, 0},
	{N253 ".", N253, 0},
	{N253 "a", NULL, 0},
	{L63 "a", NULL, 0},
	{"", NULL, 0},
	{".", NULL, 0},
	{"a..b", NULL, 0},
	{".a", NULL, 0},
	{"a..", NULL, 0},
	{"a b", NULL, 0},
	{"a:80", NULL, 0},
	{"[::1]", NULL, 0},
	{"a*", NULL, 0},
	{"b\303\274cher.example", NULL, 0},
	{"good.example\0.evil.example", NULL, 26},
	{"good.example\0", NULL, 13},
	{"a\n", NULL, 0},
	{"a/b", NULL, 0},
	{"a@b", NULL, 0},
};

static void test_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		size_t len = names[i].len ? names[i].len : strlen(names[i].in);
		char out[ADDR_NAME_MAX + 1];
		bool ok = addr_canon_name(names[i].in, len, out);

		print_message("# row %zu\n", i);
		assert_int_equal(ok, names[i].out != NULL);
		if (ok)
			assert_string_equal(out, names[i].out);
	}
}

static void test_numeric_names(void **state)
{
	static const char *const numeric[] = {"192.0.2.1", "127.1", "1", "0x7f.1", "0x7f000001", "a.1",
					      "0x", "example.0x1f"};
	static const char *const names[] = {"example.com", "1.example", "1a", "0xg", "a1", "x0", "0x7f.a", ""};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(numeric); i++)
		assert_true(addr_name_is_numeric(numeric[i]));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_false(addr_name_is_numeric(names[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),	  cmocka_unit_test(test_sockaddr),
		cmocka_unit_test(test_port_text), cmocka_unit_test(test_cidr),
		cmocka_unit_test(test_names),	  cmocka_unit_test(test_numeric_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
