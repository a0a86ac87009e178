/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One fuzzer for each parser of what strangers wrote, and what must hold of it whatever
 * that was.  tests/fuzz/run builds and runs them.
 *
 *	WARDER_FUZZ=TARGET ./fuzz [LIBFUZZER-OPTION...] corpus
 *
 * runs in a directory of its own, into whose corpus/ the target's seeds are put.  Without
 * WARDER_FUZZ the targets' names are printed.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/units.h"
#include "gateway/connect.h"
#include "gateway/url.h"
#include "inventory/agent.h"
#include "policy/glob.h"
#include "policy/judge.h"
#include "record/chain.h"
#include "record/journal.h"
#include "record/ledger.h"
#include "record/redact.h"
#include "record/verify.h"
#include "supervisor/dns.h"
#include "supervisor/icmp.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x)                                                                         \
	do {                                                                            \
		if (!(x)) {                                                             \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #x); \
			abort();                                                        \
		}                                                                       \
	} while (0)

enum { FILE_MAX = 1 << 20, PARTS_MAX = 24, GUARD = 0x5a };

/* --- what they share ---------------------------------------------------------------------------
 */

static void put(const char *path, const void *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	MUST(fd >= 0 && fd_write_all(fd, bytes, len) == 0);
	close(fd);
}

static char *get(const char *path, size_t *len)
{
	char *text = fd_slurp(path, FILE_MAX, len);

	MUST(text != NULL);
	return text;
}

/* The input as strings: what stands between its NULs. */
struct parts {
	char *copy;
	char *v[PARTS_MAX + 1];
	size_t n;
};

static struct parts split(const uint8_t *data, size_t size)
{
	struct parts p = {.copy = mem_alloc(size + 1)};

	memcpy(p.copy, data, size);
	for (size_t at = 0; at < size && p.n < PARTS_MAX; at += strlen(p.copy + at) + 1)
		p.v[p.n++] = p.copy + at;
	return p;
}

static char *part(const struct parts *p, size_t i)
{
	return i < p->n ? p->v[i] : NULL;
}

/* --- profiles and agents -----------------------------------------------------------------------
 */

static char *look(const char *path, void *arg)
{
	(void)arg;
	return strchr(path, 'n') ? NULL : mem_strdup(path);
}

static void judge(struct profile *p)
{
	char *argv[] = {"busybox", "su", NULL};
	struct destination d = {.name = "api.example.com", .port = 443};

	judge_resolve_exec_rules(p, "/bin:/usr/bin", look, NULL);
	judge_egress(p, &d);
	judge_resolve(p, d.name);
	addr_parse("64:ff9b::169.254.169.254", &d.addr);
	MUST(judge_resolved(p, d.name, &d.addr, 80).decision == DECISION_DENY);
	d.name = NULL;
	MUST(judge_egress(p, &d).decision == DECISION_DENY);
	addr_parse("127.0.0.1", &d.addr);
	judge_is_host_loopback(p, &d.addr, 80);
	MUST(judge_exec(p, "/bin/busybox", argv, 2).reason != NULL);
	judge_unix(p, "/run/a.sock");
	judge_listen(p, 80);
	judge_tool(p, "stripe.refund", NULL);
}

/* What loads is shown as a profile that is the same when it is loaded again. */
static void fuzz_profile(const uint8_t *data, size_t size)
{
	const struct profile_context ctx = {.workspace = "/work", .home = "/home/a"};
	struct fault f = {0};
	struct profile *p, *again;

	put("p.json", data, size);
	p = profile_load("./p.json", &ctx, &f);
	if (p == NULL) {
		MUST(f.what[0] != '\0');
		return;
	}
	autofree char *shown = profile_show(p, false);
	put("again.json", shown, strlen(shown));
	again = profile_load("./again.json", &ctx, &f);
	if (again == NULL)
		fprintf(stderr, "%s\n", f.what);
	MUST(again != NULL);
	autofree char *shown_again = profile_show(again, false);
	MUST(strcmp(shown, shown_again) == 0);
	judge(p);
	profile_free(p);
	profile_free(again);
	unlink("again.json");
}

