/* SPDX-License-Identifier: Apache-2.0 */
/* Loading: every complaint by file, line and key; merging; texts that nobody meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "policy/profile.h"

enum { MUTATIONS = 20000 };

static char dir[] = "/tmp/warder-profile.XXXXXX";
static char config[64], share[64];
static struct profile_context ctx = {.config_dir = config, .share_dir = share};

static int setup(void **state)
{
	char path[128];

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(config, sizeof(config), "%s/config", dir);
	snprintf(share, sizeof(share), "%s/share", dir);
	mkdir(config, 0700);
	mkdir(share, 0700);
	snprintf(path, sizeof(path), "%s/profiles.d", config);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/profiles", share);
	return mkdir(path, 0700);
}

static void empty(const char *path)
{
	DIR *d = opendir(path);
	const struct dirent *e;

	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	rmdir(path);
}

static int teardown(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/profiles.d", config);
	empty(path);
	snprintf(path, sizeof(path), "%s/profiles", share);
	empty(path);
	rmdir(config);
	rmdir(share);
	return rmdir(dir);
}

static void write_bytes(const char *path, const void *bytes, size_t len)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fwrite(bytes, 1, len, file);
	fclose(file);
}

/* json with single quotes for double ones into profiles.d/NAME.json or share's. */
static void put_in(const char *base, const char *sub, const char *name, const char *json)
{
	autofree char *text = mem_strdup(json);
	char path[192];

	for (char *c = text; *c; c++)
		if (*c == '\'')
			*c = '"';
	snprintf(path, sizeof(path), "%s/%s/%s.json", base, sub, name);
	write_bytes(path, text, strlen(text));
}

static void put(const char *name, const char *json)
{
	put_in(config, "profiles.d", name, json);
}

static struct profile *load(const char *name)
{
	struct fault f = {0};
	struct profile *p = profile_load(name, &ctx, &f);

	if (p == NULL)
		fail_msg("%s: %s", name, f.what);
	return p;
}

static void refuse(const char *name, const char *what)
{
	struct fault f = {0};
	struct profile *p = profile_load(name, &ctx, &f);

	profile_free(p);
	if (p != NULL || strstr(f.what, what) == NULL)
		fail_msg("got: %s\nnot: %s", p ? "no complaint" : f.what, what);
}

