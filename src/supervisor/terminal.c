/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Job control.  The command has a process group of its own, so the terminal has
 * to be given to it, and what its stopping means has to be told to the shell that
 * started us, which sees only us.
 *
 * Giving.  Where standard input and output both are the terminal, the command
 * gets it at once, as any program in the foreground would have it.  Else we may be
 * part of a pipeline whose other parts read from it (a pager): then the command
 * gets it when it asks, that is, when SIGTTIN or SIGTTOU stops it.
 *
 * Stopping.  When the command has been stopped (Ctrl-Z), we take the terminal
 * back and stop, too; continued by the user (fg, bg) we continue it.  Where there
 * is no terminal we never stop.
 *
 * The watcher.  A supervisor that is stopped enforces no time limit, sees no
 * revocation, answers nobody; and an agent can stop its own command whenever it
 * likes while other processes of it go on.  So there is a small process beside
 * us that looks at our epoll descriptor, the clock and revoked.d while we are
 * stopped, and continues us when there is anything to do.  Then we do it, and stop
 * again.  Only signals it does not see: a signalfd(2) shows everybody his own.  So
 * we don't stop while one is to be expected (exec.h), and look for those that came.
 */
#include "supervisor/state.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "supervisor/confine.h"
#include "supervisor/exec.h"

enum {
	FIRST_NAP_MS = 1, /* what is due is done before we stop */
	NEXT_NAP_MS = 20, /* and what the watcher has woken us for */
	/* The watcher's: it looks for revocations so often; and wakes us again, since it may
	 * have been faster than our stop. */
	WATCH_LOOK_MS = 250,
	WATCH_AGAIN_MS = 50,
	NAME_TEXT_MAX = 300, /* as plan->revoked() has them */
	WHY_TEXT_MAX = 256,
};

struct terminal {
	int fd;
	pid_t group;	      /* ours */
	bool at_once;	      /* see "Giving" */
	bool given;	      /* the command has it */
	struct termios modes; /* when it was given */

	int stop_by;	  /* the signal that we are to stop by; 0: none */
	bool left;	  /* since we stopped somebody else has had the terminal */
	struct timer nap; /* set: we stop when it has expired */

	pid_t watcher;
	int to_watcher; /* int64_t: stopped from now on, wake in so many ms; or AWAKE */
};

enum { AWAKE = -2 }; /* -1, as loop_next_wake() has it: no time is set */

/* --- the watcher ------------------------------------------------------------------------------ */

static bool is_revoked(const struct supervisor *s)
{
	char name[NAME_TEXT_MAX], why[WHY_TEXT_MAX];
	struct fault f;

	return s->plan->revoked(s->plan->revocation, name, why, &f) != 0;
}

/* Told that the supervisor stops: waits for a reason to wake it.  Then wakes it until
 * it says that it is awake. */
static _Noreturn void watch(const struct supervisor *s, pid_t supervisor, int orders, int epoll)
{
	int64_t order = AWAKE, wake_at = INT64_MAX;
	bool woken = false;

	for (;;) {
		struct pollfd pfd[] = {
			{.fd = orders, .events = POLLIN},
			{.fd = order == AWAKE || woken ? -1 : epoll, .events = POLLIN},
		};
		int ms = woken ? WATCH_AGAIN_MS : WATCH_LOOK_MS;

		if (poll(pfd, 2, order == AWAKE ? -1 : ms) < 0 && errno != EINTR)
			_exit(1);
		if (pfd[0].revents) {
			if (read(orders, &order, sizeof(order)) != (ssize_t)sizeof(order))
				_exit(0);
			wake_at = order < 0 ? INT64_MAX : loop_now() + order;
			woken = false;
		} else if (order != AWAKE &&
			   (woken || pfd[1].revents || loop_now() >= wake_at || is_revoked(s))) {
			kill(supervisor, SIGCONT);
			woken = true;
		}
	}
}

/* Its signals are blocked as ours are; it holds two descriptors. */
static _Noreturn void become_watcher(const struct supervisor *s, pid_t supervisor, int orders)
{
	struct fault f;

	prctl(PR_SET_NAME, "warder-watcher");
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != supervisor)
		_exit(1);
	if (dup2(s->epoll, 1) != 1 || dup2(orders, 0) != 0 || close_range(2, ~0U, 0) < 0 ||
	    confine(false, &f) < 0)
		_exit(1);
	watch(s, supervisor, 0, 1);
}

static int start_watcher(struct supervisor *s, struct terminal *t)
{
	pid_t supervisor = getpid();
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	t->to_watcher = pair[0];
	t->watcher = fork();
	if (t->watcher == 0)
		become_watcher(s, supervisor, pair[1]);
	fd_close(&pair[1]);
	return t->watcher < 0 ? -1 : 0;
}

/* False: it is gone, so nobody would wake us. */
static bool tell_watcher(const struct terminal *t, int64_t order)
{
	return send(t->to_watcher, &order, sizeof(order), MSG_NOSIGNAL) == (ssize_t)sizeof(order);
}

