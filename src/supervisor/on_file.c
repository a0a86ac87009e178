/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that could change a file, by its path.  The walls are the mounts and
 * Landlock; here an attempt against them gets its record and its answer.  What
 * is not refused goes on in the kernel, which looks the path up again and meets
 * the same walls: so CONTINUE is no hole.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

#include "base/fd.h"
#include "base/mem.h"
#include "supervisor/agentmem.h"
#include "supervisor/request.h"
#include "supervisor/rootpath.h"

enum touches {
	OPENS,	 /* the file itself, or its directory when it is to be made */
	CHANGES, /* the file itself; symlinks followed */
	MAKES,	 /* the directory's entry, which must not be there yet */
	ENTRY,	 /* the directory's entry: removed, replaced */
	HELD,	 /* the file of a descriptor: the mount it was opened on decides */
};

enum { NO_ARG = -1 };

struct file_call {
	int nr;
	enum touches touches;
	signed char dirfd, path;   /* argument numbers */
	signed char dirfd2, path2; /* of the second path, as ENTRY */
	signed char mode;	   /* of what is made or changed */
};

static const struct file_call calls[] = {
	{SYS_openat, OPENS, 0, 1, NO_ARG, NO_ARG, 3},
	{SYS_unlinkat, ENTRY, 0, 1, NO_ARG, NO_ARG, NO_ARG},
	{SYS_mkdirat, MAKES, 0, 1, NO_ARG, NO_ARG, 2},
	{SYS_mknodat, MAKES, 0, 1, NO_ARG, NO_ARG, 2},
	{SYS_renameat, ENTRY, 0, 1, 2, 3, NO_ARG},
	{SYS_renameat2, ENTRY, 0, 1, 2, 3, NO_ARG},
	{SYS_linkat, MAKES, 2, 3, NO_ARG, NO_ARG, NO_ARG},
	{SYS_symlinkat, MAKES, 1, 2, NO_ARG, NO_ARG, NO_ARG},
	{SYS_truncate, CHANGES, NO_ARG, 0, NO_ARG, NO_ARG, NO_ARG},
	{SYS_fchmodat, CHANGES, 0, 1, NO_ARG, NO_ARG, 2},
	{SYS_fchmod, HELD, 0, NO_ARG, NO_ARG, NO_ARG, 1},
#ifdef __x86_64__
	{SYS_open, OPENS, NO_ARG, 0, NO_ARG, NO_ARG, 2},
	{SYS_creat, OPENS, NO_ARG, 0, NO_ARG, NO_ARG, 1},
	{SYS_unlink, ENTRY, NO_ARG, 0, NO_ARG, NO_ARG, NO_ARG},
	{SYS_rmdir, ENTRY, NO_ARG, 0, NO_ARG, NO_ARG, NO_ARG},
	{SYS_mkdir, MAKES, NO_ARG, 0, NO_ARG, NO_ARG, 1},
	{SYS_mknod, MAKES, NO_ARG, 0, NO_ARG, NO_ARG, 1},
	{SYS_rename, ENTRY, NO_ARG, 0, NO_ARG, 1, NO_ARG},
	{SYS_link, MAKES, NO_ARG, 1, NO_ARG, NO_ARG, NO_ARG},
	{SYS_symlink, MAKES, NO_ARG, 1, NO_ARG, NO_ARG, NO_ARG},
	{SYS_chmod, CHANGES, NO_ARG, 0, NO_ARG, NO_ARG, 1},
#endif
};

static const struct file_call *find_call(int nr)
{
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (calls[i].nr == nr)
			return &calls[i];
	return NULL;
}

/* Whether the file system that this is on, as it is mounted here, takes no change. */
static bool read_only(int fd)
{
	struct statfs st;

	return fstatfs(fd, &st) == 0 && (st.f_flags & ST_RDONLY);
}

/* A hole in the agent's view: a device that it may use stands on a read-only mount. */
static bool is_device(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 &&
	       (S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
}

static int open_flags(const struct request *rq)
{
	switch (rq->nr) {
	case SYS_openat:
		return (int)rq->args[2];
#ifdef __x86_64__
	case SYS_open:
		return (int)rq->args[1];
	case SYS_creat:
		return O_CREAT | O_WRONLY | O_TRUNC;
#endif
	}
	return 0;
}

static bool opens_for_change(int flags)
{
	if (flags & O_PATH)
		return false;
	return (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC));
}

