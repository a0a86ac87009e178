/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/agentmem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/fd.h"

enum {
	PAGE = 4096,
	POINTERS = 512,
	ARGS_FIRST = 4096,
	PROC_TEXT_MAX = 4096,
	/* Of one process_vm_readv(2), which takes IOV_MAX (1024) places. */
	RUNS_MAX = 512,
	RUN_LEAST = 512, /* bytes looked at of a string; of longer ones the rest follows */
	WINDOW_BYTES = RUNS_MAX * RUN_LEAST,
};

int agentmem_read(pid_t tid, uint64_t addr, void *buf, size_t len)
{
	struct iovec local = {.iov_base = buf, .iov_len = len};
	struct iovec remote = {.iov_base = (void *)addr, .iov_len = len};

	return process_vm_readv(tid, &local, 1, &remote, 1, 0) == (ssize_t)len ? 0 : -EFAULT;
}

int agentmem_write(pid_t tid, uint64_t addr, const void *buf, size_t len)
{
	struct iovec local = {.iov_base = (void *)buf, .iov_len = len};
	struct iovec remote = {.iov_base = (void *)addr, .iov_len = len};

	return process_vm_writev(tid, &local, 1, &remote, 1, 0) == (ssize_t)len ? 0 : -EFAULT;
}

/* As much as there is up to the end of the page, so that a string at the very
 * end of its mapping can be read. */
static ssize_t read_some(pid_t tid, uint64_t addr, char *buf, size_t size)
{
	size_t in_page = PAGE - (addr & (PAGE - 1));
	size_t len = size < in_page ? size : in_page;
	int rc = agentmem_read(tid, addr, buf, len);

	return rc < 0 ? rc : (ssize_t)len;
}

ssize_t agentmem_string(pid_t tid, uint64_t addr, char *buf, size_t size)
{
	size_t have = 0;

	while (have < size) {
		ssize_t n = read_some(tid, addr + have, buf + have, size - have);
		const char *end;

		if (n < 0)
			return n;
		end = memchr(buf + have, '\0', (size_t)n);
		if (end)
			return end - buf;
		have += (size_t)n;
	}
	return -ENAMETOOLONG;
}

/* The addresses up to the terminating zero; their number or -errno. */
static ssize_t read_pointers(pid_t tid, uint64_t addr, uint64_t **out)
{
	uint64_t *v = NULL;
	size_t have = 0;

	for (;;) {
		uint64_t *grown = realloc(v, (have + POINTERS) * sizeof(*v));
		ssize_t n;

		if (grown == NULL) {
			free(v);
			return -ENOMEM;
		}
		v = grown;
		n = read_some(tid, addr + have * sizeof(*v), (char *)(v + have),
			      POINTERS * sizeof(*v)) /
		    (ssize_t)sizeof(*v);
		if (n <= 0) {
			free(v);
			return -EFAULT;
		}
		for (ssize_t i = 0; i < n; i++)
			if (v[have + (size_t)i] == 0) {
				*out = v;
				return (ssize_t)have + i;
			}
		have += (size_t)n;
		if (have > ARGS_MAX) {
			free(v);
			return -E2BIG;
		}
	}
}

static int grow(struct args *a, size_t *room)
{
	char *grown = *room < ARGS_BYTES_MAX ? realloc(a->bytes, *room * 2) : NULL;

	if (grown == NULL)
		return *room < ARGS_BYTES_MAX ? -ENOMEM : -E2BIG;
	a->bytes = grown;
	*room *= 2;
	return 0;
}

static int append_string(pid_t tid, uint64_t addr, struct args *a, size_t *room)
{
	for (;;) {
		ssize_t n = agentmem_string(tid, addr, a->bytes + a->len, *room - a->len);
		int rc;

		if (n >= 0) {
			a->len += (size_t)n + 1;
			return 0;
		}
		rc = n == -ENAMETOOLONG ? grow(a, room) : (int)n;
		if (rc < 0)
			return rc;
	}
}

static int append_bytes(const char *bytes, size_t len, struct args *a, size_t *room)
{
	while (*room - a->len < len) {
		int rc = grow(a, room);

		if (rc < 0)
			return rc;
	}
	memcpy(a->bytes + a->len, bytes, len);
	a->len += len;
	return 0;
}

/* --- many strings at once --------------------------------------------------------------------- */

/*
 * A run is a piece of memory in which one string begins after another, as those of a
 * program mostly do; each page of it has the beginning of one, so that it can be read
 * if the strings can.
 */
struct run {
	uint64_t from;
	size_t len;
	size_t first; /* the first string of it */
	size_t at;    /* in the window's bytes */
};

struct window {
	struct run runs[RUNS_MAX];
	size_t n, len;
	char bytes[WINDOW_BYTES];
};

