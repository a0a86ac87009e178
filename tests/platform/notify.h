/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child whose chosen system calls are notified to its parent: what every
 * platform test about seccomp needs.  Raw BPF, so that the tests say what the
 * kernel does and not what a library makes of it.
 */
#ifndef WARDER_PLATFORM_NOTIFY_H
#define WARDER_PLATFORM_NOTIFY_H

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

enum { NOTIFY_CALLS_MAX = 8 };

/* What to start, and then what was started. */
struct notified {
	int calls[NOTIFY_CALLS_MAX]; /* numbers of the calls to notify, ended by 0 */
	uint32_t first_arg;	     /* not 0: only calls whose first argument's low half is this */
	unsigned int filter_flags;   /* besides NEW_LISTENER */
	int namespaces;		     /* CLONE_NEW* to be in; NEWUSER is mapped to the caller */
	int (*before)(void *arg);    /* in the child, before the filter; or NULL */
	int (*body)(void *arg);	     /* in the child, under the filter; its exit status */
	void *arg;

	pid_t pid;
	int pidfd;
	int listener;
};

static inline bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

/* New namespaces for the calling process; its own ids stay what they were. */
static inline bool enter_namespaces(int flags)
{
	char map[64];
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (unshare(flags) < 0)
		return false;
	if (!(flags & CLONE_NEWUSER))
		return true;
	snprintf(map, sizeof(map), "%u %u 1\n", uid, uid);
	if (!write_text("/proc/self/setgroups", "deny") ||
	    !write_text("/proc/self/uid_map", map))
		return false;
	snprintf(map, sizeof(map), "%u %u 1\n", gid, gid);
	return write_text("/proc/self/gid_map", map);
}

static inline int filter_install(const struct notified *n)
{
	struct sock_filter code[4 + 4 * NOTIFY_CALLS_MAX];
	struct sock_fprog prog = { .filter = code };
	unsigned short len = 0;

	code[len++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						   offsetof(struct seccomp_data, nr));
	for (int i = 0; n->calls[i]; i++) {
		if (n->first_arg) {
			code[len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
								   n->calls[i], 0, 4);
			code[len++] = (struct sock_filter)BPF_STMT(
				BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0]));
			code[len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
								   n->first_arg, 0, 1);
			code[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
								   SECCOMP_RET_USER_NOTIF);
			code[len++] = (struct sock_filter)BPF_STMT(
				BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
			continue;
		}
		code[len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, n->calls[i],
							   0, 1);
		code[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
	}
	code[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	prog.len = len;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			    SECCOMP_FILTER_FLAG_NEW_LISTENER | n->filter_flags, &prog);
}

static inline void notified_child(const struct notified *n, const int to_parent[2],
				  const int to_child[2])
{
	char go;
	int listener;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(to_parent[0]);
	close(to_child[1]);
	if (n->namespaces && !enter_namespaces(n->namespaces))
		_exit(98);
	if (n->before && n->before(n->arg) != 0)
		_exit(97);
	listener = filter_install(n);
	if (listener < 0 || write(to_parent[1], &listener, sizeof(listener)) != sizeof(listener) ||
	    read(to_child[0], &go, 1) != 1)
		_exit(96);
	/* Kept by the child, the listener would never report the end. */
	close(listener);
	close(to_parent[1]);
	close(to_child[0]);
	_exit(n->body(n->arg));
}

/* False with errno set where the kernel refuses the filter's flags or the namespaces. */
static inline bool notified_start(struct notified *n)
{
	int to_parent[2], to_child[2], number, status;

	if (pipe2(to_parent, O_CLOEXEC) < 0 || pipe2(to_child, O_CLOEXEC) < 0)
		tap_bail("pipe");
	fflush(stdout);
	n->pid = fork();
	if (n->pid < 0)
		tap_bail("fork");
	if (n->pid == 0)
		notified_child(n, to_parent, to_child);
	close(to_parent[1]);
	close(to_child[0]);
	if (read(to_parent[0], &number, sizeof(number)) != sizeof(number)) {
		waitpid(n->pid, &status, 0);
		printf("# child gave up at stage %d\n", WEXITSTATUS(status));
		close(to_parent[0]);
		close(to_child[1]);
		errno = EINVAL;
		return false;
	}
	n->pidfd = (int)syscall(SYS_pidfd_open, n->pid, 0);
	n->listener = (int)syscall(SYS_pidfd_getfd, n->pidfd, number, 0);
	if (n->listener < 0)
		tap_bail("pidfd_getfd of the listener");
	if (write(to_child[1], "", 1) != 1)
		tap_bail("write");
	close(to_parent[0]);
	close(to_child[1]);
	return true;
}

/* Waits for the child's end; its exit status, or 128 + signal. */
static inline int notified_end(struct notified *n)
{
	int status;

	while (waitpid(n->pid, &status, __WALL) < 0 && errno == EINTR)
		;
	close(n->pidfd);
	close(n->listener);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The next notification.  False when the child has ended or ms have passed. */
static inline bool notified_next(struct notified *n, struct seccomp_notif *req, int ms)
{
	struct pollfd p[2] = { { .fd = n->listener, .events = POLLIN },
			       { .fd = n->pidfd, .events = POLLIN } };

	for (;;) {
		if (poll(p, 2, ms) <= 0)
			return false;
		if (p[0].revents & POLLIN) {
			memset(req, 0, sizeof(*req));
			if (ioctl(n->listener, SECCOMP_IOCTL_NOTIF_RECV, req) == 0)
				return true;
			if (errno != EINTR && errno != ENOENT)
				return false;
		} else if (p[1].revents) {
			return false;
		}
	}
}

/* error: an errno value, or 0; val: what the call returns then. */
static inline bool notified_answer(struct notified *n, uint64_t id, int error, int64_t val,
				   uint32_t flags)
{
	struct seccomp_notif_resp resp = { .id = id, .error = -error, .val = val, .flags = flags };

	return ioctl(n->listener, SECCOMP_IOCTL_NOTIF_SEND, &resp) == 0;
}

static inline bool notified_go_on(struct notified *n, uint64_t id)
{
	return notified_answer(n, id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
}

/* Puts fd in the place of number in the child. */
static inline int notified_put(struct notified *n, uint64_t id, int fd, int number)
{
	struct seccomp_notif_addfd add = { .id = id,
					   .flags = SECCOMP_ADDFD_FLAG_SETFD,
					   .srcfd = (uint32_t)fd,
					   .newfd = (uint32_t)number };

	return ioctl(n->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
}

static inline bool copy_in(pid_t pid, void *to, uint64_t from, size_t size)
{
	struct iovec local = { to, size }, remote = { (void *)(uintptr_t)from, size };

	return process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)size;
}

#endif
