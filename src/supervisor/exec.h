/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An exec: what it would run, as a value (command.c), and what it did run
 * (verify_exec.c).
 *
 * The kernel reads path and arguments from the agent's memory a second time,
 * after our answer.  So what was approved is compared with what stands there at
 * the exec's own ptrace stop, before its first instruction; a difference is an
 * escape attempt and ends the process.
 */
#ifndef WARDER_SUPERVISOR_EXEC_H
#define WARDER_SUPERVISOR_EXEC_H

#include <sys/stat.h>

#include "supervisor/agentmem.h"
#include "supervisor/request.h"

enum {
	EXEC_CHAIN_MAX =
		5, /* a script whose interpreter is a script ...; then ELOOP, as execve(2) */
	EXEC_HEAD_MAX = 256, /* bytes of a #! line that the kernel reads */
	/* Being verified at once, and put off at once; more: EAGAIN, and an outcome that says so.
	 */
	EXECS_MAX = 1024,
	EXEC_HASH_LEN = 32,
};

struct exec_file {
	int fd; /* O_PATH: keeps the inode from being used again */
	struct stat st;
	bool readable;	     /* else what it is, or what runs, is not to be seen */
	char path[PATH_MAX]; /* in the agent's root */
};

/* The file that was asked for and, for scripts, the interpreters that run it. */
struct exec_command {
	struct exec_file chain[EXEC_CHAIN_MAX];
	size_t n;	  /* chain[n - 1] is what the kernel runs */
	struct args args; /* as the agent gave them */
	/* The arguments as chain[i] gets them: args_n[i] strings. */
	char **argv[EXEC_CHAIN_MAX];
	size_t argc[EXEC_CHAIN_MAX];
	char heads[EXEC_CHAIN_MAX][EXEC_HEAD_MAX]; /* the strings of the #! lines */
	char path[PATH_MAX];			   /* as the agent gave it */
	char script[PATH_MAX + 32];		   /* as an interpreter is given it */
};

/* Reads and resolves.  0, or -errno for the agent (ENOENT, EACCES, ELOOP, E2BIG...). */
int exec_read(struct supervisor *s, const struct request *rq, struct exec_command *c);
/* The name by which the interpreter of chain[i] is told of it. */
const char *exec_script_name(const struct exec_command *c, size_t i);
void exec_command_free(struct exec_command *c);

struct exec_table *exec_table_new(void);
void exec_table_free(struct supervisor *s);
/*
 * A process with an exec under way: another thread's has to wait, as it would in the
 * kernel; one of them wins, and the others die with their threads.  Not only is that what
 * execve(2) does.  The one that is under way holds a lock that ptrace(2) wants, and waits
 * for the threads to be reaped that we trace.  True: put off; it comes again as new.
 * False: go on.
 */
bool exec_put_off(struct supervisor *s, const struct request *rq);
/* Lets the held exec go on under watch, and answers it. */
void exec_verify(struct supervisor *s, const struct request *rq, struct exec_command *c,
		 const struct action *decision);
/* After SIGCHLD: looks at the stops of all that are being verified. */
void exec_reap(struct supervisor *s);
bool exec_is_pending(const struct supervisor *s); /* a SIGCHLD is to be expected */
/* Once the sandbox is being killed: until all of them are reaped (bounded). */
void exec_end(struct supervisor *s);

#endif
