/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/rootpath.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys.h"
#include "supervisor/agentmem.h"

enum { RESOLVE_TRIES = 16 }; /* against an agent that renames all the time; then EAGAIN */

/* In the agent's root: symlinks and ".." cannot leave it; magic links do not
 * resolve (they would be the supervisor's own), so they are taken apart below. */
static int open_in_root(struct supervisor *s, const char *path, int flags)
{
	/* EAGAIN: something was renamed while ".." was walked; openat2(2). */
	for (int i = 0; i < RESOLVE_TRIES; i++) {
		int fd = sys_openat2(s->rootfd, path, (uint64_t)(O_PATH | flags), RESOLVE_IN_ROOT);

		if (fd >= 0)
			return fd;
		if (errno != EAGAIN)
			return -errno;
	}
	return -EAGAIN;
}

static int open_proc_link(pid_t tid, const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)tid, name);
	fd = open(path, O_PATH | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* A path that begins beneath a directory which the thread holds: the directory's
 * own path with the rest behind it. */
static int open_beneath(struct supervisor *s, pid_t tid, const char *link, const char *rest,
			int flags)
{
	char path[2 * PATH_MAX];
	ssize_t n = agentproc_link(tid, link, path, PATH_MAX);

	if (n < 0)
		return n == -ENOENT ? -EBADF : (int)n;
	if (path[0] != '/')
		return -ENOTDIR;
	snprintf(path + n, sizeof(path) - (size_t)n, "/%s", rest);
	return open_in_root(s, path, flags);
}

static const char *skip_prefix(const char *path, const char *prefix)
{
	size_t n = strlen(prefix);

	if (strncmp(path, prefix, n) != 0 || (path[n] != '/' && path[n] != '\0'))
		return NULL;
	return path + n;
}

/* What of a path is the thread's own /proc directory; NULL: nothing. */
static const char *own_proc(const struct request *rq, const char *path, char fd_path[])
{
	static const char *const selves[] = {"/proc/self", "/proc/thread-self"};
	char numbered[32];
	const char *rest;

	rest = skip_prefix(path, "/dev/fd");
	if (rest) {
		snprintf(fd_path, PATH_MAX, "/fd%s", rest);
		return fd_path;
	}
	for (size_t i = 0; i < 2; i++) {
		rest = skip_prefix(path, selves[i]);
		if (rest)
			return rest;
	}
	snprintf(numbered, sizeof(numbered), "/proc/%d", (int)rq->who.pid);
	return skip_prefix(path, numbered);
}

/* "/fd/7", "/exe", "/cwd/x", "/root/y", or an ordinary file of that directory. */
static int open_own_proc(struct supervisor *s, const struct request *rq, const char *rest,
			 int flags)
{
	static const char *const links[] = {"/exe", "/cwd", "/root"};
	char path[PATH_MAX + 32], link[32];

	if (strncmp(rest, "/fd/", 4) == 0 && rest[4] >= '0' && rest[4] <= '9') {
		char *end;
		unsigned long fd = strtoul(rest + 4, &end, 10);

		snprintf(link, sizeof(link), "fd/%lu", fd);
		if (*end == '\0')
			return open_proc_link(rq->tid, link);
		return *end == '/' ? open_beneath(s, rq->tid, link, end, flags) : -ENOENT;
	}
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		const char *beyond = skip_prefix(rest, links[i]);

		if (beyond && *beyond == '\0' && i == 0)
			return open_proc_link(rq->tid, "exe");
		if (beyond)
			return open_beneath(s, rq->tid, links[i] + 1, beyond, flags);
	}
	snprintf(path, sizeof(path), "/proc/%d%s", (int)rq->who.pid, rest);
	return open_in_root(s, path, flags);
}

int rootpath_open(struct supervisor *s, const struct request *rq, int dirfd, const char *path,
		  int flags)
{
	char name[32], fd_path[PATH_MAX];
	const char *own;

	snprintf(name, sizeof(name), "fd/%d", dirfd);
	if (path[0] == '\0')
		return open_proc_link(rq->tid, dirfd == AT_FDCWD ? "cwd" : name);
	if (path[0] != '/')
		return open_beneath(s, rq->tid, dirfd == AT_FDCWD ? "cwd" : name, path, flags);
	own = own_proc(rq, path, fd_path);
	return own ? open_own_proc(s, rq, own, flags) : open_in_root(s, path, flags);
}

int rootpath_parent(struct supervisor *s, const struct request *rq, int dirfd, const char *path,
		    const char **last)
{
	char parent[PATH_MAX];
	size_t len = strlen(path);
	const char *slash;

	while (len > 1 && path[len - 1] == '/')
		len--;
	slash = memrchr(path, '/', len);
	*last = slash ? slash + 1 : path;
	if (slash == NULL)
		snprintf(parent, sizeof(parent), ".");
	else
		snprintf(parent, sizeof(parent), "%.*s", (int)(slash == path ? 1 : slash - path),
			 path);
	return rootpath_open(s, rq, dirfd, parent, O_DIRECTORY);
}

ssize_t rootpath_name(int fd, char *buf, size_t size)
{
	char link[40];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, buf, size - 1);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return n;
}
