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
 *
 * And when the entry itself is renamed, as an editor does that keeps the old file as its backup,
 * the mount goes along to the new name, and poll says nothing.  So the directories that hold the
 * entries are watched too, with F_NOTIFY, fcntl(2): once each (no DN_MULTISHOT), and set anew
 * when we have looked, so that an agent that makes and removes files there costs a look every
 * GATHER_MS.  Where no such watch can stand, or a directory further up is moved, a timer looks.
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
	DIRECTORIES_MAX = 64, /* watched; those of any more places are left to the timer */
	GATHER_MS = 10,
	LOOK_MS = 5 * 1000,
};

struct masks {
	struct source src;
	struct timer look;
	bool gathering; /* the timer is that of a signal */
	size_t n;	/* mounts that there were */
	int directories[DIRECTORIES_MAX];
	size_t n_directories;
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

static void end_run(struct supervisor *s, const char *path)
{
	char why[WHY_TEXT_MAX];

	snprintf(why, sizeof(why), "%s was replaced from outside, which took its protection away",
		 path);
	supervisor_end(s, END_ERROR, EXIT_KILLED, why);
	record(s, path);
}

/* Ends the run where a mount is missing. */
static void look(struct supervisor *s)
{
	const char *path;

	if (read_mounts(s->masks) < 0) {
		end_run(s, "(a mount that cannot be read)");
		return;
	}
	path = fallen(s);
	if (path == NULL && count_mounts(s->masks) < s->masks->n)
		path = "(a mount)"; /* beneath one of the plan's */
	if (path != NULL)
		end_run(s, path);
}

static void ready(struct supervisor *s, struct source *src, uint32_t events)
{
	(void)src;
	if (events & (EPOLLPRI | EPOLLERR))
		look(s);
}

/* --- renames ---------------------------------------------------------------------------------- */

static void set_watches(const struct masks *m)
{
	for (size_t i = 0; i < m->n_directories; i++)
		fcntl(m->directories[i], F_NOTIFY, DN_RENAME | DN_DELETE | DN_CREATE);
}

static void set_timer(struct supervisor *s, bool gathering)
{
	s->masks->gathering = gathering;
	timer_set(s, &s->masks->look, gathering ? GATHER_MS : LOOK_MS);
}

/* The watches first: what changes after them is told again. */
static void look_again(struct supervisor *s, struct timer *t)
{
	(void)t;
	set_watches(s->masks);
	look(s);
	if (!s->over)
		set_timer(s, false);
}

void masks_look(struct supervisor *s)
{
	if (!s->masks->gathering)
		set_timer(s, true);
}

/* Of the directory that holds path, unless that was the last one's too. */
static void watch_around(struct masks *m, const char *path, char last[PATH_TEXT_MAX])
{
	char directory[PATH_TEXT_MAX];
	size_t len = (size_t)(strrchr(path, '/') - path);
	int fd;

	snprintf(directory, sizeof(directory), "%.*s", len > 0 ? (int)len : 1, path);
	if (m->n_directories == DIRECTORIES_MAX || strcmp(directory, last) == 0)
		return;
	memcpy(last, directory, sizeof(directory));
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		m->directories[m->n_directories++] = fd;
}

static void watch_all(struct supervisor *s)
{
	const struct fsplan *fs = s->plan->fs;
	char last[PATH_TEXT_MAX] = "";

	for (size_t i = 0; i < fs->n; i++)
		if (fs->v[i].kind != FS_LINK)
			watch_around(s->masks, fs->v[i].path, last);
	set_watches(s->masks);
}

int masks_start(struct supervisor *s, struct fault *f)
{
	char path[48];
	const char *missing;
	struct masks *m = s->masks = mem_alloc(sizeof(*m));

	snprintf(path, sizeof(path), "/proc/%d/mountinfo", (int)s->jail->init);
	m->src = (struct source){.fd = open(path, O_RDONLY | O_CLOEXEC), .ready = ready};
	if (m->src.fd < 0)
		return fault_errno(f, NULL, "cannot read the sandbox's mounts");
	m->look.expired = look_again;
	watch_all(s);
	/* What falls after this is told by poll or the signal, also where that comes later. */
	if (read_mounts(m) < 0)
		return fault_errno(f, NULL, "cannot read the sandbox's mounts");
	missing = fallen(s);
	if (missing != NULL)
		return fault_set(f, "start it again",
				 "%s was replaced while the sandbox was set up", missing);
	m->n = count_mounts(m);
	if (loop_add(s, &m->src, EPOLLPRI) < 0)
		return fault_errno(f, NULL, "cannot watch the sandbox's mounts");
	set_timer(s, false);
	return 0;
}

void masks_stop(struct supervisor *s)
{
	if (s->masks == NULL)
		return;
	loop_remove(s, &s->masks->src);
	timer_clear(&s->masks->look);
	for (size_t i = 0; i < s->masks->n_directories; i++)
		fd_close(&s->masks->directories[i]);
	fd_close(&s->masks->src.fd);
	free(s->masks);
	s->masks = NULL;
}
