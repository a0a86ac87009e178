/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ending things.  The death of a pid namespace's init takes everything with
 * it, whatever session or group it hid in; and a process group reaches across
 * the namespace's border, so the sandbox must have one of its own.
 */
#include <sys/mman.h>
#include <time.h>

#include "notify.h"

enum { CROWD = 60, END_MS_MAX = 5000 };

/* init of a new pid namespace: fork, so that the child is pid 1 there. */
static pid_t fork_init(void)
{
	pid_t pid = -1;

	fflush(stdout);
	if (enter_namespaces(CLONE_NEWUSER | CLONE_NEWPID))
		pid = fork();
	return pid;
}

static void hide_in_a_crowd(void)
{
	for (int i = 0; i < CROWD; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			if (i % 3 == 0)
				setsid();
			if (i % 3 == 1 && fork() != 0)
				_exit(0); /* the grandchild is init's now */
			signal(SIGTERM, SIG_IGN);
			signal(SIGHUP, SIG_IGN);
			if (i % 5 == 4)
				raise(SIGSTOP);
			for (;;)
				pause();
		}
	}
}

/* In a process of its own, since it unshares. Exit 0: all ended; 2: no namespace. */
static int crowd_ends(void)
{
	int alive[2], ready[2];
	char byte;
	pid_t init;
	struct pollfd p;

	if (pipe2(alive, O_CLOEXEC) < 0 || pipe2(ready, O_CLOEXEC) < 0)
		return 3;
	init = fork_init();
	if (init < 0)
		return 2;
	if (init == 0) {
		close(alive[0]); /* each of the crowd keeps alive[1] open as long as it lives */
		hide_in_a_crowd();
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(alive[1]);
	if (read(ready[0], &byte, 1) != 1)
		return 3;
	p = (struct pollfd){ .fd = alive[0], .events = POLLIN };
	if (poll(&p, 1, 50) != 0)
		return 4; /* the control: somebody lives and holds the pipe */
	kill(init, SIGKILL);
	return poll(&p, 1, END_MS_MAX) == 1 && (p.revents & POLLHUP) ? 0 : 1;
}

static int in_a_process(int (*fn)(void))
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		_exit(fn());
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static volatile sig_atomic_t hit;

static void on_usr1(int signal)
{
	(void)signal;
	hit = 1;
}

/* init of a pid namespace does kill(0): is its group's leader outside hit? */
static int group_reaches(bool own_group)
{
	struct sigaction sa = { .sa_handler = on_usr1 };
	pid_t init;

	sigaction(SIGUSR1, &sa, NULL);
	init = fork_init();
	if (init < 0)
		return 2;
	if (init == 0) {
		if (own_group)
			setpgid(0, 0);
		_exit(getpid() == 1 && kill(0, SIGUSR1) == 0 ? 0 : 1);
	}
	while (waitpid(init, NULL, 0) < 0 && errno == EINTR)
		;
	return hit ? 0 : 1;
}

static int same_group(void)
{
	return group_reaches(false);
}

static int own_group(void)
{
	return group_reaches(true);
}

int main(void)
{
	int ended = in_a_process(crowd_ends);

	if (ended == 2) {
		tap_skip("pid namespaces", "no user namespaces here");
		return tap_done();
	}
	tap_ok(ended == 0, "SIGKILL to init of a pid namespace ends all %d processes in it (%d)",
	       CROWD, ended);
	tap_ok(in_a_process(same_group) == 0,
	       "kill(0) inside reaches a member of its process group outside the namespace");
	tap_ok(in_a_process(own_group) == 1, "and no one outside from a group of its own");
	return tap_done();
}
