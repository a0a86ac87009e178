/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts as rows: a profile in JSON, an attempt, and what is said of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "policy/judge.h"

static struct profile *profile;

/* The rules of one section and a default, in single quotes for double ones. */
static struct profile *make(const char *json)
{
	char path[] = "/tmp/warder-judge.XXXXXX";
	const struct profile_context ctx = {.workspace = "/work", .home = "/home/a"};
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");
	struct fault f = {0};
	struct profile *p;

	assert_non_null(file);
	for (const char *c = json; *c; c++)
		fputc(*c == '\'' ? '"' : *c, file);
	fclose(file);
	p = profile_load(path, &ctx, &f);
	unlink(path);
	if (p == NULL)
		fail_msg("%s", f.what);
	return p;
}

static int teardown(void **state)
{
	(void)state;
	profile_free(profile);
	profile = NULL;
	return 0;
}

#define RULES(section, fallback, rules)                                                            \
	"{'" section "':{'default':'" fallback "','rules':[" rules "]}}"

static void check(const struct verdict *v, const char *decision, const char *rule)
{
	assert_string_equal(decision_name(v->decision), decision);
	assert_string_equal(v->rule, rule);
	assert_non_null(v->reason);
}

static const char egress_rules[] = RULES("egress", "deny",
	"{'host':'api.github.com','port':443,'decision':'allow'},"               /* 0 */
	"{'host':'bad.example.org','decision':'deny','reason':'it is bad'},"      /* 1 */
	"{'host':'*.Example.ORG.','port':[80,443],'decision':'allow'},"           /* 2 */
	"{'cidr':'192.0.2.128/25','decision':'deny'},"                            /* 3 */
	"{'cidr':'192.0.2.0/24','port':443,'decision':'ask'},"                    /* 4 */
	"{'host':'203.0.113.7','decision':'observe'},"                            /* 5 */
	"{'cidr':'10.1.0.0/16','decision':'allow'},"                              /* 6 */
	"{'cidr':'0.0.0.0/0','port':9,'decision':'allow'},"                       /* 7 */
	"{'host':'half.example.net','port':22,'decision':'deny'},"                /* 8 */
	"{'host':'half.example.net','port':[22,23],'decision':'ask'},"            /* 9 */
	"{'host':'none.example.net','port':[22,23],'decision':'deny'},"           /* 10 */
	"{'host':'none.example.net','port':22,'decision':'allow'},"               /* 11 */
	"{'cidr':'10.2.0.0/16','decision':'ask'},"                                /* 12 */
	"{'host':'metadata.example','decision':'allow'},"                         /* 13 */
	"{'cidr':'2001:db8::/32','decision':'allow'},"                            /* 14 */
	"{'cidr':'169.254.0.0/16','decision':'allow'}");                          /* 15 */

static const struct {
	const char *name, *addr;
	uint16_t port;
	const char *decision, *rule;
} egress[] = {
	{"api.github.com", NULL, 443, "allow", "egress[0]"},
	{"api.github.com", NULL, 80, "deny", "egress.default"},
	{"xapi.github.com", NULL, 443, "deny", "egress.default"},
	{"a.api.github.com", NULL, 443, "deny", "egress.default"},
	{"bad.example.org", NULL, 443, "deny", "egress[1]"},
	{"a.example.org", NULL, 443, "allow", "egress[2]"},
	{"a.b.example.org", NULL, 80, "allow", "egress[2]"},
	{"example.org", NULL, 443, "deny", "egress.default"},
	{"badexample.org", NULL, 443, "deny", "egress.default"},
	{".example.org", NULL, 443, "deny", "egress.default"},
	{NULL, "192.0.2.200", 443, "deny", "egress[3]"},
	{NULL, "192.0.2.1", 443, "ask", "egress[4]"},
	{NULL, "192.0.2.1", 444, "deny", "egress.default"},
	{NULL, "64:ff9b::192.0.2.200", 443, "deny", "egress[3]"},
	{NULL, "64:ff9b::192.0.2.1", 443, "deny", "egress.default"},
	{NULL, "203.0.113.7", 1, "observe", "egress[5]"},
	{"203.0.113.7", NULL, 1, "observe", "egress[5]"}, /* a name that is an address */
	{NULL, "10.1.2.3", 1, "allow", "egress[6]"},
	{NULL, "8.8.8.8", 9, "allow", "egress[7]"},
	{NULL, "127.0.0.1", 9, "deny", "egress.default"}, /* 0.0.0.0/0 does not name it */
	{NULL, "2001:db8::1", 9, "allow", "egress[14]"},
	{NULL, "169.254.169.253", 80, "allow", "egress[15]"},
	{NULL, "169.254.169.254", 80, "deny", "metadata"},
	{NULL, "169.254.170.2", 9, "deny", "metadata"},
	{NULL, "fd00:ec2::254", 80, "deny", "metadata"},
	{NULL, "64:ff9b::a9fe:a9fe", 80, "deny", "metadata"},
	{NULL, "::ffff:169.254.169.254", 80, "deny", "metadata"},
	{"169.254.169.254", NULL, 80, "deny", "metadata"},
	{"2852039166", NULL, 80, "deny", "name"}, /* addresses to some resolvers */
	{"0xa9fea9fe", NULL, 80, "deny", "name"},
	{"169.254.43518", NULL, 80, "deny", "name"},
};