static void fuzz_agent(const uint8_t *data, size_t size)
{
	struct fault f = {0};
	struct agent *a, *again;

	put("agents.d/x.json", data, size);
	a = agent_load(".", "x", &f);
	if (a == NULL) {
		MUST(f.what[0] != '\0');
		return;
	}
	MUST(agent_check(a, &f) == 0);
	agent_may_start(a, "user:alice", &f);
	autofree char *json = agent_json(a, true);
	put("agents.d/x.json", json, strlen(json));
	again = agent_load(".", "x", &f);
	MUST(again != NULL);
	autofree char *json_again = agent_json(again, true);
	MUST(strcmp(json, json_again) == 0);
	agent_free(a);
	agent_free(again);
}

/* --- names, addresses, patterns, units ------------------------------------------------------- */

static void fuzz_name(const uint8_t *data, size_t size)
{
	char out[ADDR_NAME_MAX + 1], again[ADDR_NAME_MAX + 1], text[INET6_ADDRSTRLEN];
	struct parts p = split(data, size);
	const char *s = p.n ? p.v[0] : "";
	struct gateway g, g2;
	struct addr a, b;
	struct fault f;
	struct cidr c;
	uint64_t n;
	int64_t ms;

	if (addr_canon_name((const char *)data, size, out)) {
		MUST(addr_canon_name(out, strlen(out), again) && strcmp(out, again) == 0);
		MUST(strspn(out, "abcdefghijklmnopqrstuvwxyz0123456789_-.") == strlen(out));
		MUST(!addr_parse(out, &a) || addr_name_is_numeric(out));
	}
	if (addr_parse(s, &a)) {
		addr_text(&a, text);
		MUST(addr_parse(text, &b) && addr_equal(&a, &b));
		MUST(!addr_is_metadata(&a) || addr_is_private(&a));
		MUST(!addr_is_loopback(&a) || addr_is_private(&a));
		MUST(cidr_parse(s, &c) && cidr_has(&c, &a));
	}
	if (cidr_parse(s, &c))
		MUST(cidr_has(&c, &c.base));
	if (gateway_parse(s, &g, &f) == 0)
		MUST(gateway_parse(g.text, &g2, &f) == 0 && strcmp(g.text, g2.text) == 0);
	MUST(!units_duration(s, &ms) || ms > 0);
	MUST(!units_size(s, &n) || (int64_t)n > 0);
	free(p.copy);
}

/* '*', '?' and the rest by the book, quadratic in time and space. */
static bool matches(const char *p, size_t np, const char *t, size_t nt, char stop)
{
	autofree bool *m = mem_alloc((np + 1) * (nt + 1));
#define M(i, k) m[(i) * (nt + 1) + (k)]

	for (size_t i = 0; i <= np; i++) {
		for (size_t k = 0; k <= nt; k++) {
			bool stops = k > 0 && stop && t[k - 1] == stop;

			if (i == 0)
				M(i, k) = k == 0;
			else if (p[i - 1] == '*')
				M(i, k) = M(i - 1, k) || (k > 0 && !stops && M(i, k - 1));
			else
				M(i, k) = k > 0 && M(i - 1, k - 1) &&
					  (p[i - 1] == '?' ? !stops : p[i - 1] == t[k - 1]);
		}
	}
	return M(np, nt);
}

static bool path_matches(const char *p, const char *t)
{
	size_t np = strlen(p), nt = strlen(t);

	if (np < 2 || strcmp(p + np - 2, "**") != 0 || (np > 2 && p[np - 3] != '/'))
		return matches(p, np, t, nt, '/');
	for (size_t at = 0; at < nt; at++)
		if (matches(p, np - 2, t, at, '/'))
			return true;
	return false;
}