/* One complaint a row; the text is x.json. */
static const struct {
	const char *json, *what;
} bad[] = {
	{"", "x.json:1: not JSON"},
	{"[]", "x.json:1: expected a JSON object"},
	{"{\n'name': 'x',\n'name': 'y'}", "x.json:3: not JSON: duplicate"},
	{"{'description': 'a\\u0000b'}", "not JSON: \\u0000"},
	{"{} {}", "not JSON: end of file expected"},
	{"{\n\n'egres': {}}", "x.json:3: egres: unknown key; did you mean \"egress\"?"},
	{"{'zzzzzzz': {}}", "x.json:1: zzzzzzz: unknown key"},
	{"{\n'egress': {\n'rules': [\n{'host': 'a.b', 'decision': 'allow'},\n{'host': 'a,]}\\\"b',\n"
	 "'decision': 'allow'},\n{'host': 'a.b',\n'prot': 1}]}}",
	 "x.json:5: egress.rules[1].host: expected a host's name"},
	{"{\n'egress': {\n'rules': [\n{'host': 'a.b', 'decision': 'allow'},\n{'reason': 'x,]}\\\"y',\n"
	 "'host': 'a.b', 'decision': 'allow'},\n{'host': 'a.b',\n'prot': 1}]}}",
	 "x.json:8: egress.rules[2].prot: unknown key; did you mean \"port\"?"},
	{"{'require': 'ful'}", "require: expected \"full\" or \"kernel\", got \"ful\""},
	{"{'require': null}", "require: expected \"full\" or \"kernel\", got null"},
	{"{'name': 7}", "name: expected the profile's name, got 7"},
	{"{'name': '../x'}", "name: expected a name of letters"},
	{"{'description': 'a\\u001b[31m'}", "description: expected text without control"},
	{"{'filesystem': []}", "filesystem: expected an object, or \"inherit\", got a list"},
	{"{'filesystem': 'inhert'}", "filesystem: expected an object, or \"inherit\""},
	{"{\n'filesystem': 'inherit'}", "x.json:2: filesystem: \"inherit\" goes with"},
	{"{'filesystem': null}", "filesystem: expected"},
	{"{'filesystem': {'read': '/usr'}}", "filesystem.read: expected a list of paths, got"},
	{"{'filesystem': {'read': ['/usr',\n'usr']}}",
	 "x.json:2: filesystem.read[1]: expected a path that begins with"},
	{"{'filesystem': {'read': ['']}}", "expected a path that begins with"},
	{"{'filesystem': {'read': ['?']}}", "expected a path that begins with"},
	{"{'filesystem': {'read': ['~alice/x']}}", "expected a path that begins with"},
	{"{'filesystem': {'read': ['{worksapce}/x']}}", "expected a path that begins with"},
	{"{'filesystem': {'read': ['{workspace}x']}}", "expected a path that begins with"},
	{"{'filesystem': {'read': ['/a/../b']}}", "expected a path without \"..\""},
	{"{'filesystem': {'read': ['/..']}}", "expected a path without \"..\""},
	{"{'filesystem': {'hide': ['~/.ssh/*']}}", "expected a path without \"*\""},
	{"{'filesystem': {'exec_writable': 1}}", "exec_writable: expected true or false, got 1"},
	{"{'exec': {'default': 'maybe'}}", "exec.default: expected \"allow\", \"deny\""},
	{"{'exec': {'rules': {}}}", "exec.rules: expected a list of rules, got an object"},
	{"{'exec': {'rules': [1]}}", "exec.rules[0]: expected a rule (an object), got 1"},
	{"{'exec': {'rules': [{'path': 'nc'}]}}", "exec.rules[0]: expected a \"decision\""},
	{"{'exec': {'rules': [{'decision': 'deny'}]}}", "exec.rules[0]: expected a \"path\""},
	{"{'exec': {'rules': [{'path': 'a/b', 'decision': 'deny'}]}}", "expected a path that begins"},
	{"{'exec': {'rules': [{'path': 'nc*', 'decision': 'deny'}]}}", "expected a path that begins"},
	{"{'exec': {'rules': [{'path': '/a/**/b', 'decision': 'deny'}]}}",
	 "expected \"**\" as the last component only"},
	{"{'exec': {'rules': [{'path': '/a**', 'decision': 'deny'}]}}", "expected \"**\" as the last"},
	{"{'exec': {'rules': [{'path': 'x', 'argv': ['**', 'a'], 'decision': 'deny'}]}}",
	 "exec.rules[0].argv[0]: expected \"**\" to be the last"},
	{"{'exec': {'rules': [{'path': 'x', 'argv': 'a', 'decision': 'deny'}]}}", "expected a list"},
	{"{'egress': {'rules': [{'decision': 'allow'}]}}", "either \"host\" or \"cidr\""},
	{"{'egress': {'rules': [{'host': 'a.b', 'cidr': '::/0', 'decision': 'allow'}]}}",
	 "either \"host\" or \"cidr\""},
	{"{'egress': {'rules': [{'host': 'a.b:443', 'decision': 'allow'}]}}", "without a port"},
	{"{'egress': {'rules': [{'host': 'a.*.b', 'decision': 'allow'}]}}", ".host: expected"},
	{"{'egress': {'rules': [{'host': '*.', 'decision': 'allow'}]}}", ".host: expected"},
	{"{'egress': {'rules': [{'host': '127.1', 'decision': 'allow'}]}}", ".host: expected"},
	{"{'egress': {'rules': [{'host': '0x7f000001', 'decision': 'allow'}]}}", ".host: expected"},
	{"{'egress': {'rules': [{'host': 'https://a.b', 'decision': 'allow'}]}}", ".host: expected"},
	{"{'egress': {'rules': [{'cidr': '10/8', 'decision': 'allow'}]}}", ".cidr: expected a network"},
	{"{'egress': {'rules': [{'host': 'a.b', 'port': 0, 'decision': 'allow'}]}}", "1 to 65535"},
	{"{'egress': {'rules': [{'host': 'a.b', 'port': 65536, 'decision': 'allow'}]}}", "1 to 65535"},
	{"{'egress': {'rules': [{'host': 'a.b', 'port': 4294967739, 'decision': 'allow'}]}}", "to 65535"},
	{"{'egress': {'rules': [{'host': 'a.b', 'port': [], 'decision': 'allow'}]}}", "1 to 65535"},
	{"{'egress': {'rules': [{'host': 'a.b', 'port': '443', 'decision': 'allow'}]}}", "1 to 65535"},
	{"{'egress': {'rules': [{'host': 'a.b', 'port': [80, 1.5], 'decision': 'allow'}]}}",
	 "egress.rules[0].port[1]: expected a port"},
	{"{'unix': {'rules': [{'path': 'x', 'decision': 'allow'}]}}", "unix.rules[0].path: expected"},
	{"{'unix': {'rules': [{'path': '@', 'decision': 'allow'}]}}", "expected \"@NAME\""},
	{"{'tools': {'rules': [{'tool': '', 'decision': 'allow'}]}}", "tools.rules[0].tool: expected"},
	{"{'gateway': {'url': 'ftp://x'}}", "gateway.url: expected \"direct:\""},
	{"{'gateway': {'identity': ['header']}}", "gateway.identity[0]: expected a list"},
	{"{'gateway': {'timeout': '0s'}}", "gateway.timeout: expected a duration"},
	{"{'env': {'pass': ['A=B']}}", "env.pass[0]: expected the name"},
	{"{'env': {'set': {'A=B': ''}}}", "env.set.A=B: expected the name"},
	{"{'env': {'set': {'A': 1}}}", "env.set.A: expected the variable's value, got 1"},
	{"{'limits': {'wall': 60}}", "limits.wall: expected a duration like \"2h\", got 60"},
	{"{'limits': {'memory': '1.5G'}}", "limits.memory: expected a size"},
	{"{'limits': {'pids': 0}}", "limits.pids: expected a number from 1"},
	{"{'limits': {'pids': -1}}", "limits.pids: expected a number from 1"},
	{"{'limits': {'pids': 99999999999999999999}}", "not JSON: too big integer"},
	{"{'limits': {'cpu': '0%'}}", "limits.cpu: expected a percentage"},
	{"{'limits': {'cpu': '99999999999999999999%'}}", "limits.cpu: expected a percentage"},
	{"{'limits': {'cpu': 150}}", "limits.cpu: expected a percentage"},
	{"{'approval': {'approvers': ['alice']}}", "approvers[0]: expected \"user:NAME\""},
	{"{'approval': {'helper': ['ask']}}", "helper[0]: expected a list: a program's absolute"},
	{"{'tripwire': {}}", "tripwire: expected \"denials\" or \"same_action\""},
	{"{'tripwire': 'null'}", "tripwire: expected an object, or null, got \"null\""},
	{"{'tripwire': {'then': 'explode'}}", "tripwire.then: expected \"kill\" or \"freeze\""},
	{"{'audit': {'sync': 'never'}}", "audit.sync: expected"},
	{"{'extends': 7}", "extends: expected a profile's name"},
	{"{'extends': ['a', 7]}", "extends[1]: expected a profile's name"},
	{"{'extends':\n['nowhere']}", "x.json:2: extends[0]: no profile \"nowhere\""},
	{"{'extends':\n[\n'nowhere']}", "x.json:3: extends[0]: no profile \"nowhere\""},
	{"{'extends': ''}", "extends: no profile can have that name"},
	{"{'extends': 'x'}", "extends itself: x -> x"},
};

