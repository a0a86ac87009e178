/* SPDX-License-Identifier: Apache-2.0 */
/* The journal of a run: a chain of whole lines, whatever the disk does. */
#include "runs.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "record/lock.h"

/* In place of the C library's: a disk that fails when it is told to. */
static bool fail_sync, fail_truncate;
static int syncs;

int fdatasync(int fd)
{
	syncs++;
	if (fail_sync) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

int ftruncate(int fd, off_t size)
{
	if (fail_truncate) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_ftruncate, fd, size);
}

static struct journal *create(const struct record_identity *who, enum audit_sync sync)
{
	struct fault f = {0};
	struct journal *j = journal_create(unit_dir, who, sync, &f);

	if (j == NULL)
		fail_msg("%s", f.what);
	return j;
}

/* The file is n whole chained lines, the last of which is the journal's head. */
static void assert_journal(const struct journal *j, size_t n)
{
	autofree char *text = NULL;
	char head[65];
	size_t len;

	text = fd_slurp(journal_path(j), UNIT_FILE_MAX, &len);
	assert_non_null(text);
	assert_int_equal(run_check_chain(text, len, head), n);
	assert_int_equal(journal_records(j), n);
	assert_string_equal(journal_head(j), head);
}

static void test_chain(void **state)
{
	struct record_identity who = run_identity("run_chain");
	struct journal *j = create(&who, SYNC_DECISION);
	autofree char *path = unit_path("journal/run_chain.jsonl");
	struct stat st;

	(void)state;
	assert_string_equal(journal_path(j), path);
	assert_string_equal(journal_head(j), CHAIN_FIRST);
	assert_journal(j, 0);
	for (int i = 0; i < 20; i++) {
		run_append(j, run_denial("evil.example:443"));
		assert_journal(j, (size_t)i + 1);
	}
	assert_int_equal(journal_denials(j), 20);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	journal_close(j);
	journal_close(NULL);
}

/* As an auditor does it, with what is on every machine. */
static void test_sha256sum(void **state)
{
	struct record_identity who = run_identity("run_sum");
	struct journal *j = create(&who, SYNC_NONE);
	autofree char *command = mem_printf(
		"f=%s; h=$(head -n 1 $f | tr -d '\\n' | sha256sum | cut -d ' ' -f 1); "
		"sed -n 2p $f | grep -q \"\\\"prev\\\":\\\"$h\\\"\"", journal_path(j));

	(void)state;
	run_append(j, run_denial("a:1"));
	run_append(j, run_denial("b:1"));
	assert_int_equal(system(command), 0);
	journal_close(j);
}

static void test_create(void **state)
{
	struct record_identity who = run_identity("run_create");
	struct journal *j = create(&who, SYNC_NONE);
	autofree char *path = mem_strdup(journal_path(j));
	autofree char *target = unit_path("target");
	autofree char *file = unit_path("a-file");
	autofd int fd = -1;
	struct fault f = {0};

	(void)state;
	/* One writer, and it can be seen to live. */
	assert_null(journal_create(unit_dir, &who, SYNC_NONE, &f));
	assert_non_null(strstr(f.what, "File exists"));
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(lock_is_set(fd));
	assert_int_equal(lock_set(fd), -1);
	journal_close(j);
	assert_false(lock_is_set(fd));
	/* Nor where somebody laid a link. */
	unlink(path);
	assert_int_equal(symlink(target, path), 0);
	assert_null(journal_create(unit_dir, &who, SYNC_NONE, &f));
	assert_int_equal(access(target, F_OK), -1);
	unit_write("a-file", "", 0);
	assert_null(journal_create(file, &who, SYNC_NONE, &f));
	assert_non_null(strstr(f.what, "cannot make the directory"));
}

static uint64_t attempt_of(struct journal *j, const char *resource)
{
	struct action a = run_denial(resource);

	assert_int_equal(journal_append(j, &a), 0);
	assert_memory_equal(a.action_id, "act_", 4);
	return a.attempt;
}

static void test_attempts(void **state)
{
	struct record_identity who = run_identity("run_attempts");
	struct journal *j = create(&who, SYNC_NONE);
	struct action a = run_denial("a:1"), outcome;

	(void)state;
	for (uint64_t n = 1; n < 5; n++) {
		assert_int_equal(attempt_of(j, "a:1"), n);
		assert_int_equal(attempt_of(j, "b:1"), n);
	}
	assert_int_equal(journal_append(j, &a), 0);
	assert_int_equal(a.attempt, 5);
	outcome = a;
	outcome.phase = PHASE_OUTCOME;
	assert_int_equal(journal_append(j, &outcome), 0);
	assert_int_equal(outcome.attempt, 5);
	assert_string_equal(outcome.action_id, a.action_id);
	assert_int_equal(attempt_of(j, "a:1"), 6); /* an outcome is no attempt */
	journal_close(j);
}

