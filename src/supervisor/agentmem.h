/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's memory and what /proc says of its threads.
 *
 * A thread that a notification names may have died and its number been given
 * to another process, even one of the host.  So: look, then ask the kernel
 * whether the notification still stands (notify_valid()); only then believe.
 */
#ifndef WARDER_SUPERVISOR_AGENTMEM_H
#define WARDER_SUPERVISOR_AGENTMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	ARGS_MAX = 64 * 1024,		  /* arguments of one exec; more: E2BIG, recorded */
	ARGS_BYTES_MAX = 4 * 1024 * 1024, /* of them together; more: E2BIG, recorded */
};

/* Exactly len bytes; 0, or -errno (EFAULT). process_vm_readv(2). */
int agentmem_read(pid_t tid, uint64_t addr, void *buf, size_t len);
int agentmem_write(pid_t tid, uint64_t addr, const void *buf, size_t len);
/* A string, its NUL included in size.  Its length, or -EFAULT, -ENAMETOOLONG. */
ssize_t agentmem_string(pid_t tid, uint64_t addr, char *buf, size_t size);

/* An argument vector, copied once. */
struct args {
	char **v; /* n strings and a NULL */
	size_t n;
	char *bytes; /* the strings one after another, each with its NUL */
	size_t len;
};
/* 0, or -EFAULT, -E2BIG, -ENOMEM. addr 0 is an empty vector, as execve(2) has it. */
int agentmem_args(pid_t tid, uint64_t addr, struct args *a);
void args_free(struct args *a);

/* tgid, its parent's, and pid as the agent sees it; 0 or -errno. */
int agentproc_ids(pid_t tid, pid_t *tgid, pid_t *parent, pid_t *pid);
/* What /proc/TID/NAME points to. Its length, or -errno. */
ssize_t agentproc_link(pid_t tid, const char *name, char *buf, size_t size);
/* The flags of a descriptor as open(2) has them (O_CLOEXEC, O_NONBLOCK), or -errno. */
int agentproc_fd_flags(pid_t tid, int fd);

#endif
