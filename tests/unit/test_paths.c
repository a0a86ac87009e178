/* SPDX-License-Identifier: Apache-2.0 */
/* Where warder keeps what it has: CONTRACT "Directories". */
#include "unit.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/paths.h"

static const char *const variables[] = {
	"WARDER_CONFIG_DIR", "WARDER_STATE_DIR", "WARDER_LOG_DIR", "WARDER_RUNTIME_DIR",
	"XDG_CONFIG_HOME",   "XDG_STATE_HOME",	 "XDG_RUNTIME_DIR", "HOME",
};

static void clear(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
		unsetenv(variables[i]);
}

static void assert_places(const char *config, const char *state_dir, const char *log,
			  const char *runtime)
{
	struct paths p;
	struct fault f = {0};

	if (paths_init(&p, &f) < 0)
		fail_msg("%s", f.what);
	assert_string_equal(p.config, config);
	assert_string_equal(p.state, state_dir);
	assert_string_equal(p.log, log);
	assert_string_equal(p.runtime, runtime);
	/* These tests are no installed program: what was configured counts. */
	assert_string_equal(p.share, WARDER_SHARE_DIR);
	assert_string_equal(p.libexec, WARDER_LIBEXEC_DIR);
	paths_free(&p);
	assert_null(p.config);
}

static void test_overrides(void **state)
{
	struct paths p;
	struct fault f = {0};

	(void)state;
	clear();
	for (size_t i = 0; i < 4; i++)
		setenv(variables[i], variables[i][7] == 'C' ? "/c//" : "/x/y/", 1);
	assert_places("/c", "/x/y", "/x/y", "/x/y");
	setenv("WARDER_LOG_DIR", "/", 1);
	assert_places("/c", "/x/y", "/", "/x/y");
	setenv("WARDER_LOG_DIR", "log", 1);
	assert_int_equal(paths_init(&p, &f), -1);
	assert_non_null(strstr(f.what, "WARDER_LOG_DIR is relative: log"));
	assert_null(p.config);
}

static void test_root(void **state)
{
	(void)state;
	if (geteuid() != 0)
		return; /* root's run looks at it */
	clear();
	setenv("HOME", "/root", 1);
	setenv("XDG_CONFIG_HOME", "/elsewhere", 1); /* is nothing to root */
	setenv("WARDER_STATE_DIR", "", 1);	    /* empty is not set */
	assert_places("/etc/warder", "/var/lib/warder", "/var/log/warder", "/run/warder");
}

