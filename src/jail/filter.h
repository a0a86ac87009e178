/* SPDX-License-Identifier: Apache-2.0 */
/* The seccomp filters that gen-filter.c made at build time. */
#ifndef WARDER_JAIL_FILTER_H
#define WARDER_JAIL_FILTER_H

#include <stdint.h>

enum {
	/* Variants of the agent's filter, or-ed. */
	FILTER_NOTIFY_SEND = 1, /* there is no catch-all device: sends are looked at */
	FILTER_PTRACE = 2,      /* the profile says exec.ptrace */
	FILTER_VARIANTS = 4,

	FILTER_NAMES_MAX = 480, /* system call numbers that have a name; newer ones are "syscall_N" */
};

/* Loads the agent's filter into the calling thread; no_new_privs must be set.
 * Returns the listener (CLOEXEC), or -1 with errno; EBUSY when a filter
 * outside has a listener already.  *wait_killable: whether the kernel holds
 * calls against signals (5.19). seccomp(2). */
int filter_load_agent(unsigned int variant, int *wait_killable);
/* 0 or -1 with errno. */
int filter_load_supervisor(void);
int filter_load_init(void);

/* The name of a system call as records show it ("io_uring_setup",
 * "i386:getpid", "x32:520"); buf is used where there is none. */
const char *filter_syscall_name(uint32_t arch, int nr, char buf[32]);

#endif
