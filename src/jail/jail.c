/* SPDX-License-Identifier: Apache-2.0 */
#include "jail/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/sys.h"
#include "jail/stages.h"

enum {
	START_TIMEOUT_MS = 30 * 1000, /* for all of init's stages; then the start fails */
	END_WAIT_MS = 5 * 1000, /* for the kernel to end the namespace after SIGKILL; then it is
				 * said, and waited for all the same: gone means gone */
};

#define DOCTOR "see `warder doctor`"

static int write_proc(pid_t pid, const char *file, const char *text, struct fault *f)
{
	char path[64];
	autofd int fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		return fault_errno(f, DOCTOR, "cannot write %s of the sandbox", file);
	return 0;
}

/* One uid and one gid, mapped to themselves; user_namespaces(7). */
static int write_maps(pid_t pid, const struct jail_plan *plan, struct fault *f)
{
	char uid[64], gid[64];

	snprintf(uid, sizeof(uid), "%u %u 1\n", plan->uid, plan->uid);
	snprintf(gid, sizeof(gid), "%u %u 1\n", plan->gid, plan->gid);
	if (geteuid() != 0 && write_proc(pid, "setgroups", "deny", f) < 0)
		return -1;
	if (write_proc(pid, "uid_map", uid, f) < 0)
		return -1;
	return write_proc(pid, "gid_map", gid, f);
}

/* Receives a message, its descriptor, and the sender's pid as the kernel
 * states it (SCM_CREDENTIALS, unix(7)).  Bytes received, 0 at the end, -1. */
static ssize_t receive(int sock, void *buf, size_t size, int *fd, pid_t *sender)
{
	union {
		char space[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {.iov_base = buf, .iov_len = size};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.space,
			     .msg_controllen = sizeof(control.space)};
	ssize_t n = TEMP_FAILURE_RETRY(recvmsg(sock, &msg, MSG_CMSG_CLOEXEC));

	*fd = -1;
	*sender = 0;
	if (n < 0)
		return -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c != NULL; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_RIGHTS)
			memcpy(fd, CMSG_DATA(c), sizeof(int));
		if (c->cmsg_type == SCM_CREDENTIALS)
			memcpy(sender, CMSG_DATA(c) + offsetof(struct ucred, pid), sizeof(pid_t));
	}
	return n;
}

/* The command stands before its execve(): take the listener out of it. */
static int take_listener(struct jail *jail, const struct jail_message *m, struct fault *f)
{
	jail->command_pidfd = sys_pidfd_open(jail->command, 0);
	if (jail->command_pidfd < 0)
		return fault_errno(f, NULL, "cannot hold the command");
	jail->listener = sys_pidfd_getfd(jail->command_pidfd, m->value);
	if (jail->listener < 0)
		return fault_errno(f, DOCTOR, "cannot take the seccomp listener");
	jail->wait_killable = m->extra != 0;
	return 0;
}

struct start_packet {
	struct jail_message m;
	struct fault f;
};

