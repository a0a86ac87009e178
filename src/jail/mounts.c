/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan's root, built and entered.
 *
 * It is built on a tmpfs over the host's /proc, the one directory that is never
 * the source of anything; then it becomes the root and the old one is detached.
 * Every path is opened without following a symlink, source and mount point
 * alike, and mounts are made on descriptors (mount_setattr(2), Linux 5.12): the
 * workspace may belong to another agent that renames just now.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/sys.h"
#include "jail/fsplan.h"

#define STAGE "/proc"
#define FILES_DIR "/run/warder/files" /* where FS_FILEs and the hidden file have their inode */
#define HIDDEN_FILE FILES_DIR "/hidden"
#define EMPTY_DIR "/run/warder/empty" /* the second layer that an overlay must have */

enum {
	ALWAYS = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
	/* Of the machine's memory, for each private file system where the profile has no
	 * limits.memory; then ENOSPC. */
	TMPFS_PERCENT = 20,
};

struct build {
	const struct fsplan *plan;
	struct fault *f;
	int host;  /* the old root */
	int root;  /* the new one */
	int files; /* how many FS_FILEs there are */
};

static int failed(struct build *b, const char *what, const char *path)
{
	return fault_errno(b->f, NULL, "cannot %s %s in the sandbox", what, path);
}

/* --- places --------------------------------------------------------------------------------- */

