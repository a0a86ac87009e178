/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watch on STATE/revoked.d.  A signal only says when to look; what counts is
 * what revocation_check() finds then.  So one that is missed (a directory that is
 * replaced while we look, a file system that tells nothing) costs time and no more:
 * a timer looks as well.  The order is always: set the watches, then look.  A
 * revocation that comes in between is seen by the look.
 *
 * The signal is F_NOTIFY's, fcntl(2), SIGIO: it cannot overflow, since one that
 * waits stands for all.  inotify(7) has 128 instances for a user's runs, and takes
 * about 10 ms to close, which every run would wait for at its end.
 */
#include "supervisor/state.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/paths.h"
#include "record/journal.h"

#define DIRECTORY "revoked.d"

enum {
	LOOK_MS = 5 * 1000,
	LOOK_ALONE_MS = 250, /* where no watch stands */
	NAME_TEXT_MAX = 300, /* as revocation_check() has them */
	WHY_TEXT_MAX = 256,
	DETAIL_MAX = 2048,
};

struct watch {
	struct timer look;
	char *state, *directory;
	int state_fd, directory_fd; /* -1: no watch stands */
};

static bool is_same(int fd, const char *path)
{
	struct stat held, there;

	return fd >= 0 && fstat(fd, &held) == 0 && stat(path, &there) == 0 &&
	       held.st_dev == there.st_dev && held.st_ino == there.st_ino;
}

/* On what the path leads to now. */
static void watch_path(int *fd, const char *path, unsigned int events)
{
	if (is_same(*fd, path))
		return;
	fd_close(fd);
	*fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd >= 0 && fcntl(*fd, F_NOTIFY, events | DN_MULTISHOT) < 0)
		fd_close(fd);
}

static void set_watches(struct watch *w)
{
	/* Of the directory above only the coming and going of ours matters. */
	watch_path(&w->state_fd, w->state, DN_CREATE | DN_DELETE | DN_RENAME | DN_ATTRIB);
	watch_path(&w->directory_fd, w->directory, DN_CREATE | DN_RENAME);
}

/* 1 with what a person reads, also where it cannot be told; 0: not revoked. */
static int look(struct supervisor *s, char *name, char *why, struct fault *f)
{
	set_watches(s->watch);
	return s->plan->revoked(s->plan->revocation, name, why, f) != 0;
}

/* The processes are gone by then: what cannot be recorded has been done all the same. */
static void record(struct supervisor *s, const char *name, const char *why)
{
	char detail[DETAIL_MAX];
	struct json j;
	struct action a = {.phase = PHASE_REVOCATION,
			   .tool = "run",
			   .resource = s->plan->who->run_id,
			   .decision = POLICY_DENIED,
			   .rule = "revocation",
			   .reason = why,
			   .result = RESULT_KILLED,
			   .via = VIA_LAUNCHER,
			   .detail = detail};

	json_init(&j, detail, sizeof(detail));
	json_open(&j, NULL, '{');
	json_str(&j, "revoked", name);
	json_close(&j, '}');
	journal_append(s->plan->journal, &a);
}

static void set_timer(struct supervisor *s)
{
	struct watch *w = s->watch;
	bool alone = w->directory_fd < 0;

	w->look.wakes = alone;
	timer_set(s, &w->look, alone ? LOOK_ALONE_MS : LOOK_MS);
}

void watch_look(struct supervisor *s)
{
	char name[NAME_TEXT_MAX], why[WHY_TEXT_MAX];
	struct fault f = {0};
	int revoked = look(s, name, why, &f);

	set_timer(s);
	if (!revoked)
		return;
	supervisor_end(s, END_REVOKED, EXIT_KILLED, f.what);
	record(s, name, f.what);
}

void watch_again(struct supervisor *s)
{
	fd_close(&s->watch->state_fd);
	fd_close(&s->watch->directory_fd);
	watch_look(s);
}

static void look_again(struct supervisor *s, struct timer *t)
{
	(void)t;
	watch_look(s);
}

int watch_start(struct supervisor *s, struct fault *f)
{
	char name[NAME_TEXT_MAX], why[WHY_TEXT_MAX];
	struct watch *w;

	/* It has to be there to be watched. */
	if (paths_make(s->plan->state_dir, DIRECTORY, 1, f) < 0)
		return -1;
	w = s->watch = mem_alloc(sizeof(*w));
	w->look.expired = look_again;
	w->state = mem_strdup(s->plan->state_dir);
	w->directory = mem_printf("%s/%s", s->plan->state_dir, DIRECTORY);
	w->state_fd = w->directory_fd = -1;
	/* It may have come since the agent was admitted. */
	if (look(s, name, why, f))
		return -1;
	set_timer(s);
	return 0;
}

void watch_stop(struct supervisor *s)
{
	struct watch *w = s->watch;

	if (w == NULL)
		return;
	timer_clear(&w->look);
	fd_close(&w->state_fd);
	fd_close(&w->directory_fd);
	free(w->state);
	free(w->directory);
	free(w);
	s->watch = NULL;
}
