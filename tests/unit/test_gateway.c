/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/: URLs, CONNECT as bytes, the resolver's broker. */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "gateway/connect.h"
#include "gateway/resolver.h"
#include "gateway/url.h"

static const struct {
	const char *url, *text, *host;
	enum gateway_kind kind;
	uint8_t family;
	uint16_t port;
} good_urls[] = {
	{NULL, "direct:", "", GATEWAY_DIRECT, 0, 0},
	{"", "direct:", "", GATEWAY_DIRECT, 0, 0},
	{"direct:", "direct:", "", GATEWAY_DIRECT, 0, 0},
	{"http://127.0.0.1:3128", "http://127.0.0.1:3128", "127.0.0.1", GATEWAY_HTTP, 4, 3128},
	{"HTTP://Proxy.Example.:8080/", "http://proxy.example:8080", "proxy.example", GATEWAY_HTTP,
	 0, 8080},
	{"http://proxy", "http://proxy:80", "proxy", GATEWAY_HTTP, 0, 80},
	{"http://[2001:DB8::1]:3128", "http://[2001:db8::1]:3128", "2001:db8::1", GATEWAY_HTTP, 6,
	 3128},
	{"http://[::ffff:192.0.2.1]:1", "http://192.0.2.1:1", "192.0.2.1", GATEWAY_HTTP, 4, 1},
};

static void test_url_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good_urls); i++) {
		struct gateway g;
		struct fault f = {0};

		assert_int_equal(gateway_parse(good_urls[i].url, &g, &f), 0);
		assert_string_equal(g.text, good_urls[i].text);
		assert_string_equal(g.host, good_urls[i].host);
		assert_int_equal(g.kind, good_urls[i].kind);
		assert_int_equal(g.addr.family, good_urls[i].family);
		assert_int_equal(g.port, good_urls[i].port);
	}
}

static const struct {
	const char *url, *what; /* what the fault must say */
} bad_urls[] = {
	{"proxy:3128", "unknown scheme"},
	{"ftp://proxy", "unknown scheme"},
	{"direct:x", "nothing may follow"},
	{"http://", "no host"},
	{"http://:3128", "no host"},
	{"http://2001:db8::1:3128", "no "},
	{"http://[2001:db8::1", "no host"},
	{"http://[2001:db8::1]3128", "no port"},
	{"http://[proxy]:1", "no host"},
	{"http://pro_xy!:1", "no host"},
	{"http://proxy:", "no port"},
	{"http://proxy:0", "no port"},
	{"http://proxy:65536", "no port"},
	{"http://proxy:+80", "no port"},
	{"http://proxy:000080", "no port"},
	{"http://proxy:80:80", "no port"},
	{"http://proxy:80/path", "no path"},
	{"http://proxy:80?q", "no path"},
	{"http://proxy:80#f", "no path"},
	{"http://pro xy:80", "blank"},
	{"http://proxy:80\r\nX: y", "blank"},
	{"https://proxy:443", "https gateways are not yet available"},
	{"socks5h://proxy:1080", "socks5h gateways are not yet available"},
	{"unix:/run/gw.sock", "unix gateways are not yet available"},
	{"proxy-v2://proxy:1", "proxy-v2 gateways are not yet available"},
	{"proxy-v2+unix:/run/gw.sock", "not yet available"},
};

static void test_url_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad_urls); i++) {
		struct gateway g;
		struct fault f = {0};

		assert_int_equal(gateway_parse(bad_urls[i].url, &g, &f), -1);
		if (!strstr(f.what, bad_urls[i].what))
			fail_msg("%s: %s", bad_urls[i].url, f.what);
	}
}

static void test_url_keeps_secrets(void **state)
{
	struct gateway g;
	struct fault f = {0};

	(void)state;
	assert_int_equal(gateway_parse("http://user:hunter2@proxy:3128", &g, &f), -1);
	assert_non_null(strstr(f.what, "user information"));
	assert_null(strstr(f.what, "hunter2"));
	assert_null(strstr(f.mend, "hunter2"));
}

