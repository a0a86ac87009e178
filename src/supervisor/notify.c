/* SPDX-License-Identifier: Apache-2.0 */
/* The seccomp listener: receives calls, finds who answers, sends answers. seccomp_unotify(2). */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/sys.h"
#include "supervisor/agentmem.h"
#include "supervisor/request.h"

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#else
#error "which AUDIT_ARCH_ is this?"
#endif

enum {
	/* Calls taken, and time spent on them, before the loop looks at anything else: what
	 * ends a run is due however much the agent asks. */
	NOTIFY_BURST = 16,
	NOTIFY_BURST_MS = 10,
	NR_MAX = 512,
	PIDFD_THREAD_FLAG = O_EXCL, /* 6.9; before: EINVAL */
};

struct notify {
	struct source src;
	bool threads; /* pidfd_open() takes threads */
};

/* Whoever is not named here is refused. */
static handler_fn *const handlers[NR_MAX] = {
	[SYS_connect] = on_connect, [SYS_listen] = on_listen, [SYS_execve] = on_exec,
	[SYS_execveat] = on_exec,   [SYS_sendto] = on_send,   [SYS_sendmsg] = on_send,
	[SYS_sendmmsg] = on_send,   [SYS_prctl] = on_prctl,   [SYS_openat] = on_file,
	[SYS_unlinkat] = on_file,   [SYS_mkdirat] = on_file,  [SYS_mknodat] = on_file,
	[SYS_renameat2] = on_file,  [SYS_linkat] = on_file,   [SYS_symlinkat] = on_file,
	[SYS_truncate] = on_file,   [SYS_fchmodat] = on_file, [SYS_fchmod] = on_file,
	[SYS_renameat] = on_file,   [SYS_bind] = on_bind,     [SYS_ioctl] = on_ioctl,
#ifdef __x86_64__
	[SYS_open] = on_file,	    [SYS_creat] = on_file,    [SYS_unlink] = on_file,
	[SYS_rmdir] = on_file,	    [SYS_mkdir] = on_file,    [SYS_mknod] = on_file,
	[SYS_rename] = on_file,	    [SYS_link] = on_file,     [SYS_symlink] = on_file,
	[SYS_chmod] = on_file,
#endif
};

static int listener(const struct supervisor *s)
{
	return s->notify->src.fd;
}

bool notify_valid(struct supervisor *s, uint64_t id)
{
	/* EINTR: patience.c, while others use the listener. */
	return TEMP_FAILURE_RETRY(ioctl(listener(s), SECCOMP_IOCTL_NOTIF_ID_VALID, &id)) == 0;
}

static void answer(struct supervisor *s, uint64_t id, int err, int64_t value, uint32_t flags)
{
	struct seccomp_notif_resp resp = {.id = id, .val = value, .error = -err, .flags = flags};

	/* ENOENT: the caller died while it waited. */
	(void)TEMP_FAILURE_RETRY(ioctl(listener(s), SECCOMP_IOCTL_NOTIF_SEND, &resp));
}

void notify_error(struct supervisor *s, uint64_t id, int err)
{
	answer(s, id, err, 0, 0);
}

void notify_value(struct supervisor *s, uint64_t id, int64_t value)
{
	answer(s, id, 0, value, 0);
}

void notify_refuse(struct supervisor *s, struct request *rq, const struct refusal *r)
{
	struct attempt a = {.tool = r->tool,
			    .resource = r->resource,
			    .verdict = {.decision = DECISION_DENY,
					.rule = r->rule,
					.reason = r->reason},
			    .via = VIA_KERNEL,
			    .err = r->err,
			    .by = &rq->who,
			    .wall = true};
	int err;

	attempt_decide(s, &a, &err, NULL);
	notify_error(s, rq->id, err);
}

