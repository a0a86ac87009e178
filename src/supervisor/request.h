/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One notified system call, and how it is answered.  Exactly one answer a
 * request; until then the calling thread waits in the kernel.
 */
#ifndef WARDER_SUPERVISOR_REQUEST_H
#define WARDER_SUPERVISOR_REQUEST_H

#include <limits.h>
#include <linux/seccomp.h>
#include <stdbool.h>

#include "supervisor/state.h"

struct request {
	uint64_t id;
	pid_t tid;
	int nr;
	uint32_t arch;
	const uint64_t *args;	  /* six */
	struct agent_process who; /* ids and exe, filled before the handler runs */
	char exe[PATH_MAX];
};

/* Whether the call still waits: what was read of its thread before is true then. */
bool notify_valid(struct supervisor *s, uint64_t id);
void notify_error(struct supervisor *s, uint64_t id, int err);
void notify_value(struct supervisor *s, uint64_t id, int64_t value);
/* The kernel goes on with the call, and reads its pointers again: only where
 * another wall decides, or where what comes of it is verified. */
void notify_continue(struct supervisor *s, uint64_t id);
/* Puts a duplicate of fd in place of the agent's descriptor.  0 or -errno. */
int notify_place(struct supervisor *s, uint64_t id, int fd, int agent_fd, bool cloexec);
/* A duplicate of the agent's descriptor, CLOEXEC, or -errno. */
int notify_take_fd(struct supervisor *s, const struct request *rq, int agent_fd);
/* Closes such a one, or one that was placed: at once, although it may be the last that
 * is left of a socket which lingers (SO_LINGER, socket(7)).  As fd_close(). */
void notify_close_fd(int *fd);
#define autotaken __attribute__((cleanup(notify_close_fd)))
/* Begins with a call anew that nobody has looked at yet: it was put off. */
void notify_again(struct supervisor *s, const struct seccomp_notif *n);

typedef void handler_fn(struct supervisor *s, struct request *rq);
handler_fn on_connect; /* on_connect.c */
handler_fn on_bind;    /* on_bind.c */
handler_fn on_ioctl;   /* on_ioctl.c: of sockets; the others are refused */
handler_fn on_listen;  /* on_listen.c */
handler_fn on_exec;    /* on_exec.c: execve, execveat */
handler_fn on_file;    /* on_file.c: what could change a file by its path */
handler_fn on_send;    /* on_send.c: sendto, sendmsg, sendmmsg */
handler_fn on_prctl;   /* on_prctl.c: the shim's questions */
handler_fn on_refused; /* on_refused.c: all that is not to be had */

/* Refuses what no profile can allow, on record; rule names the wall. */
struct refusal {
	const char *tool, *resource, *rule, *reason;
	int err;
};
void notify_refuse(struct supervisor *s, struct request *rq, const struct refusal *r);

/* Writes the resource of a destination: "NAME:PORT", "192.0.2.1:443", "[v6]:443". */
void destination_text(const struct destination *d, char *buf, size_t size);

#endif
