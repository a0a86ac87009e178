/* SPDX-License-Identifier: Apache-2.0 */
/* What was done to journals and ledger since, and what a crash leaves, told apart. */
#include "runs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "record/verify.h"

enum {
	DENIALS = 3,
	LINES = DENIALS + 2,
	FILES_MAX = 16,
	CONCURRENT_MS = 1500,
	CONCURRENT_RUNS = 500 /* of each process: a slow verifier must come to its end */
};

#define A "journal/run_A.jsonl"
#define B "journal/run_B.jsonl"
#define LEDGER "ledger.jsonl"

static const struct record_identity who_a =
					    {
						    .run_id = "run_A",
						    .agent_id = "bot",
						    .owner = "alice",
						    .environment = "prod",
						    .requester_type = "user",
						    .requester_id = "alice",
						    .tier = "full",
},
				    who_b = {
					    .run_id = "run_B",
					    .agent_id = "cat",
					    .owner = "bob",
					    .environment = "test",
					    .requester_type = "user",
					    .requester_id = "bob",
					    .tier = "full",
};

/* --- the files ----------------------------------------------------------------------------------
 */

static void remove_all(void)
{
	autofree char *command =
		mem_printf("rm -rf %s/journal %s/ledger.jsonl", unit_dir, unit_dir);

	assert_int_equal(system(command), 0);
}

static void denials(struct journal *j)
{
	static const char *const hosts[DENIALS] = {"one.example:1", "two.example:2",
						   "three.example:3"};

	for (size_t i = 0; i < DENIALS; i++)
		run_append(j, run_denial(hosts[i]));
}

static void whole_run(const struct record_identity *who)
{
	struct journal *j = run_start(who);

	denials(j);
	run_end(j, who);
}

/* Two runs that ended. */
static int two_runs(void **state)
{
	(void)state;
	remove_all();
	whole_run(&who_a);
	whole_run(&who_b);
	return 0;
}

struct lines {
	char *text;
	const char *v[FILES_MAX]; /* each with its newline */
	size_t len[FILES_MAX], n;
};

static struct lines read_lines(const char *file)
{
	struct lines l = {.text = unit_read(file, NULL)};

	for (const char *p = l.text; *p; p += l.len[l.n++]) {
		assert_in_range(l.n, 0, FILES_MAX - 1);
		l.v[l.n] = p;
		l.len[l.n] = strcspn(p, "\n") + 1;
	}
	return l;
}

/* The lines in the order of which, up to -1. */
static void write_lines(const char *file, const struct lines *l, const int *which)
{
	autofree char *text = mem_strdup("");

	for (; *which >= 0; which++) {
		char *more = mem_printf("%s%.*s", text, (int)l->len[*which], l->v[*which]);

		free(text);
		text = more;
	}
	unit_write(file, text, strlen(text));
}

/* --- what is said of them -----------------------------------------------------------------------
 */

struct seen {
	struct verify_report ledger, a, b;
	size_t n;
};

static void see(const char *path, const struct verify_report *r, void *arg)
{
	struct seen *s = arg;

	s->n++;
	if (strstr(path, "/" LEDGER))
		s->ledger = *r;
	else if (strstr(path, "/" A))
		s->a = *r;
	else if (strstr(path, "/" B))
		s->b = *r;
}

static enum verify_state all(struct seen *s)
{
	memset(s, 0, sizeof(*s));
	return verify_all(unit_dir, see, s);
}

static struct verify_report one(const char *file)
{
	autofree char *path = unit_path(file);
	struct verify_report r;

	verify_file(path, &r);
	return r;
}

static void assert_says(const struct verify_report *r, enum verify_state state, const char *what)
{
	if (r->state != state || strstr(r->what, what) == NULL)
		fail_msg("state %d, not %d: %s; not: %s", r->state, state, r->what, what);
}

static void assert_ok(void)
{
	struct seen s;

	if (all(&s) != VERIFY_OK)
		fail_msg("%s / %s / %s", s.ledger.what, s.a.what, s.b.what);
}

/* --- the tests ----------------------------------------------------------------------------------
 */