/* Past the table's end new actions are recorded, and the record says that nobody counts. */
static void test_many_actions(void **state)
{
	struct record_identity who = run_identity("run_many");
	struct journal *j = create(&who, SYNC_NONE);
	autofree char *text = NULL;
	char name[32];
	size_t len;

	(void)state;
	for (int i = 0; i < JOURNAL_ATTEMPTS_MAX + 10; i++) {
		snprintf(name, sizeof(name), "h%d:1", i);
		assert_int_equal(attempt_of(j, name), 1);
	}
	assert_int_equal(attempt_of(j, "h0:1"), 2);
	assert_int_equal(attempt_of(j, name), 1);
	text = fd_slurp(journal_path(j), UNIT_FILE_MAX, &len);
	assert_non_null(text);
	len = 0;
	for (const char *c = text; (c = strstr(c, "\"detail\":{\"attempts_uncounted\":true}")); c++)
		len++;
	assert_int_equal(len, 11);
	journal_close(j);
}

static const struct {
	enum record_phase phase;
	enum record_decision decision;
	bool synced; /* under "decision" */
	bool denial;
} syncs_of[] = {
	{PHASE_DECISION, POLICY_ALLOWED, false, false},
	{PHASE_DECISION, POLICY_OBSERVED, false, false},
	{PHASE_DECISION, POLICY_DENIED, true, true},
	{PHASE_DECISION, POLICY_APPROVED, true, false},
	{PHASE_OUTCOME, POLICY_ALLOWED, false, false},
	{PHASE_OUTCOME, POLICY_APPROVED, false, false},
	{PHASE_OUTCOME, POLICY_DENIED, true, true}, /* by the gateway */
	{PHASE_LIFECYCLE, POLICY_ALLOWED, true, false},
	{PHASE_APPROVAL, POLICY_APPROVED, true, false},
	{PHASE_REVOCATION, POLICY_DENIED, true, false},
	{PHASE_FINDING, POLICY_DENIED, true, false},
};

static void test_sync(void **state)
{
	static const char *const ids[] = {"run_sync_d", "run_sync_a", "run_sync_n"};

	(void)state;
	for (int sync = SYNC_DECISION; sync <= SYNC_NONE; sync++) {
		struct record_identity who = run_identity(ids[sync]);
		struct journal *j = create(&who, (enum audit_sync)sync);

		for (size_t i = 0; i < ARRAY_SIZE(syncs_of); i++) {
			struct action a = run_denial("a:1");
			uint64_t denials = journal_denials(j);

			a.phase = syncs_of[i].phase;
			a.decision = syncs_of[i].decision;
			syncs = 0;
			run_append(j, a);
			assert_int_equal(syncs, sync == SYNC_ALL ||
						(sync == SYNC_DECISION && syncs_of[i].synced));
			assert_int_equal(journal_denials(j) - denials, syncs_of[i].denial);
		}
		journal_close(j);
	}
}

/* What could not be synced is not in the journal, and was no attempt. */
static void test_sync_fails(void **state)
{
	struct record_identity who = run_identity("run_eio");
	struct journal *j = create(&who, SYNC_DECISION);
	struct action a = run_denial("a:1");

	(void)state;
	assert_int_equal(attempt_of(j, "a:1"), 1);
	fail_sync = true;
	assert_int_equal(journal_append(j, &a), -EIO);
	assert_int_equal(journal_append(j, &a), -EIO);
	fail_sync = false;
	assert_journal(j, 1);
	assert_int_equal(journal_denials(j), 1);
	assert_int_equal(attempt_of(j, "a:1"), 2);
	assert_journal(j, 2);
	journal_close(j);
}

/* Lets files grow to so many bytes; a write past them is short, then fails. */
static void limit_size(rlim_t size)
{
	struct rlimit r;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &r), 0);
	r.rlim_cur = size;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
}

static off_t size_of(const struct journal *j)
{
	struct stat st;

	assert_int_equal(stat(journal_path(j), &st), 0);
	return st.st_size;
}

/* Wherever in a line the room ends: the line is cut off, the next one has its place. */
static void test_short(void **state)
{
	struct record_identity who = run_identity("run_short");
	struct journal *j = create(&who, SYNC_NONE);
	struct action a = run_denial("a:1");
	off_t begin = 0, line;
	size_t n = 1;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	run_append(j, a);
	line = size_of(j);
	for (off_t room = 0; room < line; room += 7) {
		begin = size_of(j);
		limit_size((rlim_t)(begin + room));
		assert_int_equal(journal_append(j, &a), room == 0 ? -EFBIG : -ENOSPC);
		limit_size(RLIM_INFINITY);
		assert_int_equal(size_of(j), begin);
		assert_journal(j, n);
		assert_int_equal(attempt_of(j, "a:1"), n + 1);
		assert_journal(j, ++n);
	}
	journal_close(j);
}

