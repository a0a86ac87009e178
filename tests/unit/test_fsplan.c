/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent will see, as it is decided in the launcher. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "jail/fsplan.h"

struct place {
	char dir[PATH_MAX]; /* canonical, fresh for each test */
	char ws[PATH_MAX + 8], home[PATH_MAX + 8], own[PATH_MAX + 8], program[PATH_MAX + 8];
	struct profile profile;
	struct strlist ro, rw;
	struct fsplan_context ctx;
	struct fsplan plan;
	struct fault fault;
};

static void make(const struct place *p, const char *path, bool directory)
{
	char full[2 * PATH_MAX];

	snprintf(full, sizeof(full), "%s/%s", p->dir, path);
	if (directory)
		assert_return_code(mkdir(full, 0755), 0);
	else
		close(open(full, O_CREAT | O_WRONLY | O_EXCL, 0755));
}

static void setup_paths(struct place *p)
{
	char template[] = "/tmp/warder-fsplan.XXXXXX";

	assert_non_null(mkdtemp(template));
	assert_non_null(realpath(template, p->dir));
	snprintf(p->ws, sizeof(p->ws), "%s/ws", p->dir);
	snprintf(p->home, sizeof(p->home), "%s/home", p->dir);
	snprintf(p->own, sizeof(p->own), "%s/own", p->dir);
	snprintf(p->program, sizeof(p->program), "%s/warder", p->dir);
	make(p, "ws", true);
	make(p, "home", true);
	make(p, "own", true);
	make(p, "warder", false);
}

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	setup_paths(p);
	p->profile.name = "test";
	strlist_add(&p->profile.fs.read, "/usr");
	strlist_add(&p->profile.fs.write, p->ws);
	p->ctx = (struct fsplan_context){.workspace = p->ws,
					 .home = p->home,
					 .cwd = p->ws,
					 .ro = &p->ro,
					 .rw = &p->rw,
					 .program = p->program,
					 .hostname = "bot",
					 .own = {p->own},
					 .uid = geteuid(),
					 .gid = getegid()};
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	char command[2 * PATH_MAX];

	fsplan_undo(&p->plan);
	fsplan_free(&p->plan);
	strlist_free(&p->profile.fs.read);
	strlist_free(&p->profile.fs.write);
	strlist_free(&p->profile.fs.hide);
	strlist_free(&p->profile.fs.protect);
	strlist_free(&p->profile.fs.tmpfs);
	strlist_free(&p->ro);
	strlist_free(&p->rw);
	snprintf(command, sizeof(command), "rm -rf '%s'", p->dir);
	assert_int_equal(system(command), 0);
	free(p);
	return 0;
}

/* "WS/x" and "HOME/x" are beneath those directories; a '?' may stand in front. */
static void expand(const struct place *p, const char *text, char out[2 * PATH_MAX])
{
	bool optional = text[0] == '?';

	text += optional;
	if (strncmp(text, "WS", 2) == 0)
		snprintf(out, 2 * PATH_MAX, "%s%s%s", optional ? "?" : "", p->ws, text + 2);
	else if (strncmp(text, "HOME", 4) == 0)
		snprintf(out, 2 * PATH_MAX, "%s%s%s", optional ? "?" : "", p->home, text + 4);
	else
		snprintf(out, 2 * PATH_MAX, "%s%s", optional ? "?" : "", text);
}

static void list(struct place *p, struct strlist *l, const char *text)
{
	char path[2 * PATH_MAX];

	expand(p, text, path);
	strlist_add(l, path);
}

static int decide(struct place *p)
{
	return fsplan_make(&p->profile, &p->ctx, &p->plan, &p->fault);
}

static const struct fs_op *at(const struct place *p, const char *text)
{
	char path[2 * PATH_MAX];

	expand(p, text, path);
	for (size_t i = 0; i < p->plan.n; i++)
		if (strcmp(p->plan.v[i].path, path) == 0)
			return &p->plan.v[i];
	return NULL;
}

static void kind_is(const struct place *p, const char *path, enum fs_kind kind)
{
	const struct fs_op *op = at(p, path);

	assert_non_null(op);
	assert_int_equal(op->kind, kind);
}

static bool exists(const struct place *p, const char *path)
{
	char full[2 * PATH_MAX];
	struct stat st;

	snprintf(full, sizeof(full), "%s/%s", p->ws, path);
	return lstat(full, &st) == 0;
}