/* --- giving and taking ------------------------------------------------------------------------ */

static bool is_foreground(const struct terminal *t)
{
	return tcgetpgrp(t->fd) == t->group;
}

static void give(struct supervisor *s, struct terminal *t)
{
	if (t->given || !is_foreground(t))
		return;
	tcgetattr(t->fd, &t->modes);
	/* EPERM: it has gone to a session of its own, and has no use for ours. */
	t->given = tcsetpgrp(t->fd, s->jail->command) == 0;
}

static void take(struct terminal *t)
{
	if (t->given)
		tcsetpgrp(t->fd, t->group);
	t->given = false;
}

/* --- stopping and going on -------------------------------------------------------------------- */

void terminal_continued(struct supervisor *s)
{
	struct terminal *t = s->terminal;

	if (t) {
		t->stop_by = 0;
		timer_clear(&t->nap);
		if (t->at_once)
			give(s, t);
	}
	signals_to_group(s, SIGCONT);
}

/* Stops here.  True: continued by the watcher; false: by somebody else, or not stopped at
 * all, as in a process group that no shell looks after. */
static bool stop(const struct terminal *t, int64_t wake_in)
{
	const struct timespec now = {0};
	siginfo_t info = {0};
	sigset_t by, cont;
	int sig;

	sigemptyset(&by);
	sigaddset(&by, t->stop_by);
	sigemptyset(&cont);
	sigaddset(&cont, SIGCONT);
	if (!tell_watcher(t, wake_in))
		return false;
	raise(t->stop_by);
	sigprocmask(SIG_UNBLOCK, &by, NULL);
	sigprocmask(SIG_BLOCK, &by, NULL);
	sig = sigtimedwait(&cont, &info, &now);
	tell_watcher(t, AWAKE);
	return sig == SIGCONT && info.si_pid == t->watcher;
}

static void nap(struct supervisor *s, struct timer *timer)
{
	struct terminal *t = s->terminal;
	bool by_watcher, foreground;

	if (exec_is_pending(s)) {
		timer_set(s, timer, NEXT_NAP_MS);
		return;
	}
	by_watcher = stop(t, loop_next_wake(s));
	foreground = is_foreground(t);
	signals_look(s);
	watch_look(s);
	if (s->over)
		return;
	/* Two SIGCONT at once are one; but the terminal comes back with the user's only. */
	if (!by_watcher || (t->left && foreground)) {
		terminal_continued(s);
		return;
	}
	t->left = t->left || !foreground;
	timer_set(s, timer, NEXT_NAP_MS);
}

void terminal_command_stopped(struct supervisor *s, int sig)
{
	struct terminal *t = s->terminal;

	if (t == NULL)
		return;
	if ((sig == SIGTTIN || sig == SIGTTOU) && !t->given) {
		give(s, t);
		if (t->given) {
			signals_to_group(s, SIGCONT);
			return;
		}
	}
	take(t);
	t->stop_by = sig == SIGSTOP ? SIGTSTP : sig;
	t->left = false;
	timer_set(s, &t->nap, FIRST_NAP_MS);
}

/* --- the whole -------------------------------------------------------------------------------- */

/* The controlling terminal, whatever became of the standard descriptors; or, where there
 * is no such device, one of them. */
static int open_terminal(void)
{
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

	for (int i = 0; i <= 2 && fd < 0; i++)
		if (tcgetpgrp(i) >= 0)
			fd = fcntl(i, F_DUPFD_CLOEXEC, 3);
	return fd;
}

int terminal_start(struct supervisor *s, struct fault *f)
{
	autofd int fd = open_terminal();
	struct terminal *t;

	if (fd < 0)
		return 0;
	t = s->terminal = mem_alloc(sizeof(*t));
	t->fd = take_fd(&fd);
	t->to_watcher = -1;
	t->group = getpgrp();
	t->at_once = tcgetpgrp(STDIN_FILENO) >= 0 && tcgetpgrp(STDOUT_FILENO) >= 0;
	t->nap.expired = nap;
	if (start_watcher(s, t) < 0)
		return fault_errno(f, NULL, "cannot start the watcher of the terminal");
	if (t->at_once)
		give(s, t);
	return 0;
}

/* A command that was killed leaves the terminal as it had it. */
static void tidy(const struct supervisor *s, const struct terminal *t)
{
	if (t->given && (s->end.reason != END_CHILD || s->end.exit_code > EXIT_SIGNAL))
		tcsetattr(t->fd, TCSADRAIN, &t->modes);
}

void terminal_stop(struct supervisor *s)
{
	struct terminal *t = s->terminal;

	if (t == NULL)
		return;
	tidy(s, t);
	take(t);
	timer_clear(&t->nap);
	fd_close(&t->to_watcher);
	if (t->watcher > 0) {
		kill(t->watcher, SIGKILL); /* ours and not reaped: the pid is still its own */
		waitpid(t->watcher, NULL, 0);
	}
	fd_close(&t->fd);
	free(t);
	s->terminal = NULL;
}