static void test_complaints(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		print_message("# row %zu: %s\n", i, bad[i].what);
		put("x", bad[i].json);
		refuse("x", bad[i].what);
	}
}

static void test_lookup(void **state)
{
	char path[160];
	struct profile *p;

	(void)state;
	refuse("missing", "no profile \"missing\"");
	refuse("a b", "no profile can have that name");
	refuse("..", "no profile can have that name");
	refuse("/nowhere/x.json", "cannot read /nowhere/x.json: No such file");
	refuse(dir, "Is a directory");
	put_in(share, "profiles", "shipped", "{'description':'shipped','limits':{'pids':5}}");
	p = load("shipped");
	assert_string_equal(p->name, "shipped");
	profile_free(p);
	/* One that stands in front of a shipped one may extend it. */
	put("shipped", "{'description':'mine','extends':'shipped'}");
	p = load("shipped");
	assert_string_equal(p->description, "mine");
	assert_int_equal(p->limits.pids, 5);
	profile_free(p);
	/* A file, and what it extends, beside it. */
	put("near", "{'limits':{'pids':6}}");
	put("file", "{'extends':'./near.json'}");
	snprintf(path, sizeof(path), "%s/profiles.d/file.json", config);
	p = load(path);
	assert_string_equal(p->name, "file");
	assert_int_equal(p->limits.pids, 6);
	profile_free(p);
}

