/* SPDX-License-Identifier: Apache-2.0 */
/* CONTRACT "Redacted", both ways: what must be hidden, and what must be told. */
#include "unit.h"

#include "record/redact.h"

enum { OUT_MAX = 4096 };

static const struct {
	const char *in, *out; /* out NULL: nothing is hidden */
} texts[] = {
	/* User info in URLs. */
	{"https://user:pw@example.com/x", "https://***@example.com/x"},
	{"https://user@example.com", "https://***@example.com"},
	{"https://u:p@ss@example.com:8/x@y", "https://***@example.com:8/x@y"},
	{"postgres://u:p'w$!@db/x https://a:b@c", "postgres://***@db/x https://***@c"},
	{"://@", "://***@"},
	{"https://example.com/@user", NULL},
	{"https://example.com?a@b", NULL},
	{"https://example.com user@x", NULL},
	{"git@github.com:o/r.git", NULL},
	{"mailto:alice@example.com", NULL},

	/* Shapes. */
	{"sk-abcdefghijklmnop1234", "***"},
	{"x sk-proj-abcdefghijklmnop_12-34 y", "x *** y"},
	{"ghp_abcdefghijklmnopqrst.", "***"},
	{"(github_pat_11ABCDEFG0abcdefghij)", "(***)"},
	{"AKIAIOSFODNN7EXAMPLE", "***"},
	{"id=AKIAIOSFODNN7EXAMPLE;", "id=***;"},
	{"xoxb-123456789012-abc", "***"},
	{"xoxe-123456789012-abc", "***"},
	{"xoxz-12345678", "***"},
	{"eyJhbGciOiJI.eyJzdWIiOiIx.c2ln", "***"},
	{"a eyJhbGciOiJI.eyJzdWIiOiIx.c2ln-_ b", "a *** b"},
	{"-----BEGIN RSA PRIVATE KEY-----\nMII", "***"},
	{"x -----BEGIN PRIVATE KEY-----\n\"MII\"\n-----END", "x ***"},
	{"sk-short", NULL},
	{"task-abcdefghijklmnop1234", NULL}, /* a word that ends in "sk-" */
	{"ghp_short", NULL},
	{"AKIA", NULL},
	{"xoxb", NULL},
	{"eyJhbGciOiJI", NULL},
	{"eyJhbGciOiJI.json", NULL},
	{"-----BEGIN", NULL},
	{"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", NULL},

	/* Headers. */
	{"Authorization: Bearer abc def", "Authorization: ***"},
	{"authorization:abc", "authorization:***"},
	{"Authorization:\tBasic dTpw\nHost: x", "Authorization:\t***\nHost: x"},
	{"Proxy-Authorization: Basic dTpw", "Proxy-Authorization: ***"},
	{"-HAuthorization: Bearer x", "-HAuthorization: ***"},
	{"curl -H \"Authorization: Bearer x y\" http://h",
	 "curl -H \"Authorization: ***\" http://h"},
	{"curl -H 'X-Api-Key: abc' http://h", "curl -H 'X-Api-Key: ***' http://h"},
	{"Private-Token: abc", "Private-Token: ***"},
	{"Authorization:", NULL},
	{"Authorization: ", NULL},
	{"key: value of the map", NULL},
	{"Content-Type: text/plain", NULL},

	/* Options, assignments, parameters. */
	{"curl --token abc -v", "curl --token *** -v"},
	{"curl --api-token=abc -v", "curl --api-token=*** -v"},
	{"mysql --password='a b' x", "mysql --password='***' x"},
	{"export API_KEY=abc; make", "export API_KEY=***; make"},
	{"PASSWORD=\"a b\" x", "PASSWORD=\"***\" x"},
	{"PASSWORD=\"a b", "PASSWORD=\"***"},
	{"https://h/x?a=b&api_key=abc&c=d", "https://h/x?a=b&api_key=***&c=d"},
	{"https://h/x?access_token=abc#top", "https://h/x?access_token=***"},
	{"{\"password\": \"hunter2\", \"user\": \"u\"}",
	 "{\"password\": \"***\", \"user\": \"u\"}"},
	{"{'secret':'x'}", "{'secret':'***'}"},
	{"{\"secret\":\"a\\\"b\\\\\", \"x\":1}", "{\"secret\":\"***\", \"x\":1}"},
	{"SECRET=\"a\\", "SECRET=\"***"},
	{"SECRET='a\\' b", "SECRET='***' b"},
	{"{\"max_tokens\": 7, \"key\":true}", NULL},
	{"Server=h;Password=abc;User=u", "Server=h;Password=***;User=u"},
	{"kubectl --from-literal=password=abc x", "kubectl --from-literal=password=*** x"},
	{"--token", NULL},
	{"--token ", NULL},
	{"token abc", NULL}, /* prose */
	{"the key is lost", NULL},
	{"\"key\" is lost", NULL},
	{"api_key=", NULL},
	{"--verbose --force origin main", NULL},
	{"a=b", NULL},
	{"tokenizer.json", NULL},
	{"/usr/share/keyrings/debian.gpg", NULL},
	{"--keyring /etc/x", "--keyring ***"}, /* the careful side */
	{"egress[3]", NULL},
	{"", NULL},
	{"pi_123", NULL},
	{"api.stripe.com:443", NULL},
};