static void test_egress(void **state)
{
	(void)state;
	profile = make(egress_rules);
	for (size_t i = 0; i < ARRAY_SIZE(egress); i++) {
		struct destination d = {.name = egress[i].name, .port = egress[i].port};
		struct verdict v;

		if (egress[i].addr)
			assert_true(addr_parse(egress[i].addr, &d.addr));
		print_message("# row %zu\n", i);
		v = judge_egress(profile, &d);
		check(&v, egress[i].decision, egress[i].rule);
		if (strcmp(v.rule, "egress[1]") == 0)
			assert_string_equal(v.reason, "it is bad");
		if (strcmp(v.rule, "egress.default") == 0)
			assert_string_equal(v.reason, "no rule allows it");
	}
}

static const struct {
	const char *name, *decision, *rule;
} resolves[] = {
	{"api.github.com", "allow", "egress[0]"},
	{"bad.example.org", "deny", "egress[1]"},
	{"x.example.org", "allow", "egress[2]"},
	{"half.example.net", "allow", "egress[9]"},
	{"none.example.net", "deny", "egress.default"},
	{"other.example.net", "deny", "egress.default"},
	{"2852039166", "deny", "name"},
	{"203.0.113.7", "deny", "name"},
};

/* Where any name goes, an address that is written as one does not. */
static void test_any_host(void **state)
{
	struct destination d = {.name = "0x7f.1", .port = 80};
	struct verdict v;

	(void)state;
	profile = make(RULES("egress", "allow", "{'host':'*','decision':'allow'}"));
	v = judge_egress(profile, &d);
	check(&v, "deny", "name");
	v = judge_resolve(profile, d.name);
	check(&v, "deny", "name");
	d.name = "0x7f.example";
	v = judge_egress(profile, &d);
	check(&v, "allow", "egress[0]");
	v = judge_resolve(profile, d.name);
	check(&v, "allow", "egress[0]");
}

static void test_resolve(void **state)
{
	(void)state;
	profile = make(egress_rules);
	for (size_t i = 0; i < ARRAY_SIZE(resolves); i++) {
		struct verdict v = judge_resolve(profile, resolves[i].name);

		print_message("# %s\n", resolves[i].name);
		check(&v, resolves[i].decision, resolves[i].rule);
	}
}