static void test_chain(void **state)
{
	char json[64], name[16];

	(void)state;
	put("a", "{'extends':['b']}");
	put("b", "{'extends':\n['c']}");
	put("c", "{'extends':['a']}");
	refuse("a", "extends itself: a -> b -> c -> a");
	put("d0", "{}");
	for (int i = 1; i <= PROFILE_DEPTH_MAX + 1; i++) {
		snprintf(name, sizeof(name), "d%d", i);
		snprintf(json, sizeof(json), "{'extends':'d%d'}", i - 1);
		put(name, json);
	}
	profile_free(load("d8"));
	refuse("d9", "extends deeper than 8 profiles: d9 -> d8 ->");
}

static void test_merge(void **state)
{
	struct profile *p;

	(void)state;
	put("base", "{'require':'kernel','description':'base','exec':{'default':'allow','rules':"
		    "[{'path':'base','decision':'deny'}],'ptrace':true},"
		    "'filesystem':{'read':['/usr','/etc'],'exec_writable':true},'limits':{'pids':1},"
		    "'env':{'set':{'A':'base','B':'base'},'pass':['X']},'gateway':{'url':'http://b:1'},"
		    "'tripwire':{'denials':3,'window':'5s','then':'freeze'}}");
	put("left", "{'extends':'base','exec':{'rules':[{'path':'left','decision':'deny'}]},"
		    "'limits':{'pids':2,'open_files':99},'filesystem':{'read':['/left','/usr']}}");
	put("right", "{'extends':['base'],'exec':{'default':'deny','rules':[{'path':'right',"
		     "'decision':'ask'}]},'limits':{'pids':3,'cpu':'50%'},'env':{'set':{'A':'right'}}}");
	put("child", "{'extends':['left','right'],'exec':{'rules':[{'path':'one','decision':'allow'},"
		     "{'path':'two','argv':[],'decision':'allow','reason':'why'}],'ptrace':false},"
		     "'filesystem':{'read':['/child','/child']},'env':{'set':{'C':''}}}");
	p = load("child");
	assert_string_equal(p->name, "child");
	assert_null(p->description);
	assert_int_equal(p->require, REQUIRE_KERNEL);
	assert_int_equal(p->exec.n, 5);
	assert_string_equal(p->exec.v[0].path, "one");
	assert_true(p->exec.v[0].any_argv);
	assert_string_equal(p->exec.v[1].path, "two");
	assert_false(p->exec.v[1].any_argv);
	assert_string_equal(p->exec.v[1].head.reason, "why");
	assert_string_equal(p->exec.v[2].path, "left");
	assert_string_equal(p->exec.v[3].path, "right");
	assert_string_equal(p->exec.v[4].path, "base"); /* once, and behind all that extend it */
	assert_string_equal(p->exec.v[3].head.origin, "exec[3]");
	assert_int_equal(p->exec.fallback, DECISION_DENY); /* right's, not base's by way of left */
	assert_false(p->exec_ptrace);
	assert_true(p->fs.exec_writable);
	assert_int_equal(p->limits.pids, 2);
	assert_int_equal(p->limits.open_files, 99);
	assert_int_equal(p->limits.cpu_percent, 50);
	assert_int_equal(p->fs.read.n, 4);
	assert_string_equal(p->fs.read.v[0], "/child");
	assert_string_equal(p->fs.read.v[2], "/usr");
	assert_int_equal(p->env.set.n, 3);
	assert_string_equal(p->env.set.v[0], "C=");
	assert_string_equal(p->env.set.v[1], "A=right");
	assert_string_equal(p->env.set.v[2], "B=base");
	assert_string_equal(p->gateway.url, "http://b:1");
	assert_true(p->tripwire.on);
	assert_int_equal(p->tripwire.window_ms, 5000);
	assert_false(p->tripwire.kill);
	profile_free(p);

	put("off", "{'extends':'base','tripwire':null,'gateway':{'url':'direct:','identity':[]},"
		   "'filesystem':'inherit'}");
	p = load("off");
	assert_false(p->tripwire.on);
	assert_null(p->gateway.url);
	assert_false(p->gateway.headers || p->gateway.token);
	assert_true(p->fs.inherit);
	profile_free(p);
	put("files", "{'extends':'off','filesystem':{'read':['/x']}}");
	p = load("files");
	assert_false(p->fs.inherit);
	profile_free(p);
}