/* 1: the jail stands; 0: go on; -1: fault. */
static int take_message(struct jail *jail, struct start_packet *p, size_t len, int fd, pid_t sender,
			struct fault *f)
{
	switch (p->m.tag) {
	case JAIL_TUN:
		jail->tun = fd;
		return 0;
	case JAIL_DNS_UDP:
		jail->dns_udp = fd;
		return 0;
	case JAIL_DNS_TCP:
		jail->dns_tcp = fd;
		return 0;
	case JAIL_WALLS:
		jail->landlock_abi = p->m.value;
		return 0;
	case JAIL_LISTENER:
		jail->command = sender;
		return take_listener(jail, &p->m, f) < 0 ? -1 : 1;
	default:
		if (len == sizeof(*p))
			*f = p->f;
		else
			fault_set(f, DOCTOR, "the sandbox sent message %u", p->m.tag);
		return -1;
	}
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int wait_until_up(struct jail *jail, struct fault *f)
{
	const int64_t deadline = now_ms() + START_TIMEOUT_MS;

	for (;;) {
		struct pollfd pfd = {.fd = jail->control, .events = POLLIN};
		struct start_packet packet = {0};
		int64_t left = deadline - now_ms();
		pid_t sender;
		int fd, rc;
		ssize_t n;

		if (TEMP_FAILURE_RETRY(poll(&pfd, 1, left > 0 ? (int)left : 0)) <= 0)
			return fault_set(f, DOCTOR, "the sandbox did not come up in %d s",
					 START_TIMEOUT_MS / 1000);
		n = receive(jail->control, &packet, sizeof(packet), &fd, &sender);
		if (n < (ssize_t)sizeof(packet.m))
			return fault_set(f, DOCTOR, "the sandbox ended while it was set up");
		rc = take_message(jail, &packet, (size_t)n, fd, sender, f);
		if (rc != 0)
			return rc > 0 ? 0 : -1;
	}
}

static pid_t clone_init(void)
{
	const unsigned long flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET |
				    CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | SIGCHLD;

	/* As fork(2): no new stack, so the other arguments do not matter. */
	return (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, 0);
}

int jail_begin(const struct jail_plan *plan, struct jail *jail, struct fault *f)
{
	const int on = 1;
	int pair[2];

	*jail = (struct jail){.init_pidfd = -1,
			      .command_pidfd = -1,
			      .control = -1,
			      .listener = -1,
			      .tun = -1,
			      .dns_udp = -1,
			      .dns_tcp = -1};
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fault_errno(f, NULL, "cannot make a socket pair");
	jail->control = pair[0];
	if (setsockopt(jail->control, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0) {
		fault_errno(f, NULL, "cannot ask for credentials");
		goto fail;
	}
	jail->init = clone_init();
	if (jail->init == 0) {
		close(pair[0]);
		init_run(plan, pair[1]);
	}
	fd_close(&pair[1]);
	if (jail->init < 0) {
		fault_errno(f, "user namespaces may be switched off here: " DOCTOR,
			    "cannot make the sandbox's namespaces");
		goto fail;
	}
	jail->init_pidfd = sys_pidfd_open(jail->init, 0);
	if (jail->init_pidfd < 0) {
		fault_errno(f, NULL, "cannot hold the sandbox's init");
		goto fail;
	}
	if (write_maps(jail->init, plan, f) < 0 || fd_send(jail->control, -1, "g", 1) < 0)
		goto fail;
	return 0;
fail:
	fd_close(&pair[1]);
	jail_end(jail);
	return -1;
}

int jail_wait(struct jail *jail, struct fault *f)
{
	if (wait_until_up(jail, f) == 0)
		return 0;
	jail_end(jail);
	return -1;
}

int jail_read(const struct jail *jail, struct jail_message *m)
{
	ssize_t n = TEMP_FAILURE_RETRY(recv(jail->control, m, sizeof(*m), MSG_DONTWAIT));

	if (n < 0 && errno == EAGAIN)
		return 0;
	return n == (ssize_t)sizeof(*m) ? 1 : -1;
}

void jail_end(struct jail *jail)
{
	if (jail->init > 0) {
		struct pollfd pfd = {.fd = jail->init_pidfd, .events = POLLIN};

		kill(jail->init, SIGKILL); /* ours and not reaped: the pid is still its own */
		if (pfd.fd >= 0 && TEMP_FAILURE_RETRY(poll(&pfd, 1, END_WAIT_MS)) == 0)
			fputs("warder: killed, but the kernel has not ended it yet: a process of it waits "
			      "for a device or a file server\n", stderr);
		TEMP_FAILURE_RETRY(waitpid(jail->init, NULL, __WALL));
		jail->init = 0;
	}
	fd_close(&jail->init_pidfd);
	fd_close(&jail->command_pidfd);
	fd_close(&jail->control);
	fd_close(&jail->listener);
	fd_close(&jail->tun);
	fd_close(&jail->dns_udp);
	fd_close(&jail->dns_tcp);
}

int jail_check_stdio(struct fault *f)
{
	for (int fd = 0; fd <= 2; fd++) {
		struct sockaddr_storage peer;
		socklen_t len = sizeof(peer);
		int type = 0;
		socklen_t type_len = sizeof(type);
		struct stat st;

		if (fstat(fd, &st) < 0)
			return fault_errno(f, "open it, for example with </dev/null",
					   "descriptor %d is closed", fd);
		if (S_ISDIR(st.st_mode) || S_ISBLK(st.st_mode))
			return fault_set(f, "redirect it to a file, a pipe or a terminal",
					 "descriptor %d is a %s, a way out of the sandbox", fd,
					 S_ISDIR(st.st_mode) ? "directory" : "block device");
		if (!S_ISSOCK(st.st_mode))
			continue;
		if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) < 0 ||
		    type != SOCK_STREAM || getpeername(fd, (struct sockaddr *)&peer, &len) < 0)
			return fault_set(f, "redirect it to a file, a pipe or a terminal",
					 "descriptor %d is a socket that could reach the network",
					 fd);
	}
	return 0;
}