static void fuzz_glob(const uint8_t *data, size_t size)
{
	struct parts p = split(data, size < 200 ? size : 200);

	if (p.n >= 2) {
		MUST(glob_text(p.v[0], p.v[1]) ==
		     matches(p.v[0], strlen(p.v[0]), p.v[1], strlen(p.v[1]), '\0'));
		MUST(glob_path(p.v[0], p.v[1]) == path_matches(p.v[0], p.v[1]));
		glob_argv(p.v, p.n / 2, p.v + p.n / 2, p.n - p.n / 2);
	}
	free(p.copy);
}

/* --- records --------------------------------------------------------------------------------- */

/* A program of one byte an operation; whatever it does, in whatever room, JSON comes of it. */
static void fuzz_json(const uint8_t *data, size_t size)
{
	char buf[3 + 2 * 255 + 1], open[16];
	size_t room = size ? 3 + data[0] * 2 : 3, depth = 0;
	struct json j;
	json_t *o;

	memset(buf, GUARD, sizeof(buf));
	MUST(room < sizeof(buf));
	json_init(&j, buf, room);
	open[depth++] = '{';
	json_open(&j, NULL, '{');
	for (size_t i = 1; i < size; i++) {
		const char *rest = (const char *)data + i;
		size_t len = size - i < 20 ? size - i : 20;
		bool in_object = open[depth - 1] == '{';
		char key[8] = "";

		snprintf(key, sizeof(key), "k%zu", i);
		switch (data[i] % 8) {
		case 0:
		case 1:
			if (depth == sizeof(open))
				break;
			open[depth] = data[i] % 8 ? '{' : '[';
			json_open(&j, in_object ? key : NULL, open[depth++]);
			break;
		case 2:
			if (depth > 1)
				json_close(&j, open[--depth] == '{' ? '}' : ']');
			break;
		case 3:
			json_int(&j, in_object ? key : NULL, (int64_t)i * -99);
			break;
		case 4:
			json_raw(&j, in_object ? key : NULL, "{\"raw\":[1]}");
			break;
		default:
			json_strn(&j, in_object ? key : NULL, rest, len);
			i += len - 1;
		}
	}
	while (depth > 0)
		json_close(&j, open[--depth] == '{' ? '}' : ']');
	MUST(j.len < room && buf[j.len] == '\0' && buf[room] == GUARD);
	o = json_loadb(buf, j.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	MUST(json_is_object(o));
	json_decref(o);
}

static void fuzz_record(const uint8_t *data, size_t size)
{
	static char line[RECORD_LINE_MAX];
	struct parts p = split(data, size);
	struct record_identity who = {.run_id = "run_x",
				      .agent_id = part(&p, 0),
				      .owner = part(&p, 1),
				      .requester_type = "user",
				      .requester_id = part(&p, 2)};
	struct action a = {.tool = part(&p, 3),
			   .resource = part(&p, 4),
			   .reason = part(&p, 5),
			   .detail = part(&p, 6),
			   .action_id = "act_x",
			   .attempt = 1};
	const struct timespec now = {0};
	json_t *o;
	size_t len;

	if (p.n > 7)
		a.process = (struct record_process){1, 2, p.v[5], p.v + 7, p.n - 7};
	len = record_format(&who, &a, 1, CHAIN_FIRST, &now, line, sizeof(line));
	MUST(len < sizeof(line) && memchr(line, '\n', len) == NULL);
	o = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	MUST(json_is_object(o) && json_object_get(o, "tier") != NULL);
	json_decref(o);
	free(p.copy);
}

/* What has been hidden stays so, and is not found again. */
static void fuzz_redact(const uint8_t *data, size_t size)
{
	size_t room = size * 8 + 8, bound = size ? data[0] + 1 : 1;
	autofree char *out = mem_alloc(room);
	autofree char *again = mem_alloc(room * 8);
	char cut[257 + 1];
	bool announced = false;

	redact_text((const char *)data, size, out, room);
	if (memchr(data, 0, size) == NULL && redact_text(out, strlen(out), again, room * 8))
		MUST(strstr(out, REDACTED) != NULL);
	redact_arg((const char *)data, size, &announced, out, room);
	memset(cut, GUARD, sizeof(cut));
	redact_text((const char *)data, size, cut, bound);
	MUST(cut[bound] == GUARD && memchr(cut, '\0', bound) != NULL);
}

static void ignore(const char *path, const struct verify_report *r, void *arg)
{
	(void)arg;
	MUST(path != NULL && (r->state == VERIFY_OK || r->what[0] || r->state == VERIFY_RUNNING));
}

static void fuzz_verify(const uint8_t *data, size_t size)
{
	struct verify_report r;

	put("journal/run_x.jsonl", data, size);
	verify_file("journal/run_x.jsonl", &r);
	MUST(r.state != VERIFY_RUNNING && r.state != VERIFY_ERROR);
	MUST((r.state == VERIFY_BROKEN) == (r.line > 0) && r.records <= size);
	put("ledger.jsonl", data, size);
	verify_all(".", ignore, NULL);
	unlink("ledger.jsonl");
}

/* Behind whatever it finds, the ledger goes on as a chain, or not at all. */
static void fuzz_ledger(const uint8_t *data, size_t size)
{
	const struct record_identity who = {.run_id = "run_x", .agent_id = "x"};
	struct action a = {.phase = PHASE_LIFECYCLE, .tool = "run"};
	struct verify_report before, after;
	struct fault f;
	size_t len;

	put("ledger.jsonl", data, size);
	verify_file("ledger.jsonl", &before);
	if (ledger_append(".", &who, &a, &f) == 0) {
		autofree char *text = get("ledger.jsonl", &len);

		MUST(len > size && memcmp(text, data, size) == 0);
		verify_file("ledger.jsonl", &after);
		if (before.state != VERIFY_BROKEN)
			MUST(after.state != VERIFY_BROKEN && after.records == before.records + 1);
	} else {
		MUST(size > RECORD_LINE_MAX);
	}
	unlink("ledger.jsonl");
}

/* --- the network ------------------------------------------------------------------------------ */

static enum dns_rcode answer_name(struct dns_question *q, void *arg)
{
	static const uint8_t codes[] = {DNS_NOERROR, DNS_NXDOMAIN, DNS_REFUSED, DNS_SERVFAIL};
	char again[ADDR_NAME_MAX + 1];

	(void)arg;
	if (q->type == DNS_TYPE_PTR) {
		MUST(q->addr.family == 4);
		memset(q->target, 'a', 60);
		q->target[60] = '\0';
	} else {
		MUST(q->type == DNS_TYPE_A && !addr_name_is_numeric(q->name));
		MUST(addr_canon_name(q->name, strlen(q->name), again) && !strcmp(q->name, again));
		q->addr = (struct addr){.family = 4, .bytes = {198, 18, 0, 16}};
	}
	return codes[strlen(q->name) % sizeof(codes)];
}

static void fuzz_dns(const uint8_t *data, size_t size)
{
	uint8_t out[DNS_ANSWER_MAX + 1];
	struct dns_question q;

	for (int tcp = 0; tcp < 2; tcp++) {
		size_t n, head = tcp ? 2 : 0;

		memset(out, GUARD, sizeof(out));
		n = dns_answer(data, size, out, DNS_ANSWER_MAX, tcp, &q, answer_name, NULL);
		MUST(n <= DNS_ANSWER_MAX && out[DNS_ANSWER_MAX] == GUARD);
		if (n == 0)
			continue;
		MUST(n >= head + 12 && memcmp(out + head, data, 2) == 0 && out[head + 2] & 0x80);
		MUST(!tcp || (size_t)(out[0] << 8 | out[1]) == n - 2);
		/* An answer is never answered. */
		MUST(dns_answer(out + head, n - head, out, DNS_ANSWER_MAX, tcp, &q, answer_name,
				NULL) == 0);
	}
}

static void fuzz_icmp(const uint8_t *data, size_t size)
{
	uint8_t out[ICMP_REPLY_MAX + 1], more[ICMP_REPLY_MAX];
	struct icmp_packet p, r;
	size_t n;

	if (!icmp_parse(data, size, &p))
		return;
	icmp_is_housekeeping(&p);
	memset(out, GUARD, sizeof(out));
	n = icmp_refuse(&p, out, ICMP_REPLY_MAX);
	MUST(n <= ICMP_REPLY_MAX && out[ICMP_REPLY_MAX] == GUARD);
	if (n > 0) {
		MUST(icmp_parse(out, n, &r) && addr_equal(&r.dst, &p.src));
		MUST(icmp_refuse(&r, more, sizeof(more)) == 0);
	}
	if (p.payload == NULL)
		return;
	n = icmp_udp_reply(&p, p.payload, p.payload_len, out, ICMP_REPLY_MAX);
	MUST(n <= ICMP_REPLY_MAX && out[ICMP_REPLY_MAX] == GUARD);
	if (n > 0)
		MUST(icmp_parse(out, n, &r) && r.payload_len == p.payload_len &&
		     r.dport == p.sport);
}

/* Fed in pieces or at once, it is the same answer, and takes the same bytes. */
static void fuzz_connect(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data + 1;
	size_t step = size ? data[0] % 16 + 1 : 1, used = 0, n = 1;
	struct connect_reply whole, pieces;

	if (size == 0)
		return;
	size--;
	connect_reply_init(&whole);
	connect_reply_init(&pieces);
	MUST(connect_feed(&whole, bytes, size) == whole.header_len);
	while (used < size && pieces.state == CONNECT_MORE && n > 0) {
		n = size - used < step ? size - used : step;
		n = connect_feed(&pieces, bytes + used, n);
		used += n;
	}
	MUST(whole.state == pieces.state && whole.status == pieces.status);
	MUST(whole.header_len == pieces.header_len && used == whole.header_len);
	MUST(strcmp(whole.reason, pieces.reason) == 0);
	MUST(whole.state != CONNECT_DONE || (whole.status >= 200 && whole.status < 600));
}

/* --- the table ---------------------------------------------------------------------------------
 */

#define SEED(text)                     \
	{                              \
		text, sizeof(text) - 1 \
	}
#define V4 "\x45\0\0\x21\0\1\0\0\x40\x11\0\0\x0a\0\0\1\xc0\0\2\1"

static const struct target {
	const char *name;
	void (*run)(const uint8_t *data, size_t size);
	struct seed {
		const char *bytes;
		size_t len;
	} seeds[4];
} targets[] = {
	{"profile",
	 fuzz_profile,
	 {SEED("{\"egress\":{\"default\":\"deny\",\"rules\":[{\"host\":\"*.a.b\","
	       "\"port\":[1,2],\"decision\":\"allow\"},{\"cidr\":\"::1/9\","
	       "\"decision\":\"ask\"}]},\"tripwire\":null,\"limits\":{\"cpu\":\"9%\"}}"),
	  SEED("{\"filesystem\":\"inherit\",\"require\":\"kernel\"}")}},
	{"agent",
	 fuzz_agent,
	 {SEED("{\"agent_id\":\"x\",\"owner\":\"o\",\"environment\":\"e\","
	       "\"profile\":\"p\",\"requesters\":[\"user:*\"],\"state\":\"draft\","
	       "\"review_by\":\"2028-02-29\"}")}},
	{"name",
	 fuzz_name,
	 {SEED("Example.COM."), SEED("64:ff9b::10.0.0.1/96"), SEED("http://a:1/"), SEED("512M")}},
	{"glob", fuzz_glob, {SEED("/a*/?b/**\0/aa/xb/c/d"), SEED("*a*b*\0aabb")}},
	{"json", fuzz_json, {SEED("\x20\0\5abc\1\3\2\2\4")}},
	{"record",
	 fuzz_record,
	 {SEED("a\0o\0r\0t\0res\0why\0{\"a\":[\"--key\",\"b\"]}\0x\0--token\0y")}},
	{"redact",
	 fuzz_redact,
	 {SEED("curl -H 'Authorization: Bearer x' https://u:p@h/?key=v"),
	  SEED("{\"password\": \"a\\\"b\"} ghp_aaaaaaaaaaaaaaaaaaaa"),
	  SEED("eyJhbGciOiJI.eyJzdWIi xoxb-12345678 --token x")}},
	{"verify", fuzz_verify, {{NULL, 0}}},
	{"ledger", fuzz_ledger, {{NULL, 0}}},
	{"dns",
	 fuzz_dns,
	 {SEED("\0\1\1\0\0\1\0\0\0\0\0\0\3www\7example\3com\0\0\1\0\1"),
	  SEED("\0\1\1\0\0\1\0\0\0\0\0\1\1a\0\0\x1c\0\1\0\0\x29\4\xd0\0\0\0\0\0\0"),
	  SEED("\0\1\1\0\0\1\0\0\0\0\0\0\2"
	       "16\1"
	       "0\2"
	       "18\3"
	       "198\7in-addr\4arpa\0\0\x0c\0\1")}},
	{"icmp",
	 fuzz_icmp,
	 {SEED(V4 "\0\x35\0\x35\0\x0d\0\0hello"),
	  SEED("\x60\0\0\0\0\x14\6\x40\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\x20\1\xd\xb8"
	       "\0\0\0\0\0\0\0\0\0\0\0\1\0\1\0\2\0\0\0\0\0\0\0\0\x50\2\0\0\0\0\0\0")}},
	{"connect",
	 fuzz_connect,
	 {SEED("\3HTTP/1.1 100 x\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n\r\nrest"),
	  SEED("\7HTTP/1.0 403 No\nProxy-Status: x; error=y\n\n")}},
};

static const struct target *target;

/* Files as they are written: journals and ledgers are too long to be typed. */
static void seed_files(void)
{
	static const char end[] = "{\"event\":\"run.end\",\"head\":\"" CHAIN_FIRST "\"}";
	const struct record_identity who = {.run_id = "run_x", .agent_id = "x", .owner = "o"};
	struct action a = {
		.phase = PHASE_LIFECYCLE, .tool = "run", .detail = "{\"event\":\"run.start\"}"};
	struct fault f;
	struct journal *j = journal_create(".", &who, SYNC_NONE, &f);

	MUST(j != NULL);
	for (int i = 0; i < 3; i++) {
		a.detail = i == 2 ? end : a.detail;
		MUST(journal_append(j, &a) == 0 && ledger_append(".", &who, &a, &f) == 0);
	}
	journal_close(j);
	MUST(rename("journal/run_x.jsonl", "corpus/seed-journal") == 0);
	MUST(rename("ledger.jsonl", "corpus/seed-ledger") == 0);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *name = getenv("WARDER_FUZZ");

	(void)argc, (void)argv;
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		if (name == NULL)
			puts(targets[i].name);
		else if (strcmp(name, targets[i].name) == 0)
			target = &targets[i];
	}
	if (target == NULL)
		exit(name != NULL);
	mkdir("corpus", 0700);
	mkdir("agents.d", 0700);
	seed_files();
	for (size_t i = 0; i < ARRAY_SIZE(target->seeds) && target->seeds[i].bytes; i++) {
		autofree char *path = mem_printf("corpus/seed-%zu", i);

		put(path, target->seeds[i].bytes, target->seeds[i].len);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	target->run(data, size);
	return 0;
}