static struct connect_request example(void)
{
	return (struct connect_request){
		.host = "api.example.com",
		.port = 443,
		.headers = true,
		.agent_id = "support",
		.run_id = "run_01",
		.action_id = "act_02",
		.requester_type = "user",
		.requester_id = "alice",
		.token = "aaa.bbb-_~+/==",
	};
}

static void test_connect_request(void **state)
{
	struct connect_request r = example();
	char out[CONNECT_REQUEST_MAX + 1];
	size_t n = connect_build(&r, out, sizeof(out) - 1);

	(void)state;
	assert_true(n > 0);
	out[n] = '\0';
	/* The digests are those of sha256sum. */
	assert_string_equal(
		out, "CONNECT api.example.com:443 HTTP/1.1\r\n"
		     "Host: api.example.com:443\r\n"
		     "X-Agent-Id: support\r\n"
		     "X-Agent-Run-Id: run_01\r\n"
		     "X-Agent-Action-Id: act_02\r\n"
		     "X-Agent-Requested-By: user:alice\r\n"
		     "traceparent: 00-8f909d568f74ddeb77c80274b9fc02db-78d99d0d623eaa32-01\r\n"
		     "Proxy-Authorization: Bearer aaa.bbb-_~+/==\r\n"
		     "\r\n");
	/* Exactly fitting, and one byte less. */
	assert_int_equal(connect_build(&r, out, n), n);
	assert_int_equal(connect_build(&r, out, n - 1), 0);
}

static void test_connect_bare(void **state)
{
	struct connect_request r = {.port = 22};
	char out[512];
	size_t n;

	(void)state;
	assert_true(addr_parse("2001:db8::1", &r.addr));
	n = connect_build(&r, out, sizeof(out) - 1);
	out[n] = '\0';
	assert_string_equal(out, "CONNECT [2001:db8::1]:22 HTTP/1.1\r\n"
				 "Host: [2001:db8::1]:22\r\n\r\n");
	assert_true(addr_parse("192.0.2.1", &r.addr));
	n = connect_build(&r, out, sizeof(out) - 1);
	out[n] = '\0';
	assert_string_equal(out, "CONNECT 192.0.2.1:22 HTTP/1.1\r\n"
				 "Host: 192.0.2.1:22\r\n\r\n");
}

static void test_connect_injection(void **state)
{
	struct connect_request r = example();
	char out[CONNECT_REQUEST_MAX + 1];
	size_t n;

	(void)state;
	r.requester_id = "a\r\nX-Agent-Id: root %\xc3\xa9\x7f\x01";
	n = connect_build(&r, out, sizeof(out) - 1);
	assert_true(n > 0);
	out[n] = '\0';
	assert_non_null(strstr(out, "X-Agent-Requested-By: "
				    "user:a%0D%0AX-Agent-Id:%20root%20%25%C3%A9%7F%01\r\n"));
	assert_null(strstr(out, "\nX-Agent-Id: root"));
}

static void test_connect_refuses(void **state)
{
	static const char *const hosts[] = {"",	     "a b",   "a\r\nb",	     "A.example", "a.",
					    "[::1]", "a:443", "caf\xc3\xa9", "a/b"};
	static const char *const tokens[] = {"a b", "a\r\nX: y", "caf\xc3\xa9", "a%20"};
	struct connect_request r;
	char out[CONNECT_REQUEST_MAX], longer[CONNECT_TOKEN_MAX + 2];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		r = example();
		r.host = hosts[i];
		assert_int_equal(connect_build(&r, out, sizeof(out)), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(tokens); i++) {
		r = example();
		r.token = tokens[i];
		assert_int_equal(connect_build(&r, out, sizeof(out)), 0);
	}
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	r = example();
	r.token = longer;
	assert_int_equal(connect_build(&r, out, sizeof(out)), 0);
	r.token = longer + 1;
	assert_int_not_equal(connect_build(&r, out, sizeof(out)), 0);
	longer[CONNECT_VALUE_MAX + 1] = '\0';
	r = example();
	r.requester_id = longer;
	assert_int_equal(connect_build(&r, out, sizeof(out)), 0);
	r.requester_id = longer + 1;
	assert_int_not_equal(connect_build(&r, out, sizeof(out)), 0);
	r = example();
	r.port = 0;
	assert_int_equal(connect_build(&r, out, sizeof(out)), 0);
}