/* While what is torn cannot be cut off, nothing follows it: a torn line is the last one. */
static void test_torn_stays(void **state)
{
	struct record_identity who = run_identity("run_torn");
	struct journal *j = create(&who, SYNC_NONE);
	struct action a = run_denial("a:1");
	off_t begin;

	(void)state;
	run_append(j, a);
	begin = size_of(j);
	limit_size((rlim_t)begin + 100);
	fail_truncate = true;
	assert_int_equal(journal_append(j, &a), -ENOSPC);
	limit_size(RLIM_INFINITY);
	assert_int_equal(size_of(j), begin + 100);
	assert_int_equal(journal_append(j, &a), -EIO);
	assert_int_equal(journal_append(j, &a), -EIO);
	assert_int_equal(size_of(j), begin + 100);
	fail_truncate = false;
	assert_int_equal(journal_append(j, &a), 0);
	assert_journal(j, 2);
	assert_int_equal(a.attempt, 2);
	journal_close(j);
}

/* In a child with mounts of its own; cmocka's jumps must not leave it. */
static void in_child(int (*test)(const char *dir))
{
	autofree char *dir = unit_path("mounted");
	int status;
	pid_t pid;

	if (geteuid() != 0)
		return; /* root's run looks at it */
	mkdir(dir, 0700);
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
			_exit(99);
		_exit(test(dir));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 99)
		unit_skip("mount a tmpfs");
	assert_int_equal(status, 0);
}

#define MUST(x)                                                                                    \
	do {                                                                                       \
		if (!(x)) {                                                                        \
			print_message("# line %d: not so: %s\n", __LINE__, #x);                    \
			return 1;                                                                  \
		}                                                                                  \
	} while (0)

/* A disk that is full, and then is not any more. */
static int full_disk(const char *dir)
{
	autofree char *ballast = mem_printf("%s/ballast", dir);
	struct record_identity who = run_identity("run_full");
	struct action a = run_denial("a:1");
	struct fault f = {0};
	struct journal *j;
	autofree char *text = NULL;
	char fill[4096] = "", head[65];
	size_t len, n;
	int fd, rc;

	if (mount("tmpfs", dir, "tmpfs", 0, "size=128k") < 0)
		return 99;
	j = journal_create(dir, &who, SYNC_DECISION, &f);
	MUST(j != NULL);
	fd = open(ballast, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	MUST(fd >= 0);
	for (int i = 0; i < 16; i++)
		MUST(write(fd, fill, sizeof(fill)) == sizeof(fill));
	while ((rc = journal_append(j, &a)) == 0)
		;
	MUST(rc == -ENOSPC);
	n = journal_records(j);
	MUST(n > 50 && a.attempt == n + 1);
	MUST(journal_append(j, &a) == -ENOSPC);
	text = fd_slurp(journal_path(j), UNIT_FILE_MAX, &len);
	MUST(text != NULL && len > 0 && text[len - 1] == '\n');
	MUST(unlink(ballast) == 0);
	close(fd);
	MUST(journal_append(j, &a) == 0);
	MUST(a.attempt == n + 1);
	free(text);
	text = fd_slurp(journal_path(j), UNIT_FILE_MAX, &len);
	MUST(run_check_chain(text, len, head) == n + 1);
	MUST(strcmp(head, journal_head(j)) == 0);
	journal_close(j);
	return 0;
}

static int read_only(const char *dir)
{
	struct record_identity who = run_identity("run_ro");
	struct fault f = {0};
	struct journal *j;

	if (mount("tmpfs", dir, "tmpfs", 0, "size=128k") < 0)
		return 99;
	j = journal_create(dir, &who, SYNC_DECISION, &f); /* the control */
	MUST(j != NULL);
	journal_close(j);
	MUST(mount("tmpfs", dir, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL) == 0);
	who.run_id = "run_ro2";
	MUST(journal_create(dir, &who, SYNC_DECISION, &f) == NULL);
	MUST(strstr(f.what, "Read-only file system") != NULL);
	return 0;
}

static void test_full_disk(void **state)
{
	(void)state;
	in_child(full_disk);
}

static void test_read_only(void **state)
{
	(void)state;
	in_child(read_only);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chain),	   cmocka_unit_test(test_sha256sum),
		cmocka_unit_test(test_create),	   cmocka_unit_test(test_attempts),
		cmocka_unit_test(test_many_actions), cmocka_unit_test(test_sync),
		cmocka_unit_test(test_sync_fails), cmocka_unit_test(test_short),
		cmocka_unit_test(test_torn_stays), cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_read_only),
	};

	return cmocka_run_group_tests_name("journal", tests, unit_setup, unit_teardown);
}