static void test_nothing(void **state)
{
	struct seen s;

	(void)state;
	remove_all();
	assert_int_equal(all(&s), VERIFY_OK);
	assert_int_equal(s.n, 1);
	assert_says(&s.ledger, VERIFY_OK, "there is none");
}

static void test_whole(void **state)
{
	struct seen s;

	(void)state;
	assert_int_equal(all(&s), VERIFY_OK);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.ledger.records, 4);
	assert_int_equal(s.a.records, LINES);
	assert_string_equal(s.a.run_id, "run_A");
	assert_string_equal(s.a.what, "");
	assert_int_equal(s.a.torn_bytes, 0);
	assert_string_equal(one(A).head, s.a.head);
	assert_int_equal(one(B).state, VERIFY_OK);
	assert_int_equal(one(LEDGER).state, VERIFY_OK);
}

/* Any byte of a journal: what no chain covers, the last line, is covered by the ledger. */
static void test_changed_byte(void **state)
{
	size_t len;
	autofree char *text = unit_read(A, &len);
	struct seen s;

	(void)state;
	for (size_t i = 0; i < len; i++) {
		text[i] ^= 1;
		unit_write(A, text, len);
		if (all(&s) != VERIFY_BROKEN || s.a.state != VERIFY_BROKEN)
			fail_msg("byte %zu of %zu: %s", i, len, s.a.what);
		assert_int_equal(s.b.state, VERIFY_OK);
		text[i] ^= 1;
	}
	unit_write(A, text, len);
	assert_ok();
}

/* Any byte of the ledger but its last line's, which only a signature could cover. */
static void test_changed_ledger(void **state)
{
	size_t len;
	autofree char *text = unit_read(LEDGER, &len);
	struct lines l = read_lines(LEDGER);
	char *head = strstr(l.v[3], "\"head\":\"");
	struct seen s;

	(void)state;
	for (size_t i = 0; i < len - l.len[3]; i++) {
		text[i] ^= 1;
		unit_write(LEDGER, text, len);
		if (all(&s) != VERIFY_BROKEN)
			fail_msg("byte %zu of %zu: %s", i, len, s.ledger.what);
		text[i] ^= 1;
	}
	text[head - l.text + 8] ^= 1;
	unit_write(LEDGER, text, len);
	assert_int_equal(all(&s), VERIFY_BROKEN);
	assert_says(&s.b, VERIFY_BROKEN, "the ledger says");
	text[head - l.text + 8] ^= 1;
	unit_write(LEDGER, text, len);
	assert_ok();
	free(l.text);
}

static void test_removed_line(void **state)
{
	struct lines l = read_lines(A);
	struct seen s;

	(void)state;
	assert_int_equal(l.n, LINES);
	for (int out = 0; out < LINES; out++) {
		int which[LINES], n = 0;

		for (int i = 0; i < LINES; i++)
			if (i != out)
				which[n++] = i;
		which[n] = -1;
		write_lines(A, &l, which);
		assert_int_equal(all(&s), VERIFY_BROKEN);
		assert_int_equal(s.a.state, VERIFY_BROKEN);
		if (out == LINES - 1) /* only a crash, to who does not know the ledger */
			assert_int_equal(one(A).state, VERIFY_CRASHED);
		else
			assert_int_equal(one(A).line, out + 1);
	}
	free(l.text);
}

static void test_reordered(void **state)
{
	static const int orders[][LINES + 2] = {
		{1, 0, 2, 3, 4, -1},	{0, 2, 1, 3, 4, -1},
		{0, 1, 3, 2, 4, -1},	{0, 1, 2, 4, 3, -1},
		{0, 0, 1, 2, 3, 4, -1}, {0, 1, 2, 2, 3, 4, -1},
		{0, 1, 2, 3, 4, 4, -1}, {0, 1, 2, 3, 4, 0, -1},
		{4, 3, 2, 1, 0, -1},	{0, 4, -1},
	};
	static const int order[] = {0, 1, 2, 3, 4, -1};
	struct lines l = read_lines(A);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		write_lines(A, &l, orders[i]);
		if (one(A).state != VERIFY_BROKEN)
			fail_msg("row %zu", i);
	}
	write_lines(A, &l, order); /* the control */
	assert_ok();
	free(l.text);
}