/* Takes string i in.  False: the window is full. */
static bool take_in(struct window *w, size_t i, uint64_t addr)
{
	size_t in_page = PAGE - (addr & (PAGE - 1));
	size_t least = in_page < RUN_LEAST ? in_page : RUN_LEAST, more = least;
	struct run *run = w->n > 0 ? &w->runs[w->n - 1] : NULL;

	if (run && addr >= run->from && addr - run->from <= run->len) {
		size_t end = addr - run->from + least;

		more = end > run->len ? end - run->len : 0;
		if (more > WINDOW_BYTES - w->len)
			return false;
		run->len += more;
	} else {
		if (w->n == RUNS_MAX || more > WINDOW_BYTES - w->len)
			return false;
		w->runs[w->n++] =
			(struct run){.from = addr, .len = least, .first = i, .at = w->len};
	}
	w->len += more;
	return true;
}

static int read_window(pid_t tid, struct window *w)
{
	struct iovec local = {.iov_base = w->bytes, .iov_len = w->len}, remote[RUNS_MAX];

	for (size_t r = 0; r < w->n; r++)
		remote[r] = (struct iovec){.iov_base = (void *)w->runs[r].from,
					   .iov_len = w->runs[r].len};
	return process_vm_readv(tid, &local, 1, remote, w->n, 0) == (ssize_t)w->len ? 0 : -EFAULT;
}

/* A string of the run: what the window has of it, and then the rest. */
static int append_from(pid_t tid, const struct window *w, const struct run *run, uint64_t addr,
		       struct args *a, size_t *room)
{
	size_t at = addr - run->from, here = run->len - at;
	const char *bytes = w->bytes + run->at + at;
	size_t len = strnlen(bytes, here);
	int rc = append_bytes(bytes, len < here ? len + 1 : here, a, room);

	return rc < 0 || len < here ? rc : append_string(tid, addr + here, a, room);
}

static int append_strings(pid_t tid, const uint64_t *addrs, size_t n, struct args *a, size_t *room)
{
	static struct window w; /* large, and of one call at a time */
	size_t i = 0;
	int rc = 0;

	while (rc == 0 && i < n) {
		size_t k = i;

		w.n = w.len = 0;
		while (i < n && take_in(&w, i, addrs[i]))
			i++;
		rc = read_window(tid, &w);
		for (size_t r = 0; rc == 0 && k < i; k++) {
			if (r + 1 < w.n && w.runs[r + 1].first == k)
				r++;
			rc = append_from(tid, &w, &w.runs[r], addrs[k], a, room);
		}
	}
	return rc;
}

static int point_at_strings(struct args *a, size_t n)
{
	char *p = a->bytes;

	a->v = calloc(n + 1, sizeof(*a->v));
	if (a->v == NULL)
		return -ENOMEM;
	for (a->n = 0; a->n < n; a->n++, p += strlen(p) + 1)
		a->v[a->n] = p;
	return 0;
}

int agentmem_args(pid_t tid, uint64_t addr, struct args *a)
{
	uint64_t *pointers = NULL;
	size_t room = ARGS_FIRST;
	ssize_t n = addr ? read_pointers(tid, addr, &pointers) : 0;
	int rc = n < 0 ? (int)n : 0;

	*a = (struct args){.bytes = malloc(room)};
	if (a->bytes == NULL)
		rc = -ENOMEM;
	if (rc == 0 && n > 0)
		rc = append_strings(tid, pointers, (size_t)n, a, &room);
	free(pointers);
	if (rc == 0)
		rc = point_at_strings(a, (size_t)n);
	if (rc < 0)
		args_free(a);
	return rc;
}

void args_free(struct args *a)
{
	free(a->v);
	free(a->bytes);
	*a = (struct args){0};
}

static ssize_t read_proc(pid_t tid, const char *name, char *buf, size_t size)
{
	char path[64];
	autofd int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)tid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return n;
}

int agentproc_ids(pid_t tid, pid_t *tgid, pid_t *parent, pid_t *pid)
{
	char text[PROC_TEXT_MAX];
	ssize_t n = read_proc(tid, "status", text, sizeof(text));
	const char *own = n < 0 ? NULL : strstr(text, "\nTgid:");
	const char *up = own ? strstr(own, "\nPPid:") : NULL;
	const char *inside = up ? strstr(up, "\nNStgid:") : NULL;

	if (inside == NULL)
		return n < 0 ? (int)n : -ESRCH;
	*tgid = atoi(own + strlen("\nTgid:"));
	*parent = atoi(up + strlen("\nPPid:"));
	/* One number a pid namespace, from ours inwards. */
	inside += strlen("\nNStgid:");
	*pid = 0;
	for (char *end; *inside != '\n' && *inside != '\0'; inside = end) {
		long value = strtol(inside, &end, 10);

		if (end == inside)
			break;
		*pid = (pid_t)value;
	}
	return *tgid > 0 ? 0 : -ESRCH;
}

ssize_t agentproc_link(pid_t tid, const char *name, char *buf, size_t size)
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)tid, name);
	n = readlink(path, buf, size - 1);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return n;
}

int agentproc_fd_flags(pid_t tid, int fd)
{
	char name[48], text[256];
	const char *flags;
	ssize_t n;

	snprintf(name, sizeof(name), "fdinfo/%d", fd);
	n = read_proc(tid, name, text, sizeof(text));
	if (n < 0)
		return n == -ENOENT ? -EBADF : (int)n;
	flags = strstr(text, "flags:");
	return flags ? (int)strtol(flags + strlen("flags:"), NULL, 8) : -EIO;
}