/* Without a symlink anywhere, and no way out of dirfd. */
static int open_beneath(int dirfd, const char *path, uint64_t flags)
{
	path += path[0] == '/';
	return sys_openat2(dirfd, path[0] ? path : ".", flags,
			   RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

/* mkdir -p of path's parents, in what is our own. */
static int make_parents(struct build *b, const char *path)
{
	char part[PATH_MAX];

	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		autofd int up = -1;
		const char *last;

		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		last = strrchr(part, '/') + 1;
		up = open_beneath(b->root, part, O_PATH | O_DIRECTORY);
		if (up >= 0)
			continue;
		part[last - part - 1] = '\0';
		up = open_beneath(b->root, part, O_PATH | O_DIRECTORY);
		if (up < 0 || mkdirat(up, last, 0755) < 0)
			return -1;
	}
	return 0;
}

/* The directory in which path stands, made where it is missing. */
static int open_parent(struct build *b, const char *path, const char **last)
{
	char parent[PATH_MAX];

	*last = strrchr(path, '/') + 1;
	if (make_parents(b, path) < 0)
		return -1;
	snprintf(parent, sizeof(parent), "%.*s", (int)(*last - path), path);
	return open_beneath(b->root, parent, O_PATH | O_DIRECTORY);
}

/* A mount point: what is there, or an empty one. */
static int open_point(struct build *b, const char *path, bool directory)
{
	autofd int up = -1;
	const char *last;
	int fd = open_beneath(b->root, path, O_PATH);

	if (fd >= 0 || errno != ENOENT)
		return fd;
	up = open_parent(b, path, &last);
	if (up < 0)
		return -1;
	if (directory) {
		if (mkdirat(up, last, 0755) < 0)
			return -1;
	} else {
		autofd int made = openat(up, last, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0444);

		if (made < 0)
			return -1;
	}
	return open_beneath(b->root, path, O_PATH);
}

static int attach(struct build *b, int mount, const char *path, bool directory)
{
	autofd int point = open_point(b, path, directory);

	if (point < 0)
		return -1;
	return move_mount(mount, "", point, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

/* --- mounts ---------------------------------------------------------------------------------- */

static int set_attributes(int mount, uint64_t attributes)
{
	struct mount_attr attr = {.attr_set = attributes};

	return mount_setattr(mount, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr));
}

/* source: beneath dirfd.  With all that is mounted beneath it. */
static int bind_at(struct build *b, int dirfd, const char *source, const char *path, bool directory,
		   uint64_t attributes)
{
	autofd int from = open_beneath(dirfd, source, O_PATH);
	autofd int tree = from < 0 ? -1
				   : open_tree(from, "",
					       AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
						       AT_RECURSIVE);

	if (tree < 0)
		return failed(b, "open", source);
	if (set_attributes(tree, attributes) < 0 || attach(b, tree, path, directory) < 0)
		return failed(b, "mount", path);
	return 0;
}

struct parameter {
	const char *name, *value;
};

/* A new file system of that type; fsopen(2). */
static int new_fs(const char *type, const struct parameter *p, size_t n, uint64_t attributes)
{
	autofd int fs = fsopen(type, FSOPEN_CLOEXEC);

	if (fs < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (fsconfig(fs, FSCONFIG_SET_STRING, p[i].name, p[i].value, 0) < 0)
			return -1;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	return fsmount(fs, FSMOUNT_CLOEXEC, (unsigned int)attributes);
}

static int new_tmpfs(const struct fsplan *plan, mode_t mode, uint64_t attributes)
{
	char mode_text[16], size[32];
	struct parameter p[] = {{"mode", mode_text}, {"size", size}};

	snprintf(mode_text, sizeof(mode_text), "%o", mode);
	if (plan->tmpfs_bytes)
		snprintf(size, sizeof(size), "%llu", (unsigned long long)plan->tmpfs_bytes);
	else
		snprintf(size, sizeof(size), "%d%%", TMPFS_PERCENT);
	return new_fs("tmpfs", p, ARRAY_SIZE(p), attributes);
}

static uint64_t noexec(const struct fsplan *plan)
{
	return plan->exec_writable ? 0 : MOUNT_ATTR_NOEXEC;
}

static int add_tmpfs(struct build *b, const char *path, mode_t mode, uint64_t attributes)
{
	autofd int mount = new_tmpfs(b->plan, mode, ALWAYS | attributes);

	if (mount < 0 || attach(b, mount, path, true) < 0)
		return failed(b, "mount", path);
	return 0;
}

static int write_file(struct build *b, const char *path, const char *content, mode_t mode)
{
	const char *last;
	autofd int up = open_parent(b, path, &last);
	autofd int fd = up < 0 ? -1
			       : openat(up, last,
					O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, mode);

	if (fd < 0 || fd_write_all(fd, content, strlen(content)) < 0)
		return failed(b, "write", path);
	return 0;
}

/* --- the plan's operations ------------------------------------------------------------------- */

static int apply_link(struct build *b, const struct fs_op *op)
{
	const char *last;
	autofd int up = open_parent(b, op->path, &last);

	if (up < 0 || symlinkat(op->source, up, last) < 0)
		return failed(b, "make the symlink", op->path);
	return 0;
}

/* Whether a mask or another mount will stand on something in it. */
static bool carries_mounts(const struct build *b, const struct fs_op *op)
{
	const struct fs_op *next = op + 1;

	return next < b->plan->v + b->plan->n && fsplan_beneath(next->path, op->path);
}

/*
 * A read-only tree through overlayfs(5): its directory entries are the overlay's, so
 * what is mounted on them stays when somebody outside replaces the file beneath.  1:
 * done.  0: not to be had (an older kernel, mounts inside the tree); a plain bind it is
 * then, and the supervisor watches it (supervisor/masks.c).
 */
static int overlay_at(struct build *b, const struct fs_op *op)
{
	static const struct parameter layers[] = {{"source", "warder"},
						  {"lowerdir", ".:" STAGE EMPTY_DIR}};
	autofd int from = open_beneath(b->host, op->source, O_PATH | O_DIRECTORY);
	autofd int mount = -1;

	if (from < 0 || fchdir(from) < 0)
		return failed(b, "open", op->source);
	mount = new_fs("overlay", layers, ARRAY_SIZE(layers), ALWAYS | MOUNT_ATTR_RDONLY);
	if (mount < 0)
		return 0;
	return attach(b, mount, op->path, true) < 0 ? failed(b, "mount", op->path) : 1;
}

static int apply_bind(struct build *b, const struct fs_op *op)
{
	bool writable = op->kind == FS_WRITE || op->kind == FS_PIN;
	int done = 0;

	if (op->kind == FS_READ && op->directory && carries_mounts(b, op))
		done = overlay_at(b, op);
	if (done != 0)
		return done < 0 ? -1 : 0;
	return bind_at(b, b->host, op->source, op->path, op->directory,
		       ALWAYS | (writable ? noexec(b->plan) : MOUNT_ATTR_RDONLY));
}

static int apply_tmpfs(struct build *b, const struct fs_op *op)
{
	return add_tmpfs(b, op->path, op->mode, noexec(b->plan));
}

static int hide_file(struct build *b, const char *path)
{
	return bind_at(b, b->root, HIDDEN_FILE, path, false, ALWAYS | MOUNT_ATTR_RDONLY);
}

static int apply_hide(struct build *b, const struct fs_op *op)
{
	return op->directory ? add_tmpfs(b, op->path, 0555, MOUNT_ATTR_NOEXEC)
			     : hide_file(b, op->path);
}

static int apply_file(struct build *b, const struct fs_op *op)
{
	char inode[64];

	snprintf(inode, sizeof(inode), FILES_DIR "/%d", b->files++);
	if (write_file(b, inode, op->source, 0444) < 0)
		return -1;
	return bind_at(b, b->root, inode, op->path, false,
		       ALWAYS | MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC);
}

static int (*const apply[])(struct build *b, const struct fs_op *op) = {
	[FS_LINK] = apply_link, [FS_PIN] = apply_bind,	   [FS_WRITE] = apply_bind,
	[FS_READ] = apply_bind, [FS_PROTECT] = apply_bind, [FS_TMPFS] = apply_tmpfs,
	[FS_HIDE] = apply_hide, [FS_FILE] = apply_file,
};

/* --- /dev and /proc -------------------------------------------------------------------------- */

static const char *const devices[] = {"/dev/null", "/dev/zero",	  "/dev/full",
				      "/dev/tty",  "/dev/random", "/dev/urandom"};

static const struct {
	const char *path, *text;
} dev_links[] = {
	{"/dev/fd", "/proc/self/fd"},	    {"/dev/stdin", "/proc/self/fd/0"},
	{"/dev/stdout", "/proc/self/fd/1"}, {"/dev/stderr", "/proc/self/fd/2"},
	{"/dev/ptmx", "pts/ptmx"},
};

static int make_dev(struct build *b)
{
	static const struct parameter pts[] = {{"mode", "0620"}, {"ptmxmode", "0666"}};
	autofd int mount = -1;

	/* Read-only: the devices work, what stands on them cannot be changed. */
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		if (bind_at(b, b->host, devices[i], devices[i], false,
			    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY) < 0)
			return -1;
	for (size_t i = 0; i < ARRAY_SIZE(dev_links); i++) {
		const struct fs_op op = {.path = (char *)dev_links[i].path,
					 .source = (char *)dev_links[i].text};

		if (apply_link(b, &op) < 0)
			return -1;
	}
	mount = new_fs("devpts", pts, ARRAY_SIZE(pts), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
	if (mount < 0 || attach(b, mount, "/dev/pts", true) < 0)
		return failed(b, "mount", "/dev/pts");
	return add_tmpfs(b, "/dev/shm", 01777, noexec(b->plan));
}

/* Read-only: uid 0 of the host may write /proc/sys without any capability, and the
 * agent may be that uid. */
static int make_proc(struct build *b)
{
	/* What only root reads of the kernel's memory and keys. */
	static const char *const masked[] = {
		"/proc/kcore",	     "/proc/keys",	  "/proc/kpagecgroup",
		"/proc/kpagecount",  "/proc/kpageflags",  "/proc/pagetypeinfo",
		"/proc/sched_debug", "/proc/slabinfo",	  "/proc/sysrq-trigger",
		"/proc/timer_list",  "/proc/vmallocinfo",
	};
	autofd int mount = new_fs("proc", NULL, 0, ALWAYS | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY);

	if (mount < 0 || attach(b, mount, "/proc", true) < 0)
		return failed(b, "mount", "/proc");
	for (size_t i = 0; b->plan->uid == 0 && i < ARRAY_SIZE(masked); i++) {
		autofd int there = open_beneath(b->root, masked[i], O_PATH);

		if (there >= 0 && hide_file(b, masked[i]) < 0)
			return -1;
	}
	return 0;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int make_root(struct build *b)
{
	autofd int mount = -1, empty = -1;

	/* Nothing that is mounted here shows outside, nor the other way round. */
	if (mount_setattr(AT_FDCWD, "/", AT_RECURSIVE,
			  &(struct mount_attr){.propagation = MS_PRIVATE},
			  sizeof(struct mount_attr)) < 0)
		return failed(b, "make the mounts private:", "/");
	mount = new_tmpfs(&(struct fsplan){0}, 0755, ALWAYS | MOUNT_ATTR_NOEXEC);
	if (mount < 0 || move_mount(mount, "", AT_FDCWD, STAGE, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return failed(b, "mount", "/");
	b->host = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	b->root = open(STAGE, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (b->host < 0 || b->root < 0)
		return failed(b, "open", "/");
	empty = open_point(b, EMPTY_DIR, true);
	if (empty < 0)
		return failed(b, "make", EMPTY_DIR);
	return write_file(b, HIDDEN_FILE, "", 0);
}

/* What the plan's operations needed to write to, and the agent must not. */
static int seal(struct build *b)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};

	for (size_t i = 0; i < b->plan->n; i++) {
		const struct fs_op *op = &b->plan->v[i];
		autofd int fd = -1;

		if (op->kind != FS_HIDE || !op->directory)
			continue;
		fd = open_beneath(b->root, op->path, O_PATH);
		if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
			return failed(b, "seal", op->path);
	}
	if (mount_setattr(b->root, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return failed(b, "seal", "/");
	return 0;
}

/* Afterwards: the host's files are reachable no more. pivot_root(2), "pivot_root(".", ".")". */
static int enter(struct build *b)
{
	if (fchdir(b->root) < 0 || sys_pivot_root(".", ".") < 0 || umount2(".", MNT_DETACH) < 0 ||
	    chdir("/") < 0)
		return failed(b, "enter", "/");
	return 0;
}

int mounts_apply(const struct fsplan *plan, struct fault *f)
{
	struct build b = {.plan = plan, .f = f, .host = -1, .root = -1};
	mode_t old = umask(0);
	int rc = make_root(&b);

	for (size_t i = 0; rc == 0 && i < plan->n; i++)
		rc = apply[plan->v[i].kind](&b, &plan->v[i]);
	if (rc == 0 && (make_dev(&b) < 0 || make_proc(&b) < 0 || seal(&b) < 0 || enter(&b) < 0))
		rc = -1;
	fd_close(&b.host);
	fd_close(&b.root);
	umask(old);
	return rc;
}