/* Cut anywhere: never "ok", in itself a crash, against the ledger what it is. */
static void test_cut(void **state)
{
	size_t len;
	autofree char *text = unit_read(A, &len);
	struct seen s;

	(void)state;
	for (size_t n = 0; n < len; n++) {
		const char *last = n ? memrchr(text, '\n', n) : NULL;
		size_t torn = n - (last ? (size_t)(last + 1 - text) : 0);
		struct verify_report r;

		unit_write(A, text, n);
		r = one(A);
		assert_int_equal(r.state, VERIFY_CRASHED);
		assert_int_equal(r.torn_bytes, torn);
		assert_int_equal(all(&s), VERIFY_BROKEN);
		assert_says(&s.a, VERIFY_BROKEN, "its tail was cut or replaced");
	}
}

/* A run whose supervisor died: no failure, and what is torn of it is counted. */
static void test_crashed(void **state)
{
	struct journal *j;
	struct seen s;

	(void)state;
	remove_all();
	whole_run(&who_b);
	j = run_start(&who_a);
	denials(j);
	journal_close(j);
	assert_int_equal(all(&s), VERIFY_CRASHED);
	assert_says(&s.a, VERIFY_CRASHED, "no run.end");
	assert_int_equal(s.a.records, LINES - 1);

	autofree char *text = unit_read(A, NULL);
	autofree char *torn = mem_printf("%s{\"schema\":\"ward", text);
	unit_write(A, torn, strlen(torn));
	assert_int_equal(all(&s), VERIFY_CRASHED);
	assert_says(&s.a, VERIFY_CRASHED, "a torn line of 15 bytes");
	assert_int_equal(s.a.torn_bytes, 15);
	/* Died before its first line. */
	unit_write(A, "", 0);
	assert_int_equal(all(&s), VERIFY_CRASHED);
}

static void test_running(void **state)
{
	struct journal *j;
	struct seen s;

	(void)state;
	remove_all();
	j = run_start(&who_a);
	denials(j);
	assert_int_equal(all(&s), VERIFY_RUNNING);
	assert_int_equal(s.a.state, VERIFY_RUNNING);
	/* At its end, but the ledger does not know it yet. */
	run_append(j, run_event("{\"event\":\"run.end\"}"));
	assert_int_equal(all(&s), VERIFY_RUNNING);
	/* Had it died there, its end could have been forged. */
	journal_close(j);
	assert_int_equal(all(&s), VERIFY_BROKEN);
	assert_says(&s.a, VERIFY_BROKEN, "the ledger does not know of its end");
}

static void test_after_the_end(void **state)
{
	size_t len;
	autofree char *text = unit_read(A, &len);
	autofree char *torn = mem_printf("%sx", text);

	(void)state;
	unit_write(A, torn, len + 1);
	autofree char *what = mem_strdup(one(A).what);
	assert_int_equal(one(A).state, VERIFY_BROKEN);
	assert_non_null(strstr(what, "1 bytes after the end of the run"));
}

static void test_missing(void **state)
{
	autofree char *a = unit_path(A);
	autofree char *ledger = unit_path(LEDGER);
	struct journal *j;
	struct seen s;

	(void)state;
	assert_int_equal(unlink(a), 0);
	assert_int_equal(all(&s), VERIFY_BROKEN);
	assert_says(&s.a, VERIFY_BROKEN,
		    "the ledger says that this run ended; its journal is missing");
	assert_string_equal(s.a.run_id, "run_A");
	assert_int_equal(s.b.state, VERIFY_OK);
	/* One that never ended is missed as well. */
	remove_all();
	j = run_start(&who_a);
	assert_int_equal(all(&s), VERIFY_RUNNING);
	journal_close(j);
	assert_int_equal(unlink(a), 0);
	assert_int_equal(all(&s), VERIFY_BROKEN);
	assert_says(&s.a, VERIFY_BROKEN, "this run started; its journal is missing");
	/* And the ledger, by the runs that ended. */
	two_runs(NULL);
	assert_int_equal(unlink(ledger), 0);
	assert_int_equal(all(&s), VERIFY_BROKEN);
	assert_says(&s.a, VERIFY_BROKEN, "the ledger does not know of its end");
}