static const struct {
	const char *bytes;
	enum connect_state state;
	int status;
	const char *reason;
	const char *after; /* what must be left in the socket */
} replies[] = {
	{"HTTP/1.1 200 Connection established\r\n\r\n", CONNECT_DONE, 200, "Connection established",
	 ""},
	{"HTTP/1.0 200\r\n\r\nSSH-2.0-x\r\n", CONNECT_DONE, 200, "", "SSH-2.0-x\r\n"},
	{"HTTP/1.1 200 \n\n\r\n", CONNECT_DONE, 200, "", "\r\n"},
	{"HTTP/1.1 100 Continue\r\nA: b\r\n\r\nHTTP/1.1 204 ok\r\n\r\nx", CONNECT_DONE, 204, "ok",
	 "x"},
	{"HTTP/1.1 403 Forbidden\r\nX-Squid-Error: ERR_ACCESS_DENIED 0\r\n"
	 "Content-Length: 2\r\n\r\nno",
	 CONNECT_DONE, 403, "ERR_ACCESS_DENIED 0", "no"},
	{"HTTP/1.1 502 Bad\r\nx-squid-error: A\r\nproxy-status:  gw; error=dns_error\t\r\n"
	 "Proxy-Status: second\r\nX-Squid-Error: B\r\n\r\n",
	 CONNECT_DONE, 502, "gw; error=dns_error", ""},
	{"HTTP/1.1 407 \x1b[31mred\xff\r\n\r\n", CONNECT_DONE, 407, "?[31mred?", ""},
	{"HTTP/1.1 2", CONNECT_MORE, 0, "", ""},
	{"HTTP/1.1 200 ok\r\nA: b\r\n", CONNECT_MORE, 200, "ok", ""},
	{"", CONNECT_MORE, 0, "", ""},
	{"HTTP/2 200\r\n\r\n", CONNECT_GARBAGE, 0, "HTTP/1", NULL},
	{"HTTP/1.2 200\r\n\r\n", CONNECT_GARBAGE, 0, "HTTP/1", NULL},
	{"HTTP/1.1  200\r\n\r\n", CONNECT_GARBAGE, 0, "HTTP/1", NULL},
	{"HTTP/1.1 2000\r\n\r\n", CONNECT_GARBAGE, 0, "HTTP/1", NULL},
	{"HTTP/1.1 20\r\n\r\n", CONNECT_GARBAGE, 0, "HTTP/1", NULL},
	{"HTTP/1.1 099 x\r\n\r\n", CONNECT_GARBAGE, 0, "HTTP/1", NULL},
	{"HTTP/1.1 600 x\r\n\r\n", CONNECT_GARBAGE, 0, "HTTP/1", NULL},
	{"HTTP/1.1 101 x\r\n\r\n", CONNECT_GARBAGE, 0, "switched", NULL},
	{"http/1.1 200 x\r\n\r\n", CONNECT_GARBAGE, 0, "HTTP/1", NULL},
	{"\r\nHTTP/1.1 200 x\r\n\r\n", CONNECT_GARBAGE, 0, "HTTP/1", NULL},
	{"SSH-2.0-OpenSSH", CONNECT_GARBAGE, 0, "HTTP/1", NULL},
	{"HTTP/1.1 200 x\r\nno colon\r\n\r\n", CONNECT_GARBAGE, 0, "malformed", NULL},
	{"HTTP/1.1 200 x\r\nA : b\r\n\r\n", CONNECT_GARBAGE, 0, "malformed", NULL},
	{"HTTP/1.1 200 x\r\n folded\r\n\r\n", CONNECT_GARBAGE, 0, "malformed", NULL},
	{"HTTP/1.1 200 x\rA: b\r\n\r\n", CONNECT_GARBAGE, 0, "bare CR", NULL},
};

/* Feeds bytes in pieces of step, as a socket might give them. */
static size_t feed_all(struct connect_reply *r, const char *bytes, size_t len, size_t step)
{
	size_t used = 0;

	connect_reply_init(r);
	while (used < len && r->state == CONNECT_MORE) {
		size_t n = len - used < step ? len - used : step;
		size_t took = connect_feed(r, bytes + used, n);

		if (r->state == CONNECT_MORE)
			assert_int_equal(took, n);
		used += took;
	}
	return used;
}

