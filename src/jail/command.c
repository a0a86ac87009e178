/* SPDX-License-Identifier: Apache-2.0 */
/* The last trusted instructions before the agent's own. */
#include "jail/stages.h"

#include <errno.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys.h"
#include "jail/filter.h"

static _Noreturn void fail(int control, enum jail_tag tag, const char *what)
{
	struct {
		struct jail_message m;
		struct fault f;
	} packet = {.m = {.tag = tag, .value = errno}};

	fault_errno(&packet.f, NULL, "%s", what);
	fd_send(control, -1, &packet, tag == JAIL_FAULT ? sizeof(packet) : sizeof(packet.m));
	_exit(125);
}

static void limit(int control, int resource, uint64_t value)
{
	struct rlimit r = {.rlim_cur = value, .rlim_max = value};
	struct rlimit had;

	if (value == 0)
		return;
	if (getrlimit(resource, &had) == 0 && had.rlim_max < value)
		return; /* stricter already, and not ours to raise */
	if (setrlimit(resource, &r) < 0)
		fail(control, JAIL_FAULT, "cannot set the resource limits");
}

/* Signals as a fresh program expects them: the supervisor blocks and ignores some. */
static void reset_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool has_terminal(void)
{
	return isatty(STDIN_FILENO) || isatty(STDOUT_FILENO) || isatty(STDERR_FILENO);
}

_Noreturn void command_run(const struct jail_plan *plan, int control, bool tun)
{
	const struct profile *p = plan->profile;
	unsigned int variant = (tun ? 0 : FILTER_NOTIFY_SEND) | (p->exec_ptrace ? FILTER_PTRACE : 0);
	struct jail_message m = {.tag = JAIL_LISTENER};
	static const struct rlimit no_core; /* a core file would be a way past the masks */
	int killable, err;

	/* A process group of its own: kill(0, SIGKILL) must not reach the supervisor.  Who was
	 * given no terminal does not get one through /dev/tty either. */
	if ((has_terminal() ? setpgid(0, 0) : setsid()) < 0)
		fail(control, JAIL_FAULT, "cannot make a process group");
	if (chdir(plan->fs->cwd) < 0)
		fail(control, JAIL_FAULT, "cannot enter the workspace");
	limit(control, RLIMIT_NOFILE, p->limits.open_files);
	limit(control, RLIMIT_NPROC, p->limits.pids);
	limit(control, RLIMIT_DATA, p->limits.memory);
	prctl(PR_SET_DUMPABLE, 1); /* the supervisor takes the listener out of this process */
	if (setrlimit(RLIMIT_CORE, &no_core) < 0)
		fail(control, JAIL_FAULT, "cannot switch core dumps off");
	reset_signals();
	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		fail(control, JAIL_FAULT, "cannot close the descriptors");

	m.value = filter_load_agent(variant, &killable);
	if (m.value < 0)
		fail(control, JAIL_FAULT,
		     errno == EBUSY ? "a seccomp listener outside holds this process already"
				    : "cannot load the seccomp filter");
	m.extra = (uint32_t)killable;
	if (write(control, &m, sizeof(m)) != (ssize_t)sizeof(m))
		_exit(125);
	environ = (char **)plan->env; /* its PATH is the one that is searched */
	execvp(plan->argv[0], plan->argv);
	err = errno;
	/* An empty name fails without a call, maybe before the supervisor holds us: this one is
	 * answered (ENOENT), so it waits. */
	execve("", plan->argv, environ);
	errno = err;
	fail(control, JAIL_NOT_RUN, "");
}