static void test_values(void **state)
{
	struct profile *p;

	(void)state;
	put("x", "{'filesystem':{'read':['~','~/a//b/./c','{home}/d','?{workspace}/e/','/','?/f']},"
		 "'egress':{'rules':[{'host':'EXAMPLE.com.','port':443,'decision':'allow'},"
		 "{'host':'*','decision':'ask'},{'host':'::ffff:192.0.2.1','decision':'deny'},"
		 "{'host':'[2001:db8::1]','port':[1,65535],'decision':'deny'}]},"
		 "'limits':{'wall':'2h','memory':'2G','cpu':'150%'},'approval':{'helper':['/a','b']}}");
	ctx.workspace = "/work";
	ctx.home = "/home/a";
	p = load("x");
	assert_string_equal(p->fs.read.v[0], "/home/a");
	assert_string_equal(p->fs.read.v[1], "/home/a/a/b/c");
	assert_string_equal(p->fs.read.v[2], "/home/a/d");
	assert_string_equal(p->fs.read.v[3], "?/work/e/");
	assert_string_equal(p->fs.read.v[4], "/");
	assert_string_equal(p->fs.read.v[5], "?/f");
	assert_string_equal(p->egress.v[0].host, "example.com");
	assert_true(p->egress.v[1].any_host);
	assert_int_equal(p->egress.v[2].cidr.base.family, 4);
	assert_int_equal(p->egress.v[2].cidr.bits, 32);
	assert_int_equal(p->egress.v[3].cidr.bits, 128);
	assert_int_equal(p->egress.v[3].ports[1], 65535);
	assert_int_equal(p->limits.wall_ms, 7200000);
	assert_true(p->limits.memory == 2ULL << 30);
	assert_int_equal(p->limits.cpu_percent, 150);
	assert_int_equal(p->approval.timeout_ms, 300000);
	assert_int_equal(p->gateway.timeout_ms, 10000);
	assert_true(p->gateway.headers);
	assert_false(p->gateway.token);
	assert_int_equal(p->approval.helper.n, 2);
	assert_int_equal(strlen(p->hash), 64);
	profile_free(p);
	ctx.workspace = ctx.home = NULL;
	p = load("x");
	assert_string_equal(p->fs.read.v[0], "~");
	assert_string_equal(p->fs.read.v[3], "?{workspace}/e/");
	profile_free(p);
	/* What a directory is called must not become a pattern. */
	put("x", "{'exec':{'rules':[{'path':'{workspace}/t','decision':'allow'}]}}");
	ctx.workspace = "/w*";
	refuse("x", "without \"*\" and \"?\"");
	ctx.workspace = NULL;
}

