/* SPDX-License-Identifier: Apache-2.0 */
/* What an exec would run: the file, its interpreters, the arguments of each. execve(2). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "supervisor/exec.h"
#include "supervisor/identity.h"
#include "supervisor/rootpath.h"

static int open_file(struct supervisor *s, const struct request *rq, int dirfd, const char *path,
		     int flags, struct exec_file *file)
{
	file->fd = rootpath_open(s, rq, dirfd, path, flags);
	if (file->fd < 0)
		return file->fd;
	if (fstat(file->fd, &file->st) < 0)
		return -errno;
	if (S_ISLNK(file->st.st_mode))
		return -ELOOP;
	if (!S_ISREG(file->st.st_mode) || (file->st.st_mode & 0111) == 0)
		return -EACCES;
	return rootpath_name(file->fd, file->path, sizeof(file->path)) < 0 ? -EACCES : 0;
}

/* Of a program that who runs it may not read the kernel shows nothing, but to who has
 * power over its owner and group (would_dump() in fs/exec.c): of the sandbox's we have. */
static bool can_be_seen(struct supervisor *s, const struct exec_file *file)
{
	if ((file->st.st_mode & 0444) == 0444)
		return true;
	if (file->st.st_uid == s->plan->uid && file->st.st_gid == s->plan->gid)
		return true;
	return identity_can_read(s, file->fd);
}

/* The first bytes, terminated; "" where they cannot be read, by its mode or because
 * the agent has a lease on it (fcntl(2)): what it is nobody knows then. */
static void read_head(struct supervisor *s, struct exec_file *file, char head[EXEC_HEAD_MAX])
{
	char link[40];
	autofd int fd = -1;
	ssize_t n = -1;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", file->fd);
	fd = open(link, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0)
		n = pread(fd, head, EXEC_HEAD_MAX - 1, 0);
	file->readable = n >= 0 && can_be_seen(s, file);
	head[n > 0 ? n : 0] = '\0';
}

static char *skip_blanks(char *p)
{
	return p + strspn(p, " \t");
}

/* Splits "#! /bin/sh -e" in place; *arg is NULL where there is none.  0: not a
 * script; 1: one; -errno. */
static int split_head(char *head, char **interpreter, char **arg)
{
	char *end, *p;

	if (strncmp(head, "#!", 2) != 0)
		return 0;
	end = strchr(head, '\n');
	if (end)
		*end = '\0';
	end = head + strlen(head);
	while (end > head + 2 && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = '\0';
	*interpreter = skip_blanks(head + 2);
	if (**interpreter == '\0')
		return -ENOEXEC;
	*arg = NULL;
	p = *interpreter + strcspn(*interpreter, " \t");
	if (*p != '\0') {
		*p++ = '\0';
		p = skip_blanks(p);
		*arg = *p ? p : NULL;
	}
	return 1;
}

/* argv of an interpreter: itself, its one argument, the script, the script's own
 * arguments without argv[0]. */
static int make_argv(struct exec_command *c, size_t at, char *interpreter, char *arg, char *script)
{
	char **from = c->argv[at - 1];
	size_t rest = c->argc[at - 1] > 0 ? c->argc[at - 1] - 1 : 0, n = 0;
	char **to = calloc(rest + 4, sizeof(*to));

	if (to == NULL)
		return -ENOMEM;
	to[n++] = interpreter;
	if (arg)
		to[n++] = arg;
	to[n++] = script;
	memcpy(to + n, from + 1, rest * sizeof(*to));
	c->argv[at] = to;
	c->argc[at] = n + rest;
	return 0;
}

/* The name that a script is handed to its interpreter by. */
static void script_name(const struct request *rq, struct exec_command *c)
{
	int dirfd = rq->nr == SYS_execveat ? (int)rq->args[0] : AT_FDCWD;

	if (dirfd == AT_FDCWD || c->path[0] == '/')
		snprintf(c->script, sizeof(c->script), "%s", c->path);
	else if (c->path[0] == '\0')
		snprintf(c->script, sizeof(c->script), "/dev/fd/%d", dirfd);
	else
		snprintf(c->script, sizeof(c->script), "/dev/fd/%d/%s", dirfd, c->path);
}

const char *exec_script_name(const struct exec_command *c, size_t i)
{
	return i == 0 ? c->script : c->argv[i][0];
}

static int follow(struct supervisor *s, const struct request *rq, struct exec_command *c)
{
	char *script = c->script;

	script_name(rq, c);
	for (;;) {
		size_t at = c->n - 1;
		char *interpreter, *arg;
		int rc;

		read_head(s, &c->chain[at], c->heads[at]);
		rc = split_head(c->heads[at], &interpreter, &arg);
		if (rc <= 0)
			return rc;
		if (c->n == EXEC_CHAIN_MAX)
			return -ELOOP;
		rc = make_argv(c, c->n, interpreter, arg, script);
		if (rc < 0)
			return rc;
		script = interpreter;
		c->n++;
		rc = open_file(s, rq, AT_FDCWD, interpreter, 0, &c->chain[c->n - 1]);
		if (rc < 0)
			return rc;
	}
}

int exec_read(struct supervisor *s, const struct request *rq, struct exec_command *c)
{
	bool at = rq->nr == SYS_execveat;
	const uint64_t *args = rq->args + (at ? 1 : 0);
	int dirfd = at ? (int)rq->args[0] : AT_FDCWD;
	int flags = at ? (int)rq->args[4] : 0;
	static char empty[] = "";
	ssize_t rc;

	memset(c, 0, sizeof(*c));
	for (size_t i = 0; i < EXEC_CHAIN_MAX; i++)
		c->chain[i].fd = -1;
	rc = agentmem_string(rq->tid, args[0], c->path, sizeof(c->path));
	if (rc < 0)
		return (int)rc;
	if (c->path[0] == '\0' && !(flags & AT_EMPTY_PATH))
		return -ENOENT;
	rc = open_file(s, rq, dirfd, c->path, flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0,
		       &c->chain[0]);
	if (rc < 0)
		return (int)rc;
	/* Last: there may be very many. */
	rc = agentmem_args(rq->tid, args[1], &c->args);
	if (rc < 0)
		return (int)rc;
	c->argv[0] = c->args.v;
	c->argc[0] = c->args.n;
	if (c->args.n == 0) {
		/* The kernel makes it one empty argument, 5.18. */
		c->args.v[0] = empty;
		c->argc[0] = 1;
	}
	c->n = 1;
	return follow(s, rq, c);
}

void exec_command_free(struct exec_command *c)
{
	for (size_t i = 0; i < EXEC_CHAIN_MAX; i++) {
		fd_close(&c->chain[i].fd);
		if (i > 0)
			free(c->argv[i]);
	}
	args_free(&c->args);
}