static void test_connect_replies(void **state)
{
	static const size_t steps[] = {1, 2, 7, 4096};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(replies); i++) {
		for (size_t s = 0; s < ARRAY_SIZE(steps); s++) {
			struct connect_reply r;
			size_t len = strlen(replies[i].bytes);
			size_t used = feed_all(&r, replies[i].bytes, len, steps[s]);

			assert_int_equal(r.state, replies[i].state);
			assert_int_equal(r.status, replies[i].status);
			if (r.state == CONNECT_GARBAGE) {
				assert_non_null(strstr(r.reason, replies[i].reason));
				continue;
			}
			assert_string_equal(r.reason, replies[i].reason);
			assert_string_equal(replies[i].bytes + used, replies[i].after);
			assert_int_equal(r.header_len, used);
		}
	}
}

static void test_connect_bounds(void **state)
{
	static char big[CONNECT_RESPONSE_MAX * 2];
	static const char head[] = "HTTP/1.1 403 x\r\nProxy-Status: ";
	struct connect_reply r;

	(void)state;
	/* A header longer than what is kept: cut, and the answer is still read. */
	memset(big, 'a', sizeof(big));
	memcpy(big, head, sizeof(head) - 1);
	memcpy(big + 5000, "\r\n\r\nrest", 8);
	assert_int_equal(feed_all(&r, big, sizeof(big), 1000), 5004);
	assert_int_equal(r.state, CONNECT_DONE);
	assert_int_equal(strlen(r.reason), CONNECT_REASON_MAX - 1);

	/* The very last byte allowed, and one more. */
	memset(big, 'a', sizeof(big));
	memcpy(big, head, sizeof(head) - 1);
	memcpy(big + CONNECT_RESPONSE_MAX - 4, "\r\n\r\n", 4);
	assert_int_equal(feed_all(&r, big, sizeof(big), 4096), CONNECT_RESPONSE_MAX);
	assert_int_equal(r.state, CONNECT_DONE);
	memcpy(big + CONNECT_RESPONSE_MAX - 4, "a\r\n\r\n", 5);
	feed_all(&r, big, sizeof(big), 4096);
	assert_int_equal(r.state, CONNECT_GARBAGE);
	assert_non_null(strstr(r.reason, "too long"));

	/* 1xx without end counts too. */
	for (size_t i = 0; i + 25 < sizeof(big); i += 25)
		memcpy(big + i, "HTTP/1.1 100 Continue\r\n\r\n", 25);
	feed_all(&r, big, sizeof(big) - 25, 4096);
	assert_int_equal(r.state, CONNECT_GARBAGE);
}

/* Waits for one answer, at most 15 s. */
static int await(struct resolver *r, struct resolver_answer *a)
{
	struct pollfd p = {.fd = resolver_fd(r), .events = POLLIN};

	assert_int_equal(poll(&p, 1, 15000), 1);
	return resolver_read(r, a);
}