static void test_plain(void **state)
{
	struct place *p = *state;

	assert_int_equal(decide(p), 0);
	kind_is(p, "WS", FS_WRITE);
	kind_is(p, "/usr", FS_READ);
	kind_is(p, p->home, FS_TMPFS);
	kind_is(p, "/run/warder/bin/warder", FS_READ);
	assert_string_equal(p->plan.cwd, p->ws);
	/* Parents before children, one op a path. */
	for (size_t i = 1; i < p->plan.n; i++)
		assert_false(fsplan_beneath(p->plan.v[i - 1].path, p->plan.v[i].path));
}

static void test_protect_pins(void **state)
{
	struct place *p = *state;

	make(p, "ws/.git", true);
	make(p, "ws/.git/hooks", true);
	make(p, "ws/.git/config", false);
	list(p, &p->profile.fs.protect, "WS/.git/hooks/");
	list(p, &p->profile.fs.protect, "WS/.git/config");
	list(p, &p->profile.fs.protect, "WS/.git/hooks");
	assert_int_equal(decide(p), 0);
	kind_is(p, "WS/.git/hooks", FS_PROTECT);
	kind_is(p, "WS/.git/config", FS_PROTECT);
	/* Else `mv .git x` would take the protection along. */
	kind_is(p, "WS/.git", FS_PIN);
}

/* `mv ../ws x; mkdir -p ../ws/.git/hooks` would do as well. */
static void test_protect_in_nested_trees(void **state)
{
	struct place *p = *state;

	make(p, "ws/sub", true);
	make(p, "ws/sub/deep", true);
	make(p, "ws/sub/deep/.git", true);
	make(p, "ws/sub/deep/.git/hooks", true);
	list(p, &p->rw, "WS/sub/deep");
	list(p, &p->profile.fs.protect, "WS/sub/deep/.git/hooks");
	assert_int_equal(decide(p), 0);
	kind_is(p, "WS/sub/deep/.git/hooks", FS_PROTECT);
	kind_is(p, "WS/sub/deep/.git", FS_PIN);
	kind_is(p, "WS/sub/deep", FS_PIN);
	kind_is(p, "WS/sub", FS_PIN);
	kind_is(p, "WS", FS_WRITE);
}

/* What is masked, or shown read-only, in a writable tree stays in its place, too. */
static void test_others_pin(void **state)
{
	struct place *p = *state;

	make(p, "ws/.config", true);
	make(p, "ws/.config/gh", true);
	make(p, "ws/ci", true);
	make(p, "ws/ci/policy", true);
	list(p, &p->profile.fs.hide, "WS/.config/gh");
	list(p, &p->ro, "WS/ci/policy");
	assert_int_equal(decide(p), 0);
	kind_is(p, "WS/.config/gh", FS_HIDE);
	kind_is(p, "WS/.config", FS_PIN);
	kind_is(p, "WS/ci/policy", FS_READ);
	kind_is(p, "WS/ci", FS_PIN);
}

static void test_protect_makes_and_undoes(void **state)
{
	struct place *p = *state;

	make(p, "ws/.git", true);
	list(p, &p->profile.fs.protect, "WS/.git/hooks/");
	list(p, &p->profile.fs.protect, "WS/.git/config");
	list(p, &p->profile.fs.protect, "?WS/.envrc");
	list(p, &p->profile.fs.protect, "WS/not/there");
	assert_int_equal(decide(p), 0);
	assert_true(exists(p, ".git/hooks") && exists(p, ".git/config"));
	assert_false(exists(p, ".envrc") || exists(p, "not"));
	assert_true(at(p, "WS/.git/hooks")->directory);
	assert_false(at(p, "WS/.git/config")->directory);
	fsplan_undo(&p->plan);
	assert_false(exists(p, ".git/hooks") || exists(p, ".git/config"));
	assert_true(exists(p, ".git"));
}

static void test_undo_keeps_what_was_filled(void **state)
{
	struct place *p = *state;

	make(p, "ws/.git", true);
	list(p, &p->profile.fs.protect, "WS/.git/hooks/");
	list(p, &p->profile.fs.protect, "WS/.git/config");
	assert_int_equal(decide(p), 0);
	make(p, "ws/.git/hooks/pre-commit", false);
	assert_int_equal(truncate(at(p, "WS/.git/config")->path, 5), 0);
	fsplan_undo(&p->plan);
	assert_true(exists(p, ".git/hooks/pre-commit") && exists(p, ".git/config"));
}

