/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mounts that mask and protect, watched.
 *
 * A mount hangs on a directory entry.  When somebody outside renames another file over that
 * entry, or removes it, the kernel takes the mount away in every other mount namespace
 * (detach_mounts(), Linux 3.18): the agent then finds the new file, unmasked.  Where the plan
 * could not put a mask on an entry of our own (jail/mounts.c), that is a wall which falls by
 * no fault of the agent's; nothing but its end is safe then, since it may be looking at that
 * very moment.
 *
 * Nobody inside can mount or unmount, so whatever poll(2) says of mountinfo (EPOLLPRI,
 * proc(5)) is such a fall.
 */
#include "supervisor/state.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

enum {
	MOUNTINFO_MAX = 512 * 1024, /* bytes of all mounts; more: no start */
	POINT_FIELD = 4,	    /* the mount point's number in a line, from 0 */
	PATH_TEXT_MAX = 4096,
	WHY_TEXT_MAX = 256,
};

struct masks {
	struct source src;
	size_t n; /* mounts that there were */
	char text[MOUNTINFO_MAX];
};

static int read_mounts(struct masks *m)
{
	if (lseek(m->src.fd, 0, SEEK_SET) < 0)
		return -1;
	return fd_read_all(m->src.fd, m->text, sizeof(m->text)) < 0 ? -1 : 0;
}

static size_t count_mounts(const struct masks *m)
{
	size_t n = 0;

	for (const char *c = m->text; (c = strchr(c, '\n')) != NULL; c++)
		n++;
	return n;
}

/* "\040" is a blank; proc(5). */
static void unescape(const char *field, size_t len, char out[PATH_TEXT_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < len && n + 1 < PATH_TEXT_MAX; i++) {
		if (field[i] == '\\' && i + 3 < len) {
			out[n++] = (char)((field[i + 1] - '0') << 6 | (field[i + 2] - '0') << 3 |
					  (field[i + 3] - '0'));
			i += 3;
		} else {
			out[n++] = field[i];
		}
	}
	out[n] = '\0';
}

static bool has_point(const struct masks *m, const char *path)
{
	char point[PATH_TEXT_MAX];

	for (const char *line = m->text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		const char *field = line;

		for (int i = 0; i < POINT_FIELD; i++)
			field += strcspn(field, " \n") + 1;
		unescape(field, strcspn(field, " \n"), point);
		if (strcmp(point, path) == 0)
			return true;
	}
	return false;
}

/* The first of the plan's places that has no mount; NULL: all have theirs. */
static const char *fallen(const struct supervisor *s)
{
	const struct fsplan *fs = s->plan->fs;

	for (size_t i = 0; i < fs->n; i++)
		if (fs->v[i].kind != FS_LINK && !has_point(s->masks, fs->v[i].path))
			return fs->v[i].path;
	return NULL;
}

static void record(struct supervisor *s, const char *path)
{
	struct attempt a = {
		.tool = "file",
		.resource = path,
		.verdict = {.decision = DECISION_DENY,
			    .rule = "filesystem",
			    .reason = "replaced from outside, which took its mask away"},
		.via = VIA_KERNEL};

	attempt_finding(s, &a);
}

static void ready(struct supervisor *s, struct source *src, uint32_t events)
{
	char why[WHY_TEXT_MAX];
	const char *path = NULL;
	bool read = read_mounts(s->masks) == 0;

	(void)src;
	if ((events & (EPOLLPRI | EPOLLERR)) == 0)
		return;
	if (read && count_mounts(s->masks) >= s->masks->n)
		return; /* nothing is missing */
	if (read)
		path = fallen(s);
	if (path == NULL)
		path = "(a mount)"; /* that could not be read, or is beneath one of the plan's */
	snprintf(why, sizeof(why), "%s was replaced from outside, which took its protection away",
		 path);
	supervisor_end(s, END_ERROR, EXIT_KILLED, why);
	record(s, path);
}

int masks_start(struct supervisor *s, struct fault *f)
{
	char path[48];
	const char *missing;
	struct masks *m = s->masks = mem_alloc(sizeof(*m));

	snprintf(path, sizeof(path), "/proc/%d/mountinfo", (int)s->jail->init);
	m->src = (struct source){.fd = open(path, O_RDONLY | O_CLOEXEC), .ready = ready};
	if (m->src.fd < 0 || read_mounts(m) < 0)
		return fault_errno(f, NULL, "cannot read the sandbox's mounts");
	/* What falls after the open is told by poll, also where that comes later. */
	missing = fallen(s);
	if (missing != NULL)
		return fault_set(f, "start it again",
				 "%s was replaced while the sandbox was set up", missing);
	m->n = count_mounts(m);
	if (loop_add(s, &m->src, EPOLLPRI) < 0)
		return fault_errno(f, NULL, "cannot watch the sandbox's mounts");
	return 0;
}

void masks_stop(struct supervisor *s)
{
	if (s->masks == NULL)
		return;
	loop_remove(s, &s->masks->src);
	fd_close(&s->masks->src.fd);
	free(s->masks);
	s->masks = NULL;
}