static const struct {
	const char *name, *addr;
	uint16_t port;
	const char *decision, *rule;
} resolved[] = {
	{"api.github.com", "8.8.8.8", 443, "allow", "egress[0]"},
	{"api.github.com", "10.9.0.1", 443, "deny", "private"},
	{"api.github.com", "127.0.0.1", 443, "deny", "private"},
	{"api.github.com", "::1", 443, "deny", "private"},
	{"api.github.com", "127.0.0.1", 9, "deny", "private"}, /* 0.0.0.0/0 does not name it */
	{"api.github.com", "192.168.0.1", 9, "allow", "egress[7]"},
	{"api.github.com", "64:ff9b::10.9.0.1", 443, "deny", "private"},
	{"api.github.com", "10.1.0.1", 443, "allow", "egress[6]"},
	{"api.github.com", "10.2.0.1", 443, "deny", "egress[12]"},
	{"api.github.com", "169.254.1.1", 443, "allow", "egress[15]"},
	{"metadata.example", "169.254.169.254", 80, "deny", "metadata"},
	{"metadata.example", "192.0.2.200", 80, "deny", "egress[3]"},
	{"api.github.com", "192.0.2.200", 443, "allow", "egress[0]"}, /* first match */
	{"half.example.net", "8.8.8.8", 23, "allow", "egress[9]"},
};

static void test_resolved(void **state)
{
	(void)state;
	profile = make(egress_rules);
	for (size_t i = 0; i < ARRAY_SIZE(resolved); i++) {
		struct verdict v;
		struct addr a;

		print_message("# row %zu\n", i);
		assert_true(addr_parse(resolved[i].addr, &a));
		v = judge_resolved(profile, resolved[i].name, &a, resolved[i].port);
		check(&v, resolved[i].decision, resolved[i].rule);
	}
}

static const struct {
	const char *addr;
	uint16_t port;
	bool host;
} loopbacks[] = {
	{"127.0.0.1", 5432, true},
	{"127.0.0.1", 5433, false},
	{"127.0.0.2", 5432, false},
	{"127.0.0.1", 22, false},
	{"127.0.0.9", 80, false}, /* 0.0.0.0/0 does not name it */
	{"127.0.0.1", 8080, true},
	{"::1", 6379, true},
	{"::1", 6380, false},
	{"127.0.0.3", 1, false}, /* nor does any port */
	{"192.0.2.1", 80, false},
};

static void test_loopback(void **state)
{
	(void)state;
	profile = make(RULES("egress", "allow",
		"{'cidr':'127.0.0.0/8','port':22,'decision':'deny'},"
		"{'cidr':'0.0.0.0/0','port':[22,80],'decision':'allow'},"
		"{'host':'127.0.0.1','port':[22,5432],'decision':'allow'},"
		"{'cidr':'127.0.0.1/32','port':8080,'decision':'ask'},"
		"{'host':'::1','port':6379,'decision':'allow'},"
		"{'host':'127.0.0.3','decision':'allow'}"));
	for (size_t i = 0; i < ARRAY_SIZE(loopbacks); i++) {
		struct addr a;

		print_message("# row %zu\n", i);
		assert_true(addr_parse(loopbacks[i].addr, &a));
		assert_int_equal(judge_is_host_loopback(profile, &a, loopbacks[i].port),
				 loopbacks[i].host);
	}
}

/* However wide the rules are, the host's loopback is what one of them names; NULL: by address. */
static const struct {
	const char *name, *addr;
	uint16_t port;
	const char *decision, *rule;
} wide[] = {
	{"a.example", "127.0.0.1", 80, "allow", "egress[3]"},
	{"a.example", "127.0.0.1", 81, "deny", "private"},
	{"a.example", "127.0.0.2", 80, "deny", "private"},
	{"a.example", "::1", 80, "deny", "private"},
	{"a.example", "10.0.0.1", 80, "allow", "egress[1]"},
	{"a.example", "0.0.0.0", 80, "deny", "loopback"},
	{"a.example", "::", 80, "deny", "loopback"},
	{"a.example", "64:ff9b::7f00:1", 80, "deny", "loopback"},
	{"a.example", "64:ff9b::a00:1", 80, "allow", "egress[2]"},
	{"a.example", "64:ff9b:1::7f00:1", 80, "deny", "loopback"},
	{"a.example", "2002:7f00:1::", 80, "deny", "loopback"},
	{"a.example", "::7f00:1", 80, "deny", "loopback"},
	{"a.example", "64:ff9b::", 80, "deny", "loopback"},
	{NULL, "127.0.0.1", 80, "allow", "egress[3]"},
	{NULL, "127.0.0.1", 82, "ask", "egress[4]"}, /* nor does a wide one answer for it */
	{NULL, "0.0.0.0", 80, "deny", "loopback"},
	{NULL, "64:ff9b::7f00:1", 80, "deny", "loopback"},
	{NULL, "2002:7f00:1::", 80, "deny", "loopback"},
	{NULL, "64:ff9b::a00:1", 80, "allow", "egress[2]"},
};

