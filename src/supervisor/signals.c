/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals to the supervisor are meant for the command: it gets them.  What a
 * terminal sends goes to a whole process group, and the command's is another one
 * than ours (jail/command.c): then its group gets them.
 *
 * What was ignored when we were started (nohup, a shell's background job) stays
 * ignored, here and so for the command.
 */
#include "supervisor/state.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "supervisor/exec.h"

enum {
	GRACE_MS = 5 * 1000, /* between SIGTERM and the end at the time limit */
	SIGNALS_BURST = 16,
};

/* SIGTTIN and SIGTTOU are only blocked: so that we may move the terminal. */
static const int passed_on[] = {SIGINT,	 SIGTERM,  SIGHUP,  SIGQUIT, SIGUSR1,
				SIGUSR2, SIGWINCH, SIGCONT, SIGTSTP};

struct signals {
	struct source src;
	struct timer wall, grace;
	bool timed_out;
};

/* How it was before signals_block(), which comes before there is a supervisor. */
static struct {
	bool blocked;
	sigset_t mask, taken;
	struct sigaction pipe, size, child;
} before;

/* --- passing on ------------------------------------------------------------------------------- */

static void to_command(struct supervisor *s, int sig)
{
	/* ESRCH: it has ended, and the jail is about to say so. */
	sys_pidfd_send_signal(s->jail->command_pidfd, sig);
}

void signals_to_group(struct supervisor *s, int sig)
{
	/* While the leader is there the number is its group's. */
	if (sys_pidfd_send_signal(s->jail->command_pidfd, 0) < 0)
		return;
	if (kill(-s->jail->command, sig) < 0)
		to_command(s, sig); /* it has gone to another group */
}

static void pass_on(struct supervisor *s, const struct signalfd_siginfo *info)
{
	int sig = (int)info->ssi_signo;

	if (info->ssi_code == SI_KERNEL || sig == SIGTSTP || sig == SIGHUP)
		signals_to_group(s, sig);
	else
		to_command(s, sig);
	/* Whoever is stopped would not hear of it, nor be continued by anybody any more. */
	if (sig == SIGHUP || sig == SIGTERM)
		signals_to_group(s, SIGCONT);
}

/* F_NOTIFY's, which does not say where. */
static void something_changed(struct supervisor *s)
{
	watch_look(s);
	masks_look(s);
}

void signals_look(struct supervisor *s)
{
	for (int i = 0; i < SIGNALS_BURST && !s->over; i++) {
		struct signalfd_siginfo info;

		if (read(s->signals->src.fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
			return;
		if (info.ssi_signo == SIGCHLD)
			exec_reap(s);
		else if (info.ssi_signo == SIGIO)
			something_changed(s);
		else if (info.ssi_signo == SIGCONT)
			terminal_continued(s);
		else
			pass_on(s, &info);
	}
}

static void ready(struct supervisor *s, struct source *src, uint32_t events)
{
	(void)src;
	(void)events;
	signals_look(s);
}

/* --- the time limit --------------------------------------------------------------------------- */

static void limit_reached(struct supervisor *s, struct timer *t)
{
	(void)t;
	s->signals->timed_out = true;
	timer_set(s, &s->signals->grace, GRACE_MS);
	signals_to_group(s, SIGTERM);
	signals_to_group(s, SIGCONT);
}

static void grace_over(struct supervisor *s, struct timer *t)
{
	(void)t;
	supervisor_end(s, END_TIMEOUT, EXIT_TIMED_OUT, "the time limit is over");
}

bool signals_timed_out(const struct supervisor *s)
{
	return s->signals->timed_out;
}

/* --- the whole -------------------------------------------------------------------------------- */

static void take(sigset_t *blocked, int sig)
{
	sigaddset(blocked, sig);
	sigaddset(&before.taken, sig);
}

int signals_block(struct fault *f)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN}, usual = {.sa_handler = SIG_DFL};
	struct sigaction was;
	sigset_t blocked;

	sigemptyset(&blocked);
	sigemptyset(&before.taken);
	for (size_t i = 0; i < ARRAY_SIZE(passed_on); i++)
		if (sigaction(passed_on[i], NULL, &was) == 0 && was.sa_handler != SIG_IGN)
			take(&blocked, passed_on[i]);
	take(&blocked, SIGCHLD);
	take(&blocked, SIGIO);
	sigaddset(&blocked, SIGTTIN);
	sigaddset(&blocked, SIGTTOU);
	/* An ignored SIGCHLD would take our children's ends from us.  A journal at its file size
	 * limit is one that cannot be written: the answer is no, not our end. */
	if (sigprocmask(SIG_BLOCK, &blocked, &before.mask) < 0 ||
	    sigaction(SIGPIPE, &ignore, &before.pipe) < 0 ||
	    sigaction(SIGXFSZ, &ignore, &before.size) < 0 ||
	    sigaction(SIGCHLD, &usual, &before.child) < 0)
		return fault_errno(f, NULL, "cannot take over the signals");
	before.blocked = true;
	return 0;
}

int signals_start(struct supervisor *s, struct fault *f)
{
	struct signals *g = mem_alloc(sizeof(*g));

	s->signals = g;
	g->src = (struct source){.fd = signalfd(-1, &before.taken, SFD_CLOEXEC | SFD_NONBLOCK),
				 .ready = ready};
	g->wall = (struct timer){.expired = limit_reached, .wakes = true};
	g->grace = (struct timer){.expired = grace_over, .wakes = true};
	if (g->src.fd < 0 || loop_add(s, &g->src, EPOLLIN) < 0)
		return fault_errno(f, NULL, "cannot watch the signals");
	if (s->plan->wall_ms > 0)
		timer_set(s, &g->wall, s->plan->wall_ms);
	return 0;
}

void signals_stop(struct supervisor *s)
{
	const struct timespec now = {0};
	struct signals *g = s->signals;

	if (g) {
		if (g->src.fd >= 0)
			loop_remove(s, &g->src);
		timer_clear(&g->wall);
		timer_clear(&g->grace);
		fd_close(&g->src.fd);
		free(g);
		s->signals = NULL;
	}
	if (!before.blocked)
		return;
	before.blocked = false;
	/* What was meant for the command, which has ended, must not end us. */
	while (sigtimedwait(&before.taken, NULL, &now) > 0)
		;
	sigaction(SIGPIPE, &before.pipe, NULL);
	sigaction(SIGXFSZ, &before.size, NULL);
	sigaction(SIGCHLD, &before.child, NULL);
	sigprocmask(SIG_SETMASK, &before.mask, NULL);
}
