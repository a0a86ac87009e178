/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pid 1 of the sandbox: builds the walls, starts the command, reaps.
 * What it may still do shrinks from line to line of init_run().
 */
#include "jail/stages.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/sys.h"
#include "jail/filter.h"

static void tell(int control, enum jail_tag tag, int value, unsigned int extra, int fd)
{
	struct jail_message m = {.tag = tag, .value = value, .extra = extra};

	if (fd_send(control, fd, &m, sizeof(m)) < 0)
		_exit(125); /* the supervisor is gone */
}

static _Noreturn void give_up(int control, const struct fault *f)
{
	struct {
		struct jail_message m;
		struct fault f;
	} packet = {.m = {.tag = JAIL_FAULT}, .f = *f};

	fd_send(control, -1, &packet, sizeof(packet));
	_exit(125);
}

/* Afterwards: the ids are the agent's. Must still be possible: everything
 * within its own namespaces. */
static int become_agent(const struct jail_plan *plan, struct fault *f)
{
	/* EPERM: an ordinary user's namespace denies setgroups(); user_namespaces(7). */
	if (setgroups(0, NULL) < 0 && errno != EPERM)
		return fault_errno(f, NULL, "cannot drop the supplementary groups");
	if (setresgid(plan->gid, plan->gid, plan->gid) < 0 ||
	    setresuid(plan->uid, plan->uid, plan->uid) < 0)
		return fault_errno(f, NULL, "cannot become uid %u, gid %u", plan->uid, plan->gid);
	return 0;
}

/* Afterwards: dies with the supervisor; one that has died already has closed `control`.  A
 * change of ids clears the setting. */
static int die_with_supervisor(struct fault *f)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return fault_errno(f, NULL, "cannot tie the sandbox to its supervisor");
	return 0;
}

/* What of the network is the supervisor's. */
struct doors {
	int tun, dns_udp, dns_tcp;
};

/* Afterwards: no packet leaves but through the supervisor. */
static int enter_network(struct doors *d, struct fault *f)
{
	return net_up(d->tun, f) < 0 || net_dns_sockets(&d->dns_udp, &d->dns_tcp, f) < 0 ? -1 : 0;
}

/* Afterwards: no capability, none to be gained, no path but the plan's.  The Landlock ABI. */
static int lose_privileges(const struct jail_plan *plan, struct fault *f)
{
	if (caps_drop_all(f) < 0)
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fault_errno(f, NULL, "cannot set no_new_privs");
	return landlock_apply(plan->fs, f);
}

/* All at once: each message alone would wake the supervisor. */
static void hand_over(int control, const struct doors *d, int landlock_abi)
{
	if (d->tun >= 0)
		tell(control, JAIL_TUN, 0, 0, d->tun);
	tell(control, JAIL_DNS_UDP, 0, 0, d->dns_udp);
	tell(control, JAIL_DNS_TCP, 0, 0, d->dns_tcp);
	tell(control, JAIL_WALLS, landlock_abi, 0, -1);
}

/* Kills and reaps all that the command left behind; how many it was that lived. */
static unsigned int sweep(void)
{
	unsigned int left = 0;
	pid_t pid;
	int status;

	kill(-1, SIGKILL);
	do {
		pid = waitpid(-1, &status, __WALL);
		left += pid > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	} while (pid > 0 || errno == EINTR);
	return left;
}

static _Noreturn void reap(pid_t command, int control)
{
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, __WALL | WUNTRACED);

		if (pid != command)
			continue;
		if (WIFSTOPPED(status)) {
			tell(control, JAIL_STOPPED, WSTOPSIG(status), 0, -1);
			continue;
		}
		tell(control, JAIL_EXITED, status, sweep(), -1);
		_exit(0);
	}
}

/* Waits for the id maps; end of file: the supervisor gave up. */
static void wait_for_maps(int control)
{
	char go;

	if (TEMP_FAILURE_RETRY(read(control, &go, 1)) != 1)
		_exit(125);
}

_Noreturn void init_run(const struct jail_plan *plan, int control)
{
	struct doors doors = {.tun = -1, .dns_udp = -1, .dns_tcp = -1};
	struct fault f = {0};
	pid_t command;
	int abi;

	prctl(PR_SET_NAME, "warder-init");
	wait_for_maps(control);
	if (plan->want_tun) {
		doors.tun = net_open_tun(&f); /* before the ids change: root's device may be 0600 */
		f = (struct fault){0};	      /* without one, sends are notified instead */
	}
	if (become_agent(plan, &f) < 0 || die_with_supervisor(&f) < 0 ||
	    enter_network(&doors, &f) < 0 || mounts_apply(plan->fs, &f) < 0)
		give_up(control, &f);
	if (sethostname(plan->hostname, strlen(plan->hostname)) < 0) {
		fault_errno(&f, NULL, "cannot name the sandbox's host");
		give_up(control, &f);
	}
	abi = lose_privileges(plan, &f);
	if (abi < 0)
		give_up(control, &f);
	hand_over(control, &doors, abi);

	prctl(PR_SET_DUMPABLE, 0); /* offer nothing to it; the command sets its own */
	command = fork();
	if (command < 0) {
		fault_errno(&f, NULL, "cannot fork the command");
		give_up(control, &f);
	}
	if (command == 0)
		command_run(plan, control, doors.tun >= 0);

	/* From here on hostile code runs beside us: hold nothing, say nothing. */
	for (char *const *arg = plan->launcher; arg && *arg; arg++)
		explicit_bzero(*arg, strlen(*arg));
	if (dup2(control, 3) != 3 || close_range(4, ~0U, 0) < 0 || close_range(0, 2, 0) < 0)
		_exit(125);
	mem_forget();
	if (filter_load_init() < 0)
		_exit(125);
	reap(command, 3);
}