static void test_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		const char *in = texts[i].in, *out = texts[i].out ? texts[i].out : in;
		char got[OUT_MAX];
		bool hidden = redact_text(in, strlen(in), got, sizeof(got));

		if (strcmp(got, out) != 0 || hidden != (texts[i].out != NULL))
			fail_msg("%s\n  became %s\n not    %s", in, got, out);
	}
}

/* A secret in the middle of other text is found wherever it stands, and only it is hidden. */
static void test_around(void **state)
{
	static const char *const secrets[] = {
		"sk-abcdefghijklmnop1234", "ghp_abcdefghijklmnopqrst",	     "AKIAIOSFODNN7EXAMPLE",
		"xoxb-123456789012-abc",   "eyJhbGciOiJI.eyJzdWIiOiIx.c2ln",
	};
	static const char *const around[][2] = {
		{"", ""},	  {" ", " "}, {"\"", "\""}, {"'", "'"},	  {"=", "&"},
		{"(", ")"},	  {":", ","}, {"/", ";"},   {"\n", "\n"}, {"\xc3\xa9", "\xc3\xa9"},
		{"\xff", "\xff"}, {"@", "|"},
	};

	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(secrets); s++) {
		for (size_t a = 0; a < ARRAY_SIZE(around); a++) {
			autofree char *in =
				mem_printf("%s%s%s", around[a][0], secrets[s], around[a][1]);
			autofree char *out = mem_printf("%s***%s", around[a][0], around[a][1]);
			char got[OUT_MAX];

			assert_true(redact_text(in, strlen(in), got, sizeof(got)));
			assert_string_equal(got, out);
		}
	}
}

#define ARGS_MAX 6

static const struct {
	const char *in[ARGS_MAX], *out[ARGS_MAX];
} commands[] = {
	{{"curl", "--token", "abc", "x"}, {"curl", "--token", "***", "x"}},
	{{"x", "--api-key=a b c", "y"}, {"x", "--api-key=***", "y"}},
	{{"x", "-password", "abc"}, {"x", "-password", "***"}},
	{{"env", "DB_PASSWD=a b", "sh"}, {"env", "DB_PASSWD=***", "sh"}},
	{{"env", "PATH=/bin", "sh"}, {"env", "PATH=/bin", "sh"}},
	/* What is hidden may be the next option, which announces in its turn. */
	{{"x", "--no-auth", "--password", "hunter2"}, {"x", "--no-auth", "***", "***"}},
	{{"x", "--no-auth", "--password=hunter2", "y"}, {"x", "--no-auth", "***", "y"}},
	{{"x", "--token"}, {"x", "--token"}},
	{{"x", "token", "abc"}, {"x", "token", "abc"}},
	{{"sh", "-c", "cd / && TOKEN=abc curl"}, {"sh", "-c", "cd / && TOKEN=*** curl"}},
	{{"sh", "-c", "TOKEN=abc curl"}, {"sh", "-c", "TOKEN=***"}}, /* as env(1) has it */
	{{"curl", "-H", "Authorization: Bearer x"}, {"curl", "-H", "Authorization: ***"}},
	{{"curl", "https://a:b@c/"}, {"curl", "https://***@c/"}},
	{{"git", "commit", "-m", "fix the tokenizer"},
	 {"git", "commit", "-m", "fix the tokenizer"}},
	{{"-"}, {"-"}},
	{{"key"}, {"key"}},
};