/* Two runs in one workspace: the first one's end must not unprotect the second. */
static void test_undo_waits_for_the_last(void **state)
{
	struct place *p = *state;
	struct fsplan second;

	make(p, "ws/.git", true);
	list(p, &p->profile.fs.protect, "WS/.git/hooks/");
	assert_int_equal(decide(p), 0);
	assert_int_equal(fsplan_make(&p->profile, &p->ctx, &second, &p->fault), 0);
	fsplan_undo(&p->plan);
	assert_true(exists(p, ".git/hooks"));
	fsplan_undo(&second);
	fsplan_free(&second);
}

static void refused(struct place *p, const char *what)
{
	assert_int_equal(decide(p), -1);
	if (strstr(p->fault.what, what) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", what, p->fault.what);
	assert_true(p->fault.mend[0] != '\0');
}

static void test_protect_refuses_links(void **state)
{
	struct place *p = *state;
	char link[2 * PATH_MAX];

	make(p, "ws/real", true);
	make(p, "ws/real/hooks", true);
	snprintf(link, sizeof(link), "%s/.git", p->ws);
	assert_return_code(symlink("real", link), 0);
	list(p, &p->profile.fs.protect, "WS/.git/hooks/");
	refused(p, ".git is a symlink");
}

static void test_protect_refuses_a_link_itself(void **state)
{
	struct place *p = *state;
	char link[2 * PATH_MAX];

	make(p, "ws/real", true);
	snprintf(link, sizeof(link), "%s/.husky", p->ws);
	assert_return_code(symlink("real", link), 0);
	list(p, &p->profile.fs.protect, "?WS/.husky");
	refused(p, ".husky is a symlink");
}

/* A worktree's .git is a file that leads elsewhere. */
static void test_protect_a_file_in_the_way(void **state)
{
	struct place *p = *state;

	make(p, "ws/.git", false);
	list(p, &p->profile.fs.protect, "WS/.git/hooks/");
	assert_int_equal(decide(p), 0);
	kind_is(p, "WS/.git", FS_PROTECT);
}

static void test_what_appears_is_told(void **state)
{
	struct place *p = *state;
	struct strlist made = {0};

	list(p, &p->profile.fs.protect, "?WS/.envrc");
	list(p, &p->profile.fs.protect, "?WS/.vscode/tasks.json");
	list(p, &p->profile.fs.protect, "?HOME/.profile"); /* private: not the host's */
	assert_int_equal(decide(p), 0);
	fsplan_appeared(&p->plan, &made);
	assert_int_equal(made.n, 0);
	make(p, "ws/.vscode", true);
	make(p, "ws/.vscode/tasks.json", false);
	make(p, "home/.profile", false);
	fsplan_appeared(&p->plan, &made);
	assert_int_equal(made.n, 1);
	assert_non_null(strstr(made.v[0], "/ws/.vscode/tasks.json"));
	strlist_free(&made);
}

static void test_hide(void **state)
{
	struct place *p = *state;

	make(p, "home/.ssh", true);
	make(p, "ws/token", false);
	list(p, &p->profile.fs.hide, "HOME/.ssh");
	list(p, &p->profile.fs.hide, "WS/token");
	list(p, &p->profile.fs.hide, "/root"); /* not shown, so not masked */
	assert_int_equal(decide(p), 0);
	kind_is(p, "WS/token", FS_HIDE);
	assert_false(at(p, "WS/token")->directory);
	assert_null(at(p, "/root"));
	assert_null(at(p, "HOME/.ssh")); /* the home is private: a program may make its own */
}

static void test_stricter_wins(void **state)
{
	struct place *p = *state;

	make(p, "ws/sub", true);
	list(p, &p->profile.fs.write, "WS/sub");
	list(p, &p->profile.fs.hide, "WS/sub");
	assert_int_equal(decide(p), 0);
	kind_is(p, "WS/sub", FS_HIDE);
}

static void test_options_are_not_passed_over(void **state)
{
	struct place *p = *state;

	make(p, "ws/sub", true);
	make(p, "tree", true);
	list(p, &p->profile.fs.read, p->own); /* any directory beside the workspace */
	p->ctx.own[0] = NULL;
	list(p, &p->rw, p->own);
	assert_int_equal(decide(p), 0);
	kind_is(p, p->own, FS_WRITE);
	fsplan_free(&p->plan);
	list(p, &p->ro, "WS/sub");
	list(p, &p->profile.fs.hide, "WS/sub");
	refused(p, "--ro");
}

static void test_read_inside_write(void **state)
{
	struct place *p = *state;

	make(p, "ws/vendor", true);
	make(p, "ws/src", true);
	list(p, &p->ro, "vendor"); /* relative to where the launcher stands */
	list(p, &p->rw, "src");
	assert_int_equal(decide(p), 0);
	kind_is(p, "WS/vendor", FS_READ);
	assert_null(at(p, "WS/src")); /* writable already */
}

static void test_links_are_made_again(void **state)
{
	struct place *p = *state;
	char link[2 * PATH_MAX];

	make(p, "real", true);
	snprintf(link, sizeof(link), "%s/alias", p->dir);
	assert_return_code(symlink("real", link), 0);
	list(p, &p->profile.fs.read, link);
	assert_int_equal(decide(p), 0);
	kind_is(p, link, FS_LINK);
	assert_string_equal(at(p, link)->source, "real");
}

static void test_own_is_hidden(void **state)
{
	struct place *p = *state;
	char inside[2 * PATH_MAX];

	make(p, "ws/log", true);
	snprintf(inside, sizeof(inside), "%s/log", p->ws);
	p->ctx.own[0] = inside;
	assert_int_equal(decide(p), 0);
	kind_is(p, "WS/log", FS_HIDE);
}

static void test_workspace_in_own(void **state)
{
	struct place *p = *state;

	p->ctx.own[0] = p->dir;
	refused(p, "inside warder's own directory");
}

static const struct {
	const char *workspace, *what;
} bad_workspaces[] = {
	{"/", "the workspace cannot be /"},
	{"/proc", "the workspace cannot be /proc"},
	{"/usr", "the workspace cannot be /usr"},
	{"/dev/shm", "the workspace cannot be /dev/shm"},
	{"/etc/passwd", "is no directory"},
	{"/usr/../var/empty-or-not", "is no directory"},
};

static void test_bad_workspaces(void **state)
{
	struct place *p = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad_workspaces); i++) {
		p->ctx.workspace = bad_workspaces[i].workspace;
		refused(p, bad_workspaces[i].what);
		fsplan_free(&p->plan);
	}
}

