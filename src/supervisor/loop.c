/* SPDX-License-Identifier: Apache-2.0 */
/* The one loop: descriptors by epoll(7), timers in a sorted list. */
#include "supervisor/state.h"

#include <errno.h>
#include <sys/epoll.h>
#include <time.h>

#include "base/fd.h"

enum {
	EVENTS_MAX = 64,	   /* of one round; further ones are the next round's */
	TIMERS_MS = 10,		   /* for those that are due; the others after the next events */
	WAIT_MAX_MS = 3600 * 1000, /* epoll_wait() takes an int; a timer may be weeks away */
};

int loop_new(struct supervisor *s)
{
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	return s->epoll < 0 ? -1 : 0;
}

void loop_free(struct supervisor *s)
{
	fd_close(&s->epoll);
}

/* --- descriptors ------------------------------------------------------------------------------ */

static int control(struct supervisor *s, int op, struct source *src, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = src};

	return epoll_ctl(s->epoll, op, src->fd, &e);
}

int loop_add(struct supervisor *s, struct source *src, uint32_t events)
{
	return control(s, EPOLL_CTL_ADD, src, events);
}

int loop_change(struct supervisor *s, struct source *src, uint32_t events)
{
	return control(s, EPOLL_CTL_MOD, src, events);
}

void loop_remove(struct supervisor *s, struct source *src)
{
	/* ENOENT: not there any more, which is what is wanted. */
	control(s, EPOLL_CTL_DEL, src, 0);
	for (int i = 0; i < s->n_fetched; i++)
		if (s->fetched[i] == src)
			s->fetched[i] = NULL;
}

/* --- timers ----------------------------------------------------------------------------------- */

int64_t loop_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void timer_clear(struct timer *t)
{
	if (t->at == 0)
		return;
	*t->link = t->next;
	if (t->next)
		t->next->link = t->link;
	t->at = 0;
}

void timer_set(struct supervisor *s, struct timer *t, int64_t in_ms)
{
	struct timer **link = &s->timers;

	timer_clear(t);
	/* Never now: a timer that sets itself again must not hold the round. */
	t->at = loop_now() + (in_ms > 1 ? in_ms : 1);
	while (*link && (*link)->at <= t->at)
		link = &(*link)->next;
	t->next = *link;
	t->link = link;
	if (t->next)
		t->next->link = &t->next;
	*link = t;
}

static int64_t until(const struct timer *t)
{
	int64_t in_ms = t->at - loop_now();

	return in_ms > 0 ? in_ms : 0;
}

int64_t loop_next_wake(const struct supervisor *s)
{
	for (const struct timer *t = s->timers; t; t = t->next)
		if (t->wakes)
			return until(t);
	return -1;
}

static void serve_timers(struct supervisor *s)
{
	int64_t now = loop_now();

	while (s->timers && s->timers->at <= now && loop_now() - now < TIMERS_MS && !s->over) {
		struct timer *t = s->timers;

		timer_clear(t);
		t->expired(s, t);
	}
}

/* --- a round ---------------------------------------------------------------------------------- */

static int wait_ms(const struct supervisor *s)
{
	int64_t in_ms = s->timers ? until(s->timers) : -1;

	return in_ms > WAIT_MAX_MS ? WAIT_MAX_MS : (int)in_ms;
}

int loop_once(struct supervisor *s)
{
	struct epoll_event events[EVENTS_MAX];
	struct source *fetched[EVENTS_MAX];
	int n;

	patience_idle();
	n = epoll_wait(s->epoll, events, EVENTS_MAX, wait_ms(s));
	if (n < 0)
		return errno == EINTR ? 0 : -1;
	patience_work();
	for (int i = 0; i < n; i++)
		fetched[i] = events[i].data.ptr;
	s->fetched = fetched;
	s->n_fetched = n;
	for (int i = 0; i < n && !s->over; i++) {
		/* Whoever ran before may have removed it. */
		struct source *src = fetched[i];

		if (src)
			src->ready(s, src, events[i].events);
	}
	s->fetched = NULL;
	s->n_fetched = 0;
	serve_timers(s);
	return 0;
}
