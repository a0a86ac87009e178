/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watch on STATE/revoked.d.  inotify(7) only says when to look; what counts
 * is what revocation_check() finds then.  So an event that is lost (a full queue,
 * a directory that is replaced while we look, a file system that has none) costs
 * time and no more: a slow timer looks as well.  The order is always: set the
 * watches, then look.  A revocation that comes in between is seen by the look.
 */
#include "supervisor/state.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/paths.h"
#include "record/journal.h"

#define DIRECTORY "revoked.d"

enum {
	LOOK_MS = 5 * 1000, /* the slow timer */
	/* Instead of inotify, of which a user has only so many (128 are usual). */
	LOOK_ALONE_MS = 250,
	NAME_TEXT_MAX = 300, /* as revocation_check() has them */
	WHY_TEXT_MAX = 256,
	DETAIL_MAX = 2048,
};

struct watch {
	struct source src; /* fd -1: no inotify to be had */
	struct timer look;
	char *state, *directory;
	int state_wd, directory_wd; /* -1: none stands */
};

/* The same watch again where the path leads to what is watched already. */
static void watch_path(int fd, const char *path, uint32_t mask, int *wd)
{
	int now = inotify_add_watch(fd, path, mask | IN_ONLYDIR);

	if (*wd >= 0 && *wd != now)
		inotify_rm_watch(fd, *wd); /* what stood there before */
	*wd = now;
}

static void set_watches(struct watch *w)
{
	if (w->src.fd < 0)
		return;
	/* Of the directory above only the coming and going of ours matters. */
	watch_path(w->src.fd, w->state, IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF,
		   &w->state_wd);
	watch_path(w->src.fd, w->directory,
		   IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF,
		   &w->directory_wd);
}

/* 1 with what a person reads, also where it cannot be told; 0: not revoked. */
static int look(struct supervisor *s, char *name, char *why, struct fault *f)
{
	int rc;

	set_watches(s->watch);
	rc = revocation_check(s->plan->state_dir, s->plan->revocation, name, why, f);
	if (rc == 0)
		return 0;
	if (rc > 0)
		fault_set(f, "`warder reinstate` gives it back", "agent %s is revoked (%s)%s%s",
			  s->plan->who->agent_id, name, why[0] ? ": " : "", why);
	return 1;
}

/* The processes are gone by then: what cannot be recorded has been done all the same. */
static void record(struct supervisor *s, const char *name, const char *why)
{
	char detail[DETAIL_MAX];
	struct json j;
	struct action a = {.phase = PHASE_REVOCATION, .tool = "run",
			   .resource = s->plan->who->run_id, .decision = POLICY_DENIED,
			   .rule = "revocation", .reason = why, .result = RESULT_KILLED,
			   .via = VIA_LAUNCHER, .detail = detail};

	json_init(&j, detail, sizeof(detail));
	json_open(&j, NULL, '{');
	json_str(&j, "revoked", name);
	json_close(&j, '}');
	journal_append(s->plan->journal, &a);
}

static void check(struct supervisor *s)
{
	char name[NAME_TEXT_MAX], why[WHY_TEXT_MAX];
	struct fault f = {0};

	if (look(s, name, why, &f) == 0)
		return;
	supervisor_end(s, END_REVOKED, EXIT_KILLED, f.what);
	record(s, name, f.what);
}

static void ready(struct supervisor *s, struct source *src, uint32_t events)
{
	/* Its text is of no use; but it is to be taken, as much as there is. */
	char text[16 * (sizeof(struct inotify_event) + NAME_MAX + 1)]
		__attribute__((aligned(__alignof__(struct inotify_event))));

	(void)events;
	while (read(src->fd, text, sizeof(text)) > 0)
		;
	check(s);
}

static void look_again(struct supervisor *s, struct timer *t)
{
	timer_set(s, t, s->watch->src.fd < 0 ? LOOK_ALONE_MS : LOOK_MS);
	check(s);
}

int watch_start(struct supervisor *s, struct fault *f)
{
	char name[NAME_TEXT_MAX], why[WHY_TEXT_MAX];
	struct watch *w;

	/* It has to be there to be watched. */
	if (paths_make(s->plan->state_dir, DIRECTORY, 1, f) < 0)
		return -1;
	w = s->watch = mem_alloc(sizeof(*w));
	w->src = (struct source){.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), .ready = ready};
	w->look.expired = look_again;
	w->look.wakes = w->src.fd < 0;
	w->state = mem_strdup(s->plan->state_dir);
	w->directory = mem_printf("%s/%s", s->plan->state_dir, DIRECTORY);
	w->state_wd = w->directory_wd = -1;
	if (w->src.fd >= 0 && loop_add(s, &w->src, EPOLLIN) < 0)
		return fault_errno(f, NULL, "cannot watch %s", w->directory);
	timer_set(s, &w->look, w->src.fd < 0 ? LOOK_ALONE_MS : LOOK_MS);
	/* It may have come since the agent was admitted. */
	return look(s, name, why, f) ? -1 : 0;
}

void watch_stop(struct supervisor *s)
{
	struct watch *w = s->watch;

	if (w == NULL)
		return;
	if (w->src.fd >= 0)
		loop_remove(s, &w->src);
	timer_clear(&w->look);
	fd_close(&w->src.fd);
	free(w->state);
	free(w->directory);
	free(w);
	s->watch = NULL;
}