static void test_workspace_not_shown(void **state)
{
	struct place *p = *state;

	strlist_free(&p->profile.fs.write);
	refused(p, "shows nothing of the workspace");
}

static void test_workspace_under_a_tmpfs(void **state)
{
	struct place *p = *state;

	strlist_free(&p->profile.fs.write);
	list(p, &p->profile.fs.tmpfs, "/tmp");
	refused(p, "private to each run");
}

static void test_bad_paths(void **state)
{
	struct place *p = *state;

	list(p, &p->profile.fs.read, "/nowhere/at/all");
	refused(p, "filesystem.read: /nowhere/at/all: No such file");
	fsplan_free(&p->plan);
	p->profile.fs.read.v[1][0] = '?'; /* "?nowhere/..." is no path, but optional */
	assert_int_equal(decide(p), 0);
	fsplan_free(&p->plan);
	list(p, &p->profile.fs.read, "/");
	refused(p, "all of /");
	fsplan_free(&p->plan);
	strlist_free(&p->profile.fs.read);
	list(p, &p->profile.fs.read, "/proc/sys");
	refused(p, "/proc/sys cannot be shown");
}

#define EACH(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(test_plain),
		EACH(test_protect_pins),
		EACH(test_protect_in_nested_trees),
		EACH(test_others_pin),
		EACH(test_protect_makes_and_undoes),
		EACH(test_undo_keeps_what_was_filled),
		EACH(test_undo_waits_for_the_last),
		EACH(test_protect_refuses_links),
		EACH(test_protect_refuses_a_link_itself),
		EACH(test_protect_a_file_in_the_way),
		EACH(test_what_appears_is_told),
		EACH(test_hide),
		EACH(test_stricter_wins),
		EACH(test_options_are_not_passed_over),
		EACH(test_read_inside_write),
		EACH(test_links_are_made_again),
		EACH(test_own_is_hidden),
		EACH(test_workspace_in_own),
		EACH(test_bad_workspaces),
		EACH(test_workspace_not_shown),
		EACH(test_workspace_under_a_tmpfs),
		EACH(test_bad_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
