/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger of a host: one chain, however many write it and however they end. */
#include "runs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "record/lock.h"
#include "record/verify.h"

enum { WRITERS = 24, LINES = 20, KILLED = 8, ROUNDS = 12 };

static const char file[] = "ledger.jsonl";

static int forget(void **state)
{
	autofree char *path = unit_path(file);

	(void)state;
	unlink(path);
	return 0;
}

static int append(const char *run_id, const char *detail, struct fault *f)
{
	struct record_identity who = run_identity(run_id);
	struct action a = run_event(detail);

	return ledger_append(unit_dir, &who, &a, f);
}

static void must_append(const char *run_id)
{
	struct fault f = {0};

	if (append(run_id, NULL, &f) < 0)
		fail_msg("%s", f.what);
}

static struct verify_report verify(void)
{
	autofree char *path = unit_path(file);
	struct verify_report r;

	verify_file(path, &r);
	return r;
}

static void test_first(void **state)
{
	autofree char *path = unit_path(file);
	autofree char *text = NULL;
	char head[65];
	struct stat st;
	size_t len;

	(void)state;
	for (size_t n = 1; n < 5; n++) {
		must_append("run_1");
		free(text);
		text = unit_read(file, &len);
		assert_int_equal(run_check_chain(text, len, head), n);
	}
	assert_string_equal(verify().head, head);
	assert_int_equal(verify().state, VERIFY_OK);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void write_many(int writer)
{
	char run_id[32], detail[64];
	struct fault f;

	snprintf(run_id, sizeof(run_id), "run_w%d", writer);
	for (int i = 0; i < LINES; i++) {
		snprintf(detail, sizeof(detail), "{\"line\":\"w%d-%d.\"}", writer, i);
		if (append(run_id, detail, &f) < 0) {
			print_message("# %s\n", f.what);
			_exit(1);
		}
	}
	_exit(0);
}

static void await_all(const pid_t *pids, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
}

/* Each line of each writer is there once, and in the order in which that one wrote. */
static void test_many_writers(void **state)
{
	autofree char *text = NULL;
	pid_t pids[WRITERS];
	char head[65];
	size_t len;

	(void)state;
	for (int i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			write_many(i);
	}
	await_all(pids, WRITERS);
	text = unit_read(file, &len);
	assert_int_equal(run_check_chain(text, len, head), WRITERS * LINES);
	assert_int_equal(verify().state, VERIFY_OK);
	for (int w = 0; w < WRITERS; w++) {
		const char *last = text;

		for (int i = 0; i < LINES; i++) {
			autofree char *mark = mem_printf("\"w%d-%d.\"", w, i);
			const char *at = strstr(text, mark);

			assert_non_null(at);
			assert_true(at > last);
			assert_null(strstr(at + 1, mark));
			last = at;
		}
	}
}

/* Whoever is killed, with the lock or without, neither blocks the others nor breaks the chain. */
static void test_killed_writers(void **state)
{
	const struct timespec nap = {0, 3000000};
	char head[65] = "";

	(void)state;
	must_append("run_0");
	for (int round = 0; round < ROUNDS; round++) {
		pid_t pids[KILLED];

		for (int i = 0; i < KILLED; i++) {
			pids[i] = fork();
			if (pids[i] == 0)
				write_many(i);
		}
		nanosleep(&nap, NULL);
		for (int i = 0; i < KILLED; i++) {
			kill(pids[i], SIGKILL);
			waitpid(pids[i], NULL, 0);
		}
		must_append("run_0");
		assert_true(verify().state == VERIFY_OK || verify().state == VERIFY_CRASHED);
		assert_string_not_equal(verify().head, head);
		strcpy(head, verify().head);
	}
}

static void hold(int fd, int ms)
{
	const struct timespec nap = {ms / 1000, ms % 1000 * 1000000L};

	if (lock_set(fd) < 0)
		_exit(1);
	nanosleep(&nap, NULL);
	_exit(0);
}

static void test_lock(void **state)
{
	autofree char *path = unit_path(file);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct timespec before, after;
	pid_t pid;

	(void)state;
	pid = fork();
	if (pid == 0)
		hold(fd, 300);
	close(fd);
	for (fd = open(path, O_RDWR | O_CLOEXEC); !lock_is_set(fd);)
		nanosleep(&(struct timespec){0, 1000000}, NULL);
	clock_gettime(CLOCK_MONOTONIC, &before);
	must_append("run_1");
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true((after.tv_sec - before.tv_sec) * 1000 +
			    (after.tv_nsec - before.tv_nsec) / 1000000 >
		    100);
	waitpid(pid, NULL, 0);
	assert_false(lock_is_set(fd));
	close(fd);
}

static void add(const char *bytes)
{
	autofree char *path = unit_path(file);
	FILE *f = fopen(path, "a");

	assert_non_null(f);
	fputs(bytes, f);
	assert_int_equal(fclose(f), 0);
}

/* A torn line stays, ended by a newline, and the chain goes on around it: whatever of a record
 * it is, and even where who ended it was killed in turn. */
static void test_torn(void **state)
{
	size_t torn = 0, whole = 1, first;

	(void)state;
	must_append("run_1");
	autofree char *record = unit_read(file, &first);
	for (size_t len = 1; len < first - 1; len += 13) {
		autofree char *part = mem_strndup(record, len);
		struct verify_report r;

		add(part);
		torn += len;
		assert_int_equal(verify().state, VERIFY_CRASHED);
		assert_int_equal(verify().torn_bytes, torn);
		if (len % 2) {
			add("\n");
			add(part);
			torn += len;
		}
		must_append("run_1");
		r = verify();
		if (r.state != VERIFY_CRASHED)
			fail_msg("%zu bytes: %s", len, r.what);
		assert_int_equal(r.records, ++whole);
		assert_int_equal(r.torn_bytes, torn);
	}
	/* The control: what is between the torn ones is looked at. */
	autofree char *path = unit_path(file);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "\"owner\":\"mallory@example.org\"", 29, 300), 29);
	close(fd);
	assert_int_equal(verify().state, VERIFY_BROKEN);
}