static void test_wide(void **state)
{
	(void)state;
	profile = make(RULES("egress", "allow",
		"{'host':'*','decision':'allow'},"
		"{'cidr':'0.0.0.0/0','decision':'allow'},"
		"{'cidr':'::/0','decision':'allow'},"
		"{'cidr':'127.0.0.1/32','port':80,'decision':'allow'},"
		"{'cidr':'127.0.0.1/32','port':82,'decision':'ask'}"));
	for (size_t i = 0; i < ARRAY_SIZE(wide); i++) {
		struct destination d = {.port = wide[i].port};
		struct verdict v;

		print_message("# row %zu\n", i);
		assert_true(addr_parse(wide[i].addr, &d.addr));
		v = wide[i].name ? judge_resolved(profile, wide[i].name, &d.addr, d.port)
				 : judge_egress(profile, &d);
		check(&v, wide[i].decision, wide[i].rule);
	}
}

/* A little file system: links and what they lead to. */
static char *look(const char *path, void *arg)
{
	static const char *const links[][2] = {
		{"/usr/bin/nc", "/usr/bin/nc.openbsd"}, {"/usr/bin/ls", "/usr/bin/ls"},
		{"/bin", "/usr/bin"},			{"/bin/su", "/usr/bin/busybox"},
		{"/usr/bin/busybox", "/usr/bin/busybox"}, {"/opt/terraform", "/opt/terraform"},
	};

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		if (strcmp(links[i][0], path) == 0)
			return mem_strdup(links[i][1]);
	return NULL;
}

static const struct {
	const char *path;
	char *argv[4];
	const char *decision, *rule;
} execs[] = {
	{"/usr/bin/nc.openbsd", {"nc", "x"}, "deny", "exec[0]"},
	{"/usr/bin/nc", {"nc"}, "deny", "exec[3]"}, /* where it is no link after all: its directory */
	{"/opt/terraform", {"terraform", "apply", "-auto"}, "ask", "exec[1]"},
	{"/opt/terraform", {"terraform", "plan"}, "allow", "exec.default"},
	{"/opt/terraform", {NULL}, "allow", "exec.default"},
	{"/usr/bin/busybox", {"su"}, "deny", "exec[2]"},
	{"/usr/bin/busybox", {"-su"}, "deny", "exec[2]"},
	{"/usr/bin/busybox", {"/bin/su", "-"}, "deny", "exec[2]"},
	{"/usr/bin/busybox", {"busybox", "su"}, "deny", "exec[2]"},
	{"/usr/bin/busybox", {"busybox", "busybox", "su"}, "deny", "exec[2]"},
	{"/usr/bin/busybox", {"busybox.x", "su"}, "deny", "exec[2]"},
	{"/usr/bin/busybox", {"x", "su"}, "deny", "exec[3]"},
	{"/usr/bin/busybox", {"busybox", "busybox", "busybox"}, "deny", "exec[3]"},
	{"/usr/bin/busybox", {"ls"}, "deny", "exec[3]"},
	{"/work/bin/x", {"x"}, "observe", "exec[4]"},
	{"/work/bin/y/x", {"x"}, "allow", "exec.default"},
	{"/missing/tool", {"tool"}, "deny", "exec[5]"},
	{"/home/a/x", {"x"}, "deny", "exec[6]"},
	{"/home/a", {"x"}, "allow", "exec.default"},
};