/* A ledger whose end was cut no longer knows of the last run's. */
static void test_cut_ledger(void **state)
{
	struct lines l = read_lines(LEDGER);
	static const int cut[] = {0, 1, 2, -1};
	struct seen s;

	(void)state;
	write_lines(LEDGER, &l, cut);
	assert_int_equal(one(LEDGER).state, VERIFY_OK);
	assert_int_equal(all(&s), VERIFY_BROKEN);
	assert_int_equal(s.a.state, VERIFY_OK);
	assert_says(&s.b, VERIFY_BROKEN, "the ledger does not know of its end");
	free(l.text);
}

/* text with `from` replaced by `to`, and every link made anew: a forgery that is whole in itself.
 */
static void forge(const char *file, const char *from, const char *to)
{
	struct lines l = read_lines(file);
	autofree char *out = mem_strdup("");
	char prev[65] = CHAIN_FIRST;

	for (size_t i = 0; i < l.n; i++) {
		autofree char *line = mem_strndup(l.v[i], l.len[i] - 1);
		char *link = strstr(line, "\"prev\":\"") + 8, *more;
		char *at = strstr(line, from);

		memcpy(link, prev, 64);
		if (at)
			memcpy(at, to, strlen(to));
		run_sha256(line, strlen(line), prev);
		more = mem_printf("%s%s\n", out, line);
		free(out);
		out = more;
	}
	unit_write(file, out, strlen(out));
	free(l.text);
}

static void test_forged(void **state)
{
	struct seen s;

	(void)state;
	forge(A, "nothing of it", "");
	assert_ok(); /* the control: the same forging without a change is no change */
	forge(A, "two.example", "six.example");
	assert_int_equal(one(A).state, VERIFY_OK);
	assert_int_equal(all(&s), VERIFY_BROKEN);
	assert_says(&s.a, VERIFY_BROKEN, "its tail was cut or replaced");
	assert_int_equal(s.b.state, VERIFY_OK);
}

static void test_swapped(void **state)
{
	autofree char *b = unit_read(B, NULL);
	autofree char *text = NULL;
	struct journal *j;
	struct seen s;

	(void)state;
	unit_write(A, b, strlen(b));
	assert_int_equal(all(&s), VERIFY_BROKEN);
	assert_says(&s.a, VERIFY_BROKEN, "it is the journal of run_B");
	/* In place of a run that never ended, where no head tells. */
	remove_all();
	j = run_start(&who_a);
	journal_close(j);
	j = run_start(&who_b);
	journal_close(j);
	text = unit_read(B, NULL);
	unit_write(A, text, strlen(text));
	assert_int_equal(all(&s), VERIFY_BROKEN);
	assert_says(&s.a, VERIFY_BROKEN, "it is the journal of run_B");
	assert_int_equal(s.b.state, VERIFY_CRASHED);
}