/* Modes are scalars, so what is refused here stays refused. */
static bool sets_id(const struct request *rq, const struct file_call *call)
{
	int flags = open_flags(rq);

	if (call->mode == NO_ARG || (rq->args[call->mode] & (S_ISUID | S_ISGID)) == 0)
		return false;
	return call->touches != OPENS || (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
}

/* What stands in the way of being moved or removed: a mount of the sandbox's own. */
static bool is_mount(int fd)
{
	struct statx st;

	return statx(fd, "", AT_EMPTY_PATH, 0, &st) == 0 &&
	       (st.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

/* The directory of the path, where it cannot be changed; -1 where it can. */
static int refusing_parent(struct supervisor *s, const struct request *rq, int dirfd,
			   const char *path)
{
	const char *last;
	/* A symlink like /dev/stderr, whose end only the thread itself can find. */
	autofd int link = rootpath_open(s, rq, dirfd, path, O_NOFOLLOW);
	autofd int fd = link >= 0 ? -1 : rootpath_parent(s, rq, dirfd, path, &last);

	return fd >= 0 && read_only(fd) ? take_fd(&fd) : -1;
}

/* The file or directory that refuses; -1: none, let the kernel look. */
static int refusing(struct supervisor *s, const struct request *rq, enum touches touches, int dirfd,
		    const char *path, bool nofollow)
{
	bool entry = touches == ENTRY || touches == MAKES;
	autofd int fd = rootpath_open(s, rq, dirfd, path, entry || nofollow ? O_NOFOLLOW : 0);

	if (fd == -ENOENT && touches != CHANGES) {
		fd = -1;
		return refusing_parent(s, rq, dirfd, path);
	}
	if (fd < 0) {
		fd = -1;
		return -1;
	}
	if (touches == MAKES) /* EEXIST, which is no denial */
		return -1;
	if (read_only(fd))
		return touches != ENTRY && is_device(fd) ? -1 : take_fd(&fd);
	return touches == ENTRY && is_mount(fd) ? take_fd(&fd) : -1;
}

static void resource_text(int fd, const char *path, char *out, size_t size)
{
	char base[PATH_MAX];
	struct stat st;
	const char *slash = strrchr(path, '/');
	const char *last = slash ? slash + 1 : path;
	const char *base_last;

	if (rootpath_name(fd, base, sizeof(base)) < 0)
		base[0] = '\0';
	base_last = strrchr(base, '/');
	/* A directory that refuses what would be made in it. */
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) && *last && strcmp(last, ".") != 0 &&
	    strcmp(base_last ? base_last + 1 : base, last) != 0)
		snprintf(out, size, "%s/%s", strcmp(base, "/") == 0 ? "" : base, last);
	else
		snprintf(out, size, "%s", base);
}

/* What a process writes about itself, as threads do their names: /proc is read-only, which
 * the kernel says just as well, and nobody has to read it in the records. */
static bool is_own_proc(const struct request *rq, const char *path)
{
	char own[32];
	int n = snprintf(own, sizeof(own), "/proc/%d/", (int)rq->who.pid);

	return strncmp(path, own, (size_t)n) == 0;
}

static int dirfd_of(const struct request *rq, int arg)
{
	return arg == NO_ARG ? AT_FDCWD : (int)rq->args[arg];
}

static void refuse(struct supervisor *s, struct request *rq, const char *resource, int err,
		   const char *reason)
{
	notify_refuse(s, rq, &(struct refusal){"file", resource, "filesystem", reason, err});
}

/* True: refused and answered. */
static bool refuse_path(struct supervisor *s, struct request *rq, enum touches touches, int dirfd,
			int path_arg, bool nofollow)
{
	char path[PATH_MAX], resource[2 * PATH_MAX];
	autofd int fd = -1;

	if (agentmem_string(rq->tid, rq->args[path_arg], path, sizeof(path)) < 0)
		return false;
	fd = refusing(s, rq, touches, dirfd, path, nofollow);
	if (fd < 0 || !notify_valid(s, rq->id))
		return false;
	resource_text(fd, path, resource, sizeof(resource));
	if (is_own_proc(rq, resource))
		return false;
	if (read_only(fd))
		refuse(s, rq, resource, EROFS, "the profile does not make it writable");
	else
		refuse(s, rq, resource, EBUSY, "the profile needs it where it is");
	return true;
}

/* What a call is about, for the record only. */
static void name_target(struct supervisor *s, const struct request *rq,
			const struct file_call *call, char *out, size_t size)
{
	char path[PATH_MAX], link[32];
	const char *last;
	autofd int fd = -1;

	snprintf(link, sizeof(link), "fd/%d", (int)rq->args[0]);
	if (call->path == NO_ARG) {
		if (agentproc_link(rq->tid, link, out, size) < 0)
			snprintf(out, size, "%s", link);
		return;
	}
	if (agentmem_string(rq->tid, rq->args[call->path], path, sizeof(path)) < 0)
		path[0] = '\0';
	fd = rootpath_parent(s, rq, dirfd_of(rq, call->dirfd), path, &last);
	if (fd < 0)
		snprintf(out, size, "%s", path);
	else
		resource_text(fd, path, out, size);
}

/* Whoever ran it outside would act with the agent's user's rights: root's, maybe. */
static void refuse_set_id(struct supervisor *s, struct request *rq, const struct file_call *call)
{
	char resource[2 * PATH_MAX];

	name_target(s, rq, call, resource, sizeof(resource));
	if (notify_valid(s, rq->id))
		refuse(s, rq, resource, EPERM,
		       "a file that gives its owner's rights away would outlive the run");
}

void on_file(struct supervisor *s, struct request *rq)
{
	const struct file_call *call = find_call(rq->nr);
	int flags = open_flags(rq);

	if (sets_id(rq, call)) {
		refuse_set_id(s, rq, call);
		return;
	}
	if (call->touches == HELD || (call->touches == OPENS && !opens_for_change(flags))) {
		notify_continue(s, rq->id);
		return;
	}
	if (refuse_path(s, rq, call->touches, dirfd_of(rq, call->dirfd), call->path,
			flags & O_NOFOLLOW))
		return;
	if (call->path2 != NO_ARG &&
	    refuse_path(s, rq, ENTRY, dirfd_of(rq, call->dirfd2), call->path2, true))
		return;
	notify_continue(s, rq->id);
}