/* A record that lacks only its newline is a record. */
static void test_no_newline(void **state)
{
	autofree char *path = unit_path(file);
	char head[65];
	size_t len;

	(void)state;
	for (size_t n = 1; n < 4; n++) {
		must_append("run_1");
		free(unit_read(file, &len));
		assert_int_equal(truncate(path, (off_t)len - 1), 0);
		assert_int_equal(verify().state, VERIFY_OK);
		assert_int_equal(verify().records, n);
		assert_int_equal(verify().torn_bytes, 0);
	}
	must_append("run_1");
	autofree char *text = unit_read(file, &len);
	assert_int_equal(run_check_chain(text, len, head), 4);
}

/* Nothing but torn lines: a chain begins behind them. */
static void test_only_torn(void **state)
{
	(void)state;
	add("{\"schema\":\"warder.record/1\",\"seq\":7,\n{\"sche");
	must_append("run_1");
	assert_int_equal(verify().state, VERIFY_CRASHED);
	assert_int_equal(verify().records, 1);
}

/* What the verifier takes for torn, the writer does, too. */
static void test_same_parser(void **state)
{
	static const char *const odd[] = {
		"{\"schema\":\"warder.record/1\",\"seq\":2,\"seq\":2}\n", "\n",
		"{\"schema\":\"warder.record/1\",\"seq\":2,\"a\":\"\xff\"}\n",
		"[2]\n", /* nobody's torn line: it stays a break */
	};

	(void)state;
	must_append("run_1");
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		enum verify_state before;

		add(odd[i]);
		before = verify().state;
		must_append("run_1");
		assert_int_equal(verify().state, before);
		assert_int_equal(before, i < 3 ? VERIFY_CRASHED : VERIFY_BROKEN);
	}
}

/* No chain is begun anew because its end cannot be found. */
static void test_no_end(void **state)
{
	autofree char *much = mem_alloc(3 * RECORD_LINE_MAX);
	autofree char *before = NULL;
	autofree char *after = NULL;
	struct fault f = {0};

	(void)state;
	must_append("run_1");
	memset(much, 'x', 3 * RECORD_LINE_MAX - 1);
	add(much);
	before = unit_read(file, NULL);
	assert_int_equal(append("run_1", NULL, &f), -1);
	assert_non_null(strstr(f.what, "ends in what is no record"));
	add("\n\n\n");
	assert_int_equal(append("run_1", NULL, &f), -1);
	after = unit_read(file, NULL);
	assert_memory_equal(before, after, strlen(before));
	assert_string_equal(after + strlen(before), "\n\n\n");
}

static void limit_size(rlim_t size)
{
	struct rlimit r;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &r), 0);
	r.rlim_cur = size;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
}

/* What did not fit leaves nothing, not even the newline of a torn line before it. */
static void test_full(void **state)
{
	size_t len, n;
	struct fault f = {0};

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	must_append("run_1");
	add("{\"torn");
	autofree char *before = unit_read(file, &len);
	for (rlim_t room = 0; room < 400; room += 33) {
		limit_size(len + room);
		assert_int_equal(append("run_1", NULL, &f), -1);
		limit_size(RLIM_INFINITY);
		assert_non_null(strstr(f.what, "File too large"));
		autofree char *after = unit_read(file, &n);
		assert_int_equal(n, len);
		assert_memory_equal(after, before, len);
	}
	must_append("run_1");
	assert_int_equal(verify().state, VERIFY_CRASHED);
	assert_int_equal(verify().records, 2);
}

static void test_refused(void **state)
{
	autofree char *path = unit_path(file);
	autofree char *target = unit_path("target");
	struct fault f = {0};

	(void)state;
	assert_int_equal(symlink(target, path), 0);
	assert_int_equal(append("run_1", NULL, &f), -1);
	assert_non_null(strstr(f.what, "cannot open the ledger"));
	assert_int_equal(access(target, F_OK), -1);
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(append("run_1", NULL, &f), -1);
	assert_int_equal(rmdir(path), 0);
	must_append("run_1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_first, forget),
		cmocka_unit_test_setup(test_many_writers, forget),
		cmocka_unit_test_setup(test_killed_writers, forget),
		cmocka_unit_test_setup(test_lock, forget),
		cmocka_unit_test_setup(test_torn, forget),
		cmocka_unit_test_setup(test_no_newline, forget),
		cmocka_unit_test_setup(test_only_torn, forget),
		cmocka_unit_test_setup(test_same_parser, forget),
		cmocka_unit_test_setup(test_no_end, forget),
		cmocka_unit_test_setup(test_full, forget),
		cmocka_unit_test_setup(test_refused, forget),
	};

	return cmocka_run_group_tests_name("ledger", tests, unit_setup, unit_teardown);
}