/* In a child, because an ordinary user does not become root again. */
static void as_user(void (*test)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
			_exit(2);
		test();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* A child must not go on with cmocka's long jumps. */
static void check(bool right, const char *what)
{
	if (right)
		return;
	print_message("# not so: %s\n", what);
	_exit(1);
}

static bool places_are(const char *config, const char *state_dir, const char *log,
		       const char *runtime)
{
	struct paths p;
	struct fault f = {0};
	bool same;

	if (paths_init(&p, &f) < 0)
		return false;
	same = strcmp(p.config, config) == 0 && strcmp(p.state, state_dir) == 0 &&
	       strcmp(p.log, log) == 0 && strcmp(p.runtime, runtime) == 0;
	paths_free(&p);
	return same;
}

static void user_places(void)
{
	struct paths p;
	struct fault f = {0};

	clear();
	check(paths_init(&p, &f) < 0 && strstr(f.what, "no HOME"), "no HOME is a fault");
	setenv("HOME", "home", 1);
	check(paths_init(&p, &f) < 0, "a relative one is, too");
	setenv("HOME", "/home/u", 1);
	check(places_are("/home/u/.config/warder", "/home/u/.local/state/warder",
			 "/home/u/.local/state/warder/log", "/home/u/.local/state/warder/run"),
	      "below HOME");
	setenv("XDG_CONFIG_HOME", "/c", 1);
	setenv("XDG_STATE_HOME", "relative", 1); /* ignored: the XDG specification */
	setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
	check(places_are("/c/warder", "/home/u/.local/state/warder",
			 "/home/u/.local/state/warder/log", "/run/user/7/warder"),
	      "XDG variables");
}

static void test_user(void **state)
{
	(void)state;
	as_user(user_places);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void test_make(void **state)
{
	autofree char *dir = unit_path("a/b");
	autofree char *sub = unit_path("a/b/agents.d");
	autofree char *deep = unit_path("c/d/e");
	autofree char *up = unit_path("a");
	mode_t old = umask(0027), readable = geteuid() == 0 ? 0755 : 0700;
	struct fault f = {0};

	(void)state;
	assert_int_equal(paths_make(dir, "agents.d", 1, &f), 0);
	assert_int_equal(mode_of(sub), readable);
	assert_int_equal(mode_of(up), readable);
	assert_int_equal(paths_make(dir, "agents.d", 0, &f), 0); /* is there */
	assert_int_equal(mode_of(sub), readable);
	assert_int_equal(paths_make(deep, NULL, 0, &f), 0);
	assert_int_equal(mode_of(deep), 0700);
	assert_int_equal(umask(old), 0027); /* as it was */
}

static void test_make_fails(void **state)
{
	autofree char *file = unit_path("file");
	autofree char *below = unit_path("file/sub");
	autofree char *dangling = unit_path("dangling");
	struct fault f = {0};

	(void)state;
	unit_write("file", "x", 1);
	assert_int_equal(paths_make(file, NULL, 0, &f), -1);
	assert_non_null(strstr(f.what, "Not a directory"));
	assert_int_equal(paths_make(below, NULL, 0, &f), -1);
	assert_non_null(strstr(f.what, file));
	assert_int_equal(symlink("/nowhere/at/all", dangling), 0);
	assert_int_equal(paths_make(dangling, NULL, 0, &f), -1);
	assert_int_equal(paths_make(dangling, "sub", 0, &f), -1);
}

/* The configured path, below the test's directory instead of the prefix. */
static char *moved(const char *path)
{
	return mem_printf("%s/moved%s", unit_dir, path + strlen(WARDER_PREFIX));
}

/* A prefix that was moved uses its own files; see also tests/system/build.t. */
static void moved_places(void)
{
	struct paths p;
	struct fault f = {0};
	autofree char *share = moved(WARDER_SHARE_DIR);

	clear();
	setenv("HOME", "/h", 1);
	check(paths_init(&p, &f) == 0, "it starts");
	check(strcmp(p.share, share) == 0, "its own share");
	check(strcmp(p.libexec, WARDER_LIBEXEC_DIR) == 0, "where there is none, the configured one");
	_exit(0);
}

static void test_moved(void **state)
{
	autofree char *bin = moved(WARDER_BIN_DIR);
	autofree char *share = moved(WARDER_SHARE_DIR);
	autofree char *program = mem_printf("%s/program", bin);
	autofree char *copy = NULL;
	autofree char *exe = NULL;
	char self[PATH_MAX];
	struct fault f = {0};
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	(void)state;
	assert_true(n > 0);
	self[n] = '\0';
	assert_int_equal(paths_make(bin, NULL, 0, &f), 0);
	assert_int_equal(paths_make(share, NULL, 0, &f), 0);
	copy = mem_printf("cp %s %s", self, program);
	assert_int_equal(system(copy), 0);
	exe = mem_printf("WARDER_TEST_MOVED=%s %s", unit_dir, program);
	assert_int_equal(system(exe), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_overrides), cmocka_unit_test(test_root),
		cmocka_unit_test(test_user),	  cmocka_unit_test(test_make),
		cmocka_unit_test(test_make_fails), cmocka_unit_test(test_moved),
	};
	const char *again = getenv("WARDER_TEST_MOVED");

	if (again != NULL) {
		snprintf(unit_dir, sizeof(unit_dir), "%s", again);
		moved_places();
	}
	return cmocka_run_group_tests_name("paths", tests, unit_setup, unit_teardown);
}
