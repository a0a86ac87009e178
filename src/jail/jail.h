/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a plan to a running, confined command (tier `full`).
 *
 * Theory of operation.  Three processes:
 *
 *	supervisor          warder itself, outside every namespace
 *	  init              pid 1 of the new pid namespace: trusted code of
 *	    |               warder's, builds the walls, then only reaps
 *	    command         the agent: walls complete, filter loaded last
 *
 * init is cloned with all namespaces at once and waits until the supervisor has
 * written its id maps.  It then gives up, in this order: the host's network
 * (its own has a loopback and the catch-all device), the host's files, its
 * capabilities, new privileges, paths (Landlock).  It forks the command, which
 * sets its limits, loads the filter and calls execve(): the first call that the
 * supervisor is asked about.  Every stage can fail; then init sends a fault and
 * ends, and nothing has been started.
 *
 * They speak over one SOCK_SEQPACKET pair in `struct jail_message`s.  The
 * command's end of it is closed by its exec.  init dies with the supervisor
 * (PR_SET_PDEATHSIG), and with init every process of the namespace.
 */
#ifndef WARDER_JAIL_JAIL_H
#define WARDER_JAIL_JAIL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/fault.h"
#include "jail/fsplan.h"
#include "policy/profile.h"

enum jail_tag {
	JAIL_TUN,       /* carries the device's descriptor */
	JAIL_DNS_UDP,   /* 127.0.0.1:53 */
	JAIL_DNS_TCP,
	JAIL_WALLS,     /* value: Landlock ABI; the walls of init stand */
	JAIL_LISTENER,  /* from the command: value is the listener's number, extra: WAIT_KILLABLE */
	JAIL_FAULT,     /* the start failed: fault says why */
	JAIL_NOT_RUN,   /* the command's execve() failed: value is errno */
	JAIL_EXITED,    /* value: wait status of the command; extra: processes that were left */
	JAIL_STOPPED,   /* value: the signal that stopped the command */
};

struct jail_message {
	uint32_t tag;
	int32_t value;
	uint32_t extra;
};

struct jail_plan {
	const struct profile *profile;
	const struct fsplan *fs;
	char *const *argv; /* the command, NULL-terminated */
	char *const *env;
	char *const *launcher; /* warder's own command line, NULL-terminated or NULL: wiped in
				* init, whose /proc/1/cmdline the agent reads */
	const char *hostname;
	uid_t uid; /* who the command is, inside and (mapped one to one) outside */
	gid_t gid;
	bool want_tun;
};

/* What a started jail is to the supervisor.  Descriptors are -1 where there is none. */
struct jail {
	pid_t init;       /* in the supervisor's pid namespace */
	pid_t command;
	int init_pidfd;
	int command_pidfd;
	int control;      /* messages JAIL_NOT_RUN, JAIL_EXITED, JAIL_STOPPED */
	int listener;
	int tun, dns_udp, dns_tcp;
	int landlock_abi; /* 0: the kernel has none */
	bool wait_killable;
};

/* Starts it: init builds the walls from now on.  0, or -1 with a fault: then no process is
 * left. */
int jail_begin(const struct jail_plan *plan, struct jail *jail, struct fault *f);
/*
 * Returns when the command stands before its execve(), held by the listener that
 * nobody has read yet.  0, or -1 with a fault: then no process is left.
 */
int jail_wait(struct jail *jail, struct fault *f);

/* Reads one message without blocking. 1: *m is one, 0: none now, -1: init is gone. */
int jail_read(const struct jail *jail, struct jail_message *m);

/* Kills init, and with it all; waits until none is left, however long, and says so on stderr
 * where it takes long; closes every descriptor. */
void jail_end(struct jail *jail);

/* Whether stdin, stdout or stderr must not be inherited: a directory, or a
 * datagram or unconnected socket, would be a way out.  0 or -1 with a fault. */
int jail_check_stdio(struct fault *f);

#endif
