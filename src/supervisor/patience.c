/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the supervisor is asked to look at is the agent's: its sockets, its memory,
 * files that it chose.  A call on such a thing may come to wait although it was
 * made not to, when the agent changes the thing meanwhile.  So a timer's signal
 * ticks while the loop has work: whoever waits is interrupted, and EINTR is the
 * one answer that the agent gets of it.  It ticks and does not ring once, because
 * the first may come just before the wait.
 *
 * Nothing is paid while nothing waits: the timer runs on over many rounds of the
 * loop and stops by itself once it finds the loop idle.
 */
#include <errno.h>
#include <signal.h>
#include <time.h>

#include "supervisor/state.h"

enum {
	TICK_US = 100 * 1000, /* what waits is interrupted after so long, at most */
	HURRY_US = 200,	      /* the same where it is the agent's doing if there is a wait */
};

static timer_t timer;
static bool made; /* not in a test of a part */
static volatile sig_atomic_t ticking, idle;

static void set(long us)
{
	const struct timespec period = {.tv_nsec = us * 1000};
	const struct itimerspec spec = {.it_interval = period, .it_value = period};

	if (made)
		timer_settime(timer, 0, &spec, NULL);
}

static void tick(int sig)
{
	int err = errno;

	(void)sig;
	if (idle && ticking) {
		ticking = false;
		set(0);
	}
	errno = err;
}

int patience_start(struct fault *f)
{
	/* No SA_RESTART: that is the point.  Not SIGALRM: alarm(2) is whoever started us's. */
	const struct sigaction sa = {.sa_handler = tick};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
	sigset_t one;

	sigemptyset(&one);
	sigaddset(&one, SIGRTMIN);
	if (sigaction(SIGRTMIN, &sa, NULL) < 0 || sigprocmask(SIG_UNBLOCK, &one, NULL) < 0 ||
	    timer_create(CLOCK_MONOTONIC, &event, &timer) < 0)
		return fault_errno(f, NULL, "cannot make a timer");
	made = true;
	return 0;
}

void patience_idle(void)
{
	idle = true;
}

void patience_work(void)
{
	idle = false;
	if (ticking)
		return;
	ticking = true;
	set(TICK_US);
}

void patience_stop(void)
{
	ticking = false;
	set(0);
}

void patience_hurry(void)
{
	set(HURRY_US);
}

void patience_calm(void)
{
	set(ticking ? TICK_US : 0);
}