static void test_args(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		bool announced = false;

		for (size_t k = 0; k < ARGS_MAX && commands[i].in[k]; k++) {
			const char *in = commands[i].in[k], *out = commands[i].out[k];
			char got[OUT_MAX];
			bool hidden = redact_arg(in, strlen(in), &announced, got, sizeof(got));

			if (strcmp(got, out) != 0)
				fail_msg("row %zu: %s became %s, not %s", i, in, got, out);
			assert_int_equal(hidden, strcmp(in, out) != 0);
		}
	}
}

static void test_names(void **state)
{
	static const char *const secret[] = {
		"password", "PASSWORD", "--db-password", "passwd",	  "api_key",
		"ApiKey",   "AUTH",	"GITHUB_TOKEN",	 "client-secret", "x-auth-y",
	};
	static const char *const plain[] = {"",	   "path", "user", "pass",
					    "tok", "name", "ke",   "se-cret"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(secret); i++)
		assert_true(redact_names_secret(secret[i], strlen(secret[i])));
	for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
		assert_false(redact_names_secret(plain[i], strlen(plain[i])));
	assert_false(redact_names_secret("token", 4));
}

/* Whatever the room, the output ends in it, and is the beginning of what it should be. */
static void test_bounds(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		const char *in = texts[i].in;
		char whole[OUT_MAX];

		redact_text(in, strlen(in), whole, sizeof(whole));
		for (size_t size = 1; size <= strlen(whole) + 2; size++) {
			char got[OUT_MAX];

			memset(got, 0x5a, sizeof(got));
			redact_text(in, strlen(in), got, size);
			assert_int_equal(got[size], 0x5a);
			assert_true(strlen(got) < size);
			assert_memory_equal(got, whole, strlen(got));
			if (size > strlen(whole))
				assert_string_equal(got, whole);
		}
	}
}

/* Ends within what was given: no byte behind it is looked at (the sanitizer sees). */
static void test_parts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		size_t n = strlen(texts[i].in);

		for (size_t len = 0; len <= n; len++) {
			char *part = malloc(len ? len : 1), got[OUT_MAX];
			bool announced = false;

			memcpy(part, texts[i].in, len);
			redact_text(part, len, got, sizeof(got));
			redact_arg(part, len, &announced, got, sizeof(got));
			free(part);
		}
	}
}

/* What is made to cost much costs little: the runner's limit is the judge. */
static void test_linear(void **state)
{
	static const char *const patterns[] = {
		"://",
		"eyJaaaaaaaaaaa.",
		"sk-",
		"key",
		"key=",
		"--key ",
		"\"key\" ",
		"authorization:",
		"-----BEGIN",
		"@",
		"://a",
		"ghp_ghp_",
		"a-key:",
		" ",
		"\"",
		"xoxa-",
		"eyJaaaaaaaa.eyJ ",
	};
	enum { MUCH = 1024 * 1024 };
	autofree char *in = mem_alloc(MUCH);
	autofree char *out = mem_alloc(MUCH);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
		size_t n = strlen(patterns[i]);
		bool announced = false;

		for (size_t at = 0; at < MUCH; at++)
			in[at] = patterns[i][at % n];
		redact_text(in, MUCH, out, MUCH);
		redact_arg(in, MUCH, &announced, out, MUCH);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),  cmocka_unit_test(test_around),
		cmocka_unit_test(test_args),   cmocka_unit_test(test_names),
		cmocka_unit_test(test_bounds), cmocka_unit_test(test_parts),
		cmocka_unit_test(test_linear),
	};

	return cmocka_run_group_tests_name("redact", tests, NULL, NULL);
}