static void test_exec(void **state)
{
	(void)state;
	profile = make(RULES("exec", "allow",
		"{'path':'nc','decision':'deny'},"
		"{'path':'/opt/terraform','argv':['apply','**'],'decision':'ask'},"
		"{'path':'su','decision':'deny'},"
		"{'path':'/bin/**','decision':'deny'},"
		"{'path':'{workspace}/bin/*','decision':'observe'},"
		"{'path':'/missing/tool','decision':'deny'},"
		"{'path':'~/**','decision':'deny'}"));
	for (int round = 0; round < 2; round++) /* resolved again, nothing changes or leaks */
		judge_resolve_exec_rules(profile, ":relative:/nowhere:/usr/bin:/bin", look, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(execs); i++) {
		size_t argc = 0;
		struct verdict v;

		while (argc < 4 && execs[i].argv[argc])
			argc++;
		print_message("# row %zu: %s\n", i, execs[i].path);
		v = judge_exec(profile, execs[i].path, execs[i].argv, argc);
		check(&v, execs[i].decision, execs[i].rule);
	}
}

static void test_unix(void **state)
{
	static const struct {
		const char *path, *decision, *rule;
	} rows[] = {
		{"/run/a.sock", "allow", "unix[0]"},    {"/run/b/c/d", "ask", "unix[1]"},
		{"/run/b", "deny", "unix.default"},     {"@bus", "allow", "unix[2]"},
		{"@bus2", "deny", "unix.default"},      {"/bus", "deny", "unix.default"},
		{"/work/s.sock", "allow", "unix[3]"},
	};

	(void)state;
	profile = make(RULES("unix", "deny",
		"{'path':'/run/a.sock','decision':'allow'},{'path':'/run/b/**','decision':'ask'},"
		"{'path':'@bus','decision':'allow'},{'path':'{workspace}/*.sock','decision':'allow'}"));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct verdict v = judge_unix(profile, rows[i].path);

		print_message("# %s\n", rows[i].path);
		check(&v, rows[i].decision, rows[i].rule);
	}
}

static void test_listen_and_tools(void **state)
{
	struct verdict v;

	(void)state;
	profile = make("{'listen':{'default':'deny','rules':[{'port':[80,8080],'decision':'allow'}]},"
		       "'tools':{'rules':[{'tool':'stripe.*','resource':'pi_*','decision':'ask'},"
		       "{'tool':'mail','decision':'allow'}]}}");
	v = judge_listen(profile, 8080);
	check(&v, "allow", "listen[0]");
	v = judge_listen(profile, 0);
	check(&v, "deny", "listen.default");
	v = judge_tool(profile, "stripe.refund", "pi_1");
	check(&v, "ask", "tools[0]");
	v = judge_tool(profile, "stripe.refund", "ch_1");
	check(&v, "deny", "tools.default");
	v = judge_tool(profile, "mail", NULL);
	check(&v, "allow", "tools[1]");
	v = judge_tool(profile, "stripe.refund", NULL);
	check(&v, "deny", "tools.default");
}

/* What a profile does not speak of is denied. */
static void test_silence(void **state)
{
	const struct destination d = {.name = "example.com", .port = 443};
	char *argv[] = {"ls"};
	struct verdict v;

	(void)state;
	profile = make("{}");
	v = judge_egress(profile, &d);
	check(&v, "deny", "egress.default");
	v = judge_exec(profile, "/bin/ls", argv, 1);
	check(&v, "deny", "exec.default");
	v = judge_unix(profile, "/run/x");
	check(&v, "deny", "unix.default");
	v = judge_listen(profile, 80);
	check(&v, "deny", "listen.default");
	v = judge_tool(profile, "x", "y");
	check(&v, "deny", "tools.default");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_egress, teardown),
		cmocka_unit_test_teardown(test_any_host, teardown),
		cmocka_unit_test_teardown(test_resolve, teardown),
		cmocka_unit_test_teardown(test_resolved, teardown),
		cmocka_unit_test_teardown(test_loopback, teardown),
		cmocka_unit_test_teardown(test_wide, teardown),
		cmocka_unit_test_teardown(test_exec, teardown),
		cmocka_unit_test_teardown(test_unix, teardown),
		cmocka_unit_test_teardown(test_listen_and_tools, teardown),
		cmocka_unit_test_teardown(test_silence, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