static void test_resolver(void **state)
{
	struct fault f = {0};
	struct resolver *r = resolver_start(&f);
	struct resolver_answer a;
	bool loopback = false;
	char longer[ADDR_NAME_MAX + 3];

	(void)state;
	assert_non_null(r);
	assert_int_equal(resolver_confined(r, &f), 0);
	assert_int_equal(resolver_read(r, &a), 0);

	assert_int_equal(resolver_ask(r, 7, "localhost"), 0);
	assert_int_equal(await(r, &a), 1);
	assert_int_equal(a.id, 7);
	assert_int_equal(a.error, 0);
	assert_in_range(a.n, 1, RESOLVER_ADDRS_MAX);
	for (uint32_t i = 0; i < a.n; i++)
		loopback |= addr_is_loopback(&a.addrs[i]);
	assert_true(loopback);

	assert_int_equal(resolver_ask(r, 8, "no such name"), 0);
	assert_int_equal(await(r, &a), 1);
	assert_int_equal(a.id, 8);
	assert_int_not_equal(a.error, 0);
	assert_int_equal(a.n, 0);

	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	errno = 0;
	assert_int_equal(resolver_ask(r, 9, longer), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(resolver_ask(r, 9, ""), -1);
	resolver_stop(r);
}

/* More at once than there are slots: every accepted question is answered once. */
static void test_resolver_many(void **state)
{
	enum { ASKED = 200 };
	struct fault f = {0};
	struct resolver *r = resolver_start(&f);
	bool seen[ASKED] = {false};
	int waiting = 0;

	(void)state;
	assert_non_null(r);
	assert_int_equal(resolver_confined(r, &f), 0);
	for (uint32_t i = 0; i < ASKED; i++) {
		if (resolver_ask(r, i, "127.0.0.1") == 0)
			waiting++;
		else
			assert_int_equal(errno, EAGAIN);
	}
	assert_true(waiting > 0);
	while (waiting > 0) {
		struct resolver_answer a;

		assert_int_equal(await(r, &a), 1);
		assert_true(a.id < ASKED && !seen[a.id]);
		seen[a.id] = true;
		assert_int_equal(a.n, 1);
		waiting--;
	}
	resolver_stop(r);
}

static size_t read_proc(int pid, const char *file, char *out, size_t size)
{
	char path[64];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(out, 1, size - 1, f);
	out[n] = '\0';
	fclose(f);
	return n;
}

/* What the broker must have given up, as the kernel sees it. */
static void test_resolver_confined(void **state)
{
	struct fault f = {0};
	struct resolver *r;
	char text[8192];
	size_t n;

	(void)state;
	r = resolver_start(&f);
	assert_non_null(r);
	assert_int_equal(resolver_confined(r, &f), 0);
	read_proc(resolver_pid(r), "status", text, sizeof(text));
	assert_non_null(strstr(text, "NoNewPrivs:\t1"));
	assert_non_null(strstr(text, "CapEff:\t0000000000000000"));
	assert_non_null(strstr(text, "CapPrm:\t0000000000000000"));
	if (geteuid() == 0) { /* not dumpable: only root may look */
		char path[64];
		struct stat st;

		/* The control: what was there before the fork is there in us. */
		n = read_proc(getpid(), "environ", text, sizeof(text));
		assert_true(n > 0 && text[0] != '\0');
		n = read_proc(resolver_pid(r), "environ", text, sizeof(text));
		for (size_t i = 0; i < n; i++)
			assert_int_equal(text[i], '\0');
		snprintf(path, sizeof(path), "/proc/%d/fd/4", resolver_pid(r));
		assert_int_equal(lstat(path, &st), -1);
		snprintf(path, sizeof(path), "/proc/%d/fd/3", resolver_pid(r));
		assert_int_equal(lstat(path, &st), 0);
	}
	resolver_stop(r);
}

/* A broker that dies is told, and asked no more. */
static void test_resolver_dead(void **state)
{
	struct fault f = {0};
	struct resolver *r = resolver_start(&f);
	struct resolver_answer a;

	(void)state;
	assert_non_null(r);
	assert_int_equal(resolver_confined(r, &f), 0);
	assert_int_equal(kill(resolver_pid(r), SIGTERM), 0); /* ignored: the control */
	assert_int_equal(resolver_ask(r, 1, "127.0.0.1"), 0);
	assert_int_equal(await(r, &a), 1);
	assert_int_equal(kill(resolver_pid(r), SIGKILL), 0);
	assert_int_equal(await(r, &a), -1);
	errno = 0;
	assert_int_equal(resolver_ask(r, 2, "127.0.0.1"), -1);
	assert_int_equal(errno, EPIPE);
	resolver_stop(r);
	resolver_stop(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_url_good),	  cmocka_unit_test(test_url_bad),
		cmocka_unit_test(test_url_keeps_secrets), cmocka_unit_test(test_connect_request),
		cmocka_unit_test(test_connect_bare),	  cmocka_unit_test(test_connect_injection),
		cmocka_unit_test(test_connect_refuses),	  cmocka_unit_test(test_connect_replies),
		cmocka_unit_test(test_connect_bounds),	  cmocka_unit_test(test_resolver),
		cmocka_unit_test(test_resolver_many),	  cmocka_unit_test(test_resolver_confined),
		cmocka_unit_test(test_resolver_dead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