/* Lines as nobody of ours writes them. */
static void test_rubbish(void **state)
{
#define HEAD "{\"schema\":\"warder.record/1\",\"seq\":"
#define PREV ",\"prev\":\"" CHAIN_FIRST "\""
	static const struct {
		const char *text, *what;
	} rows[] = {
		{"\n", "line 1: not JSON"},
		{"x\n", "line 1: not JSON"},
		{"[]\n", "not a record"},
		{"{}\n", "not a record"},
		{"{\"schema\":7}\n", "not a record"},
		{"{\"schema\":\"warder.record/2\",\"seq\":1" PREV "}\n", "not a record"},
		{HEAD "2" PREV "}\n", "seq is 2, expected 1"},
		{HEAD "-1" PREV "}\n", "seq is -1, expected 1"},
		{HEAD "\"1\"" PREV "}\n", "seq is 0, expected 1"},
		{HEAD "1.0" PREV "}\n", "seq is 0, expected 1"},
		{HEAD "99999999999999999999" PREV "}\n", "not JSON"},
		{HEAD "1,\"prev\":\"x\"}\n", "prev is x..., expected 0000"},
		{HEAD "1}\n", "prev is ..., expected 0000"},
		{HEAD "1,\"seq\":1" PREV "}\n", "not JSON: duplicate"},
		{HEAD "1" PREV ",\"a\":\"\xff\"}\n", "not JSON"},
	};
	autofree char *much = mem_alloc(RECORD_LINE_MAX + 1);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct verify_report r;

		unit_write("x.jsonl", rows[i].text, strlen(rows[i].text));
		r = one("x.jsonl");
		assert_says(&r, VERIFY_BROKEN, rows[i].what);
		assert_int_equal(r.line, 1);
	}
	unit_write("x.jsonl", HEAD "1" PREV "}\n", strlen(HEAD "1" PREV "}\n"));
	assert_int_equal(one("x.jsonl").state, VERIFY_CRASHED); /* the control */
	memset(much, 'x', RECORD_LINE_MAX);
	unit_write("x.jsonl", much, RECORD_LINE_MAX);
	assert_int_equal(one("x.jsonl").state, VERIFY_BROKEN);
}

static void test_no_file(void **state)
{
	autofree char *fifo = unit_path("fifo.jsonl");
	struct verify_report r = one("missing.jsonl");

	(void)state;
	assert_says(&r, VERIFY_ERROR, "No such file");
	r = one("journal");
	assert_says(&r, VERIFY_ERROR, "not a regular file");
	assert_int_equal(mkfifo(fifo, 0600), 0);
	alarm(10);
	r = one("fifo.jsonl");
	alarm(0);
	assert_says(&r, VERIFY_ERROR, "not a regular file");
}

/* Starts and ends runs until it is told not to. */
static void run_on(int stop)
{
	char run_id[32], byte;

	for (int i = 0; i < CONCURRENT_RUNS && read(stop, &byte, 1) < 0; i++) {
		struct record_identity who = run_identity(run_id);

		snprintf(run_id, sizeof(run_id), "run_%d_%d", (int)getpid(), i);
		whole_run(&who);
	}
	_exit(0);
}

/* Whoever verifies while runs start and end sees no fault in what is only going on. */
static void test_concurrent(void **state)
{
	struct timespec begin, now;
	pid_t pids[2];
	int stop[2], rounds = 0;
	struct seen s;

	(void)state;
	remove_all();
	assert_int_equal(pipe2(stop, O_NONBLOCK | O_CLOEXEC), 0);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			close(stop[1]);
			run_on(stop[0]);
		}
	}
	clock_gettime(CLOCK_MONOTONIC, &begin);
	do {
		enum verify_state worst = all(&s);

		rounds++;
		if (worst == VERIFY_BROKEN || worst == VERIFY_ERROR) {
			close(stop[1]);
			fail_msg("round %d: %s", rounds, s.ledger.what);
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000 <
		 CONCURRENT_MS);
	close(stop[1]);
	close(stop[0]);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		waitpid(pids[i], NULL, 0);
	assert_ok();
	assert_true(rounds > 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test_setup(test_whole, two_runs),
		cmocka_unit_test_setup(test_changed_byte, two_runs),
		cmocka_unit_test_setup(test_changed_ledger, two_runs),
		cmocka_unit_test_setup(test_removed_line, two_runs),
		cmocka_unit_test_setup(test_reordered, two_runs),
		cmocka_unit_test_setup(test_cut, two_runs),
		cmocka_unit_test(test_crashed),
		cmocka_unit_test(test_running),
		cmocka_unit_test_setup(test_after_the_end, two_runs),
		cmocka_unit_test_setup(test_missing, two_runs),
		cmocka_unit_test_setup(test_cut_ledger, two_runs),
		cmocka_unit_test_setup(test_forged, two_runs),
		cmocka_unit_test_setup(test_swapped, two_runs),
		cmocka_unit_test(test_rubbish),
		cmocka_unit_test_setup(test_no_file, two_runs),
		cmocka_unit_test(test_concurrent),
	};

	return cmocka_run_group_tests_name("verify", tests, unit_setup, unit_teardown);
}