/* SHA-256 of "{}" and of "{}{"...: as sha256sum would say of the files, one after another. */
static void test_hash(void **state)
{
	struct profile *p;

	(void)state;
	put("x", "{}");
	p = load("x");
	assert_string_equal(p->hash,
			    "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
	profile_free(p);
}

/* What is shown loads again, and shows the same. */
static void test_show(void **state)
{
	char path[160];
	struct profile *p = load("child");
	autofree char *first = profile_show(p, false), *second = NULL;

	(void)state;
	profile_free(p);
	snprintf(path, sizeof(path), "%s/profiles.d/again.json", config);
	write_bytes(path, first, strlen(first));
	p = load("again");
	second = profile_show(p, false);
	assert_string_equal(first, second);
	profile_free(p);
}

static void test_too_many(void **state)
{
	size_t size = PROFILE_FILE_MAX + 2;
	autofree char *text = mem_alloc(size);
	char path[160];
	size_t n = 0;

	(void)state;
	snprintf(path, sizeof(path), "%s/profiles.d/many.json", config);
	n = (size_t)snprintf(text, size, "{\"listen\":{\"rules\":[{\"decision\":\"deny\"}");
	for (int i = 1; i < PROFILE_RULES_MAX; i++)
		n += (size_t)snprintf(text + n, size - n, ",\n{\"decision\":\"deny\"}");
	write_bytes(path, text, n + (size_t)snprintf(text + n, size - n, "]}}"));
	profile_free(load("many"));
	n += (size_t)snprintf(text + n, size - n, ",{\"decision\":\"deny\"}]}}");
	write_bytes(path, text, n);
	refuse("many", "many.json:4096: listen.rules[4096]: more than 4096");
	memset(text, ' ', size);
	write_bytes(path, text, size);
	refuse("many", "larger than");
}

/* Bytes changed, cut and doubled at random: it loads or complains, and nothing else. */
static void test_mutations(void **state)
{
	struct profile *p = load("child");
	autofree char *seed = profile_show(p, false);
	size_t n_seed = strlen(seed);
	autofree char *text = mem_alloc(2 * n_seed);
	size_t loaded = 0;
	char path[160];

	(void)state;
	profile_free(p);
	snprintf(path, sizeof(path), "%s/profiles.d/fuzz.json", config);
	srand(1);
	for (int i = 0; i < MUTATIONS; i++) {
		static const char bytes[] = "{}[]\",:\\/*?~.0u\0\n\xff\xc3 ";
		size_t n = n_seed;
		struct fault f = {0};

		memcpy(text, seed, n);
		for (int k = rand() % 4; k >= 0; k--)
			text[(size_t)rand() % n] = rand() % 2 ? bytes[(size_t)rand() % sizeof(bytes)]
							      : (char)rand();
		if (rand() % 8 == 0)
			n = (size_t)rand() % n;
		write_bytes(path, text, n);
		p = profile_load("fuzz", &ctx, &f);
		assert_true(p != NULL || f.what[0] != '\0');
		loaded += p != NULL;
		profile_free(p);
	}
	/* Both ways were taken. */
	assert_true(loaded > 0 && loaded < MUTATIONS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_complaints), cmocka_unit_test(test_lookup),
		cmocka_unit_test(test_chain),	   cmocka_unit_test(test_merge),
		cmocka_unit_test(test_values),	   cmocka_unit_test(test_hash),
		cmocka_unit_test(test_show),	   cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_mutations),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