void notify_continue(struct supervisor *s, uint64_t id)
{
	answer(s, id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
}

int notify_place(struct supervisor *s, uint64_t id, int fd, int agent_fd, bool cloexec)
{
	struct seccomp_notif_addfd add = {
		.id = id,
		.flags = SECCOMP_ADDFD_FLAG_SETFD,
		.srcfd = (uint32_t)fd,
		.newfd = (uint32_t)agent_fd,
		.newfd_flags = cloexec ? O_CLOEXEC : 0,
	};

	return ioctl(listener(s), SECCOMP_IOCTL_NOTIF_ADDFD, &add) < 0 ? -errno : 0;
}

int notify_take_fd(struct supervisor *s, const struct request *rq, int agent_fd)
{
	autofd int pidfd = -1;
	int fd;

	/* A thread may have left its process's descriptor table: ask for its own. */
	pidfd = sys_pidfd_open(rq->tid, s->notify->threads ? PIDFD_THREAD_FLAG : 0);
	if (pidfd < 0 && !s->notify->threads)
		pidfd = sys_pidfd_open(rq->who.tgid, 0);
	if (pidfd < 0)
		return -errno;
	fd = sys_pidfd_getfd(pidfd, agent_fd);
	return fd < 0 ? -errno : fd;
}

void notify_close_fd(int *fd)
{
	struct linger l = {0};
	socklen_t len = sizeof(l);
	bool lingers = *fd >= 0 && getsockopt(*fd, SOL_SOCKET, SO_LINGER, &l, &len) == 0 &&
		       l.l_onoff && l.l_linger > 0;

	/* Interrupted, the close goes on without us: nothing is lost of what was sent. */
	if (lingers)
		patience_hurry();
	fd_close(fd);
	if (lingers)
		patience_calm();
}

void notify_again(struct supervisor *s, const struct seccomp_notif *n)
{
	struct request rq = {.id = n->id,
			     .tid = (pid_t)n->pid,
			     .nr = n->data.nr,
			     .arch = n->data.arch,
			     .args = (const uint64_t *)n->data.args};
	handler_fn *handler = NULL;
	int rc;

	rq.who.tid = rq.tid;
	rc = agentproc_ids(rq.tid, &rq.who.tgid, &rq.who.parent, &rq.who.pid);
	if (agentproc_link(rq.tid, "exe", rq.exe, sizeof(rq.exe)) > 0)
		rq.who.exe = rq.exe;
	if (!notify_valid(s, rq.id))
		return; /* nobody waits, and what was read may be another's */
	if (rc < 0) {
		notify_error(s, rq.id, EACCES);
		return;
	}
	if (rq.arch == NATIVE_ARCH && rq.nr >= 0 && rq.nr < NR_MAX)
		handler = handlers[rq.nr];
	(handler ? handler : on_refused)(s, &rq);
}

/* What waits now, but no more: the loop has others. */
static void ready(struct supervisor *s, struct source *src, uint32_t events)
{
	int64_t began;

	/* No task of the filter is left: the end comes from the jail's init. */
	if (events & EPOLLHUP) {
		loop_remove(s, src);
		return;
	}
	began = loop_now();
	for (int i = 0; i < NOTIFY_BURST && loop_now() - began < NOTIFY_BURST_MS && !s->over; i++) {
		struct seccomp_notif n = {0};

		if (i > 0) {
			struct pollfd pfd = {.fd = src->fd, .events = POLLIN};

			if (poll(&pfd, 1, 0) <= 0)
				return;
		}
		/* ENOENT: it died before we looked. */
		if (ioctl(src->fd, SECCOMP_IOCTL_NOTIF_RECV, &n) < 0)
			return;
		notify_again(s, &n);
	}
}

int notify_start(struct supervisor *s, struct fault *f)
{
	struct seccomp_notif_sizes sizes;
	autofd int self = sys_pidfd_open(getpid(), PIDFD_THREAD_FLAG);

	/* The kernel's structures may grow; ours are of the size they were built with. */
	if (sys_seccomp(SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0 ||
	    sizes.seccomp_notif > sizeof(struct seccomp_notif) ||
	    sizes.seccomp_notif_resp > sizeof(struct seccomp_notif_resp))
		return fault_set(f, NULL,
				 "this kernel's seccomp notifications are of another shape");
	s->notify = mem_alloc(sizeof(*s->notify));
	s->notify->threads = self >= 0;
	s->notify->src = (struct source){.fd = take_fd(&s->jail->listener), .ready = ready};
	/* A few microseconds less a round trip from 6.6 on; before: EINVAL. */
	ioctl(listener(s), SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
	if (loop_add(s, &s->notify->src, EPOLLIN) < 0)
		return fault_errno(f, NULL, "cannot watch the seccomp listener");
	return 0;
}

void notify_stop(struct supervisor *s)
{
	if (s->notify == NULL)
		return;
	loop_remove(s, &s->notify->src);
	fd_close(&s->notify->src.fd);
	free(s->notify);
	s->notify = NULL;
}
