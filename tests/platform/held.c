/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call that is held while signals arrive.  Go's runtime preempts its threads
 * by signal: without WAIT_KILLABLE_RECV every held call of such a program is
 * cancelled and made again, and no answer ever arrives.
 */
#include <sys/time.h>

#include "notify.h"

enum {
	HOLD_US = 20 * 1000, /* as long as a dial may take; twenty ticks of the timer */
	CANCELLED_ENOUGH = 10,
};

static void on_tick(int signal)
{
	(void)signal;
}

static int ticking(void *arg)
{
	struct sigaction sa = { .sa_handler = on_tick, .sa_flags = SA_RESTART };
	struct itimerval every_ms = { { 0, 1000 }, { 0, 1000 } };

	(void)arg;
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &every_ms, NULL);
	/* Any call will do; this one has no side effect when it is answered for it. */
	return syscall(SYS_getppid) == 4711 ? 0 : 1;
}

/* Returns the number of notifications; *answered: how many answers arrived. */
static int hold(struct notified *n, int *answered)
{
	struct seccomp_notif req;
	int seen = 0;

	*answered = 0;
	while (seen < CANCELLED_ENOUGH && notified_next(n, &req, 2000)) {
		seen++;
		usleep(HOLD_US);
		*answered += notified_answer(n, req.id, 0, 4711, 0);
	}
	return seen;
}

int main(void)
{
	struct notified plain = { .calls = { SYS_getppid }, .body = ticking };
	struct notified killable = { .calls = { SYS_getppid },
				     .filter_flags = SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
				     .body = ticking };
	int seen, answered, status;

	if (!notified_start(&plain))
		tap_bail("filter");
	seen = hold(&plain, &answered);
	kill(plain.pid, SIGKILL);
	notified_end(&plain);
	tap_ok(seen == CANCELLED_ENOUGH && answered == 0,
	       "a 1 kHz timer cancels every held call: %d notifications, %d answered", seen,
	       answered);

	if (!notified_start(&killable)) {
		tap_skip("WAIT_KILLABLE_RECV holds", "this kernel has no WAIT_KILLABLE_RECV");
		return tap_done();
	}
	seen = hold(&killable, &answered);
	status = notified_end(&killable);
	tap_ok(seen == 1 && answered == 1 && status == 0,
	       "with WAIT_KILLABLE_RECV: %d notification, %d answered", seen, answered);

	/* Killable still: the wait must not outlive the process. */
	if (!notified_start(&killable))
		tap_bail("filter");
	if (tap_ok(notified_next(&killable, &(struct seccomp_notif){ 0 }, 2000),
		   "a call is held and not answered")) {
		kill(killable.pid, SIGKILL);
		tap_ok(notified_end(&killable) == 128 + SIGKILL, "SIGKILL ends the wait");
	}
	return tap_done();
}
