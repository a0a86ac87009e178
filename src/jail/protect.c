/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is read-only inside a writable tree, and must not come to be under another
 * name: .git/hooks and its like.
 *
 * What FS_PROTECT makes is removed at the end, unless another run counts on it:
 * each run holds a shared flock(2) on what it protects, and only who gets the
 * exclusive one removes.
 */
#include "jail/fsplan_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/sys.h"
#include "jail/hostpath.h"

enum {
	MAKE_TRIES = 16, /* against runs that end meanwhile; then the start fails */
};

/* The descriptor of a directory that is what its path says, whoever renames meanwhile. */
static int open_exactly(const char *path, uint64_t flags)
{
	return sys_openat2(AT_FDCWD, path, flags, RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

/* Makes it empty.  1 made, 0 there already, -1 with errno. */
static int make_empty(int dirfd, const char *name, bool directory)
{
	autofd int fd = -1;

	if (directory)
		return mkdirat(dirfd, name, 0755) == 0 ? 1 : errno == EEXIST ? 0 : -1;
	fd = openat(dirfd, name, O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	return fd >= 0 ? 1 : errno == EEXIST ? 0 : -1;
}

/* Holds it against the end of other runs.  False: it went away meanwhile. */
static bool lock_shared(int dirfd, const char *name, int *lock)
{
	struct stat held, now;

	*lock = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (*lock < 0)
		return errno != ENOENT; /* not to be opened: then nobody made it for a run */
	flock(*lock, LOCK_SH | LOCK_NB);
	if (fstat(*lock, &held) == 0 && fstatat(dirfd, name, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
	    held.st_dev == now.st_dev && held.st_ino == now.st_ino)
		return true;
	fd_close(lock);
	return false;
}

static int protect_at(struct builder *b, const char *parent, const char *name, bool directory,
		      bool optional)
{
	autofree char *path = mem_printf("%s/%s", strcmp(parent, "/") == 0 ? "" : parent, name);
	autofd int dirfd = open_exactly(parent, O_PATH | O_DIRECTORY);
	const struct fs_op *had = fsplan_covering(b->plan, path);
	struct fs_op *op;
	struct stat st;
	int lock = -1, made = 0;

	if (had->kind == FS_PROTECT && strcmp(had->path, path) == 0)
		return 0; /* named twice */
	for (int tries = 0; dirfd >= 0 && tries < MAKE_TRIES; tries++) {
		if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			if (errno != ENOENT)
				break;
			if (optional)
				return 0;
			made = make_empty(dirfd, name, directory);
			if (made < 0)
				break;
			continue;
		}
		if (S_ISLNK(st.st_mode))
			return fault_set(b->f, "protect what it points to, or make it no symlink",
					 "profile %s: filesystem.protect: %s is a symlink, which "
					 "could be replaced",
					 b->p->name, path);
		if (!lock_shared(dirfd, name, &lock))
			continue;
		op = fsplan_add(b->plan, FS_PROTECT, path, path, S_ISDIR(st.st_mode));
		op->lock = lock;
		op->made = made > 0;
		fsplan_pin_parents(b, path);
		return 0;
	}
	return fault_errno(b->f, "see to its permissions, or take it out",
			   "profile %s: filesystem.protect: %s", b->p->name, path);
}

/* Its directory is there.  A file in that place (a worktree's .git) says where the directory
 * is instead, and is protected itself. */
static int protect_in(struct builder *b, const char *dir, const char *name, bool directory,
		      bool optional)
{
	autofree char *up = NULL;
	autofree char *file = NULL;

	if (!fsplan_is_writable(b->plan, dir))
		return 0; /* or private: nothing is to be done */
	if (hostpath_is_directory(dir))
		return protect_at(b, dir, name, directory, optional);
	hostpath_split(dir, &up, &file);
	return fsplan_is_writable(b->plan, up) ? protect_at(b, up, file, false, true) : 0;
}

static int protect(struct builder *b, const char *text)
{
	bool optional = text[0] == '?', directory = text[strlen(text) - 1] == '/';
	autofree char *parent = NULL;
	autofree char *name = NULL;
	autofree char *real = NULL;
	autofree char *path = NULL;
	struct strlist links = {0};
	int rc = 0;

	hostpath_split(text + optional, &parent, &name);
	real = hostpath_resolve(parent, &links);
	path = mem_printf("%s/%s", real ? real : parent, name);
	/* The way there must not be the agent's to change. */
	if (real) {
		rc = fsplan_check_links(b, "filesystem.protect", &links);
		if (rc == 0)
			rc = protect_in(b, real, name, directory, optional);
	}
	if (rc == 0 && access(path, F_OK) < 0 && fsplan_is_writable(b->plan, path))
		strlist_add(&b->plan->absent, path);
	strlist_free(&links);
	return rc;
}

bool fsplan_become_agent(const struct fsplan *plan)
{
	if (geteuid() != 0 || plan->uid == 0)
		return true;
	return setegid(plan->gid) == 0 && seteuid(plan->uid) == 0;
}

void fsplan_become_root(const struct fsplan *plan)
{
	if (getuid() != 0 || plan->uid == 0)
		return;
	if (seteuid(0) < 0 || setegid(0) < 0)
		_exit(125); /* cannot be: the real and saved ids are root's */
}

int protect_all(struct builder *b)
{
	int rc = fsplan_become_agent(b->plan)
			 ? 0
			 : fault_errno(b->f, NULL, "cannot become uid %u", b->plan->uid);

	for (size_t i = 0; rc == 0 && i < b->p->fs.protect.n; i++)
		rc = protect(b, b->p->fs.protect.v[i]);
	fsplan_become_root(b->plan);
	return rc;
}

static void remove_if_empty(const struct fs_op *op)
{
	autofree char *parent = NULL;
	autofree char *name = NULL;
	autofd int dirfd = -1;
	struct stat st;

	hostpath_split(op->path, &parent, &name);
	dirfd = open_exactly(parent, O_PATH | O_DIRECTORY);
	if (dirfd < 0)
		return;
	if (op->directory)
		unlinkat(dirfd, name, AT_REMOVEDIR); /* ENOTEMPTY: it has become somebody's */
	else if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
		 st.st_size == 0)
		unlinkat(dirfd, name, 0);
}

void fsplan_undo(struct fsplan *plan)
{
	if (!fsplan_become_agent(plan))
		return;
	/* Children first. */
	for (size_t i = plan->n; i-- > 0;) {
		struct fs_op *op = &plan->v[i];

		if (op->made && op->lock >= 0 && flock(op->lock, LOCK_EX | LOCK_NB) == 0)
			remove_if_empty(op);
		op->made = false;
	}
	fsplan_become_root(plan);
}

void fsplan_appeared(const struct fsplan *plan, struct strlist *made)
{
	struct stat st;

	for (size_t i = 0; i < plan->absent.n; i++)
		if (lstat(plan->absent.v[i], &st) == 0)
			strlist_add(made, plan->absent.v[i]);
}
