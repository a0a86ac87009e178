/* SPDX-License-Identifier: Apache-2.0 */
/* After the answer: is what runs what was approved?  ptrace(2), "execve(2) under ptrace". */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "supervisor/exec.h"
#include "supervisor/rootpath.h"

enum {
	CMDLINE_CHUNK = 16 * 1024,
	/* For those that are verified to die with the run; then they die with us. */
	END_TRIES = 1000,
	END_WAIT_MS = 2,
	DETAIL_MAX = PATH_MAX * 2,
	/* Errors that mean "the call starts again", linux/errno.h. */
	RESTART_FIRST = 512,
	RESTART_LAST = 516,
};

/* The kernel hands its interpreter a script's name, not the script. */
struct script {
	char *name;
	int fd; /* the approved one: its numbers stay its own */
	dev_t dev;
	ino_t ino;
};

struct pending {
	struct pending *next, **link;
	pid_t tid, tgid;
	int fd; /* the approved file */
	dev_t dev;
	ino_t ino;
	unsigned char argv_hash[EXEC_HASH_LEN];
	struct script scripts[EXEC_CHAIN_MAX];
	size_t n_scripts;
	struct action action;
	char *resource, *exe;
	bool dying; /* and what there was to record is on record: only to be reaped */
};

/* In the order in which they came. */
struct put_off {
	struct put_off *next;
	pid_t tgid;
	struct seccomp_notif call;
};

struct exec_table {
	struct pending *all;
	size_t n;
	struct put_off *waiting, **last;
	size_t n_waiting;
	struct timer again;
};

static void begin_again(struct supervisor *s, struct timer *timer);

struct exec_table *exec_table_new(void)
{
	struct exec_table *t = mem_alloc(sizeof(*t));

	t->last = &t->waiting;
	t->again.expired = begin_again;
	return t;
}

/* --- one exec of a process at a time ---------------------------------------------------------- */

static bool is_under_way(const struct exec_table *t, pid_t tgid)
{
	for (const struct pending *p = t->all; p; p = p->next)
		if (p->tgid == tgid)
			return true;
	return false;
}

bool exec_put_off(struct supervisor *s, const struct request *rq)
{
	struct exec_table *t = s->execs;
	struct put_off *w;

	if (!is_under_way(t, rq->who.tgid) || t->n_waiting == EXECS_MAX)
		return false;
	w = mem_alloc(sizeof(*w));
	w->tgid = rq->who.tgid;
	w->call = (struct seccomp_notif){
		.id = rq->id, .pid = (uint32_t)rq->tid, .data = {.nr = rq->nr, .arch = rq->arch}};
	memcpy(w->call.data.args, rq->args, sizeof(w->call.data.args));
	*t->last = w;
	t->last = &w->next;
	t->n_waiting++;
	return true;
}

static struct put_off *take_first(struct exec_table *t)
{
	struct put_off *w = t->waiting;

	t->waiting = w->next;
	if (t->waiting == NULL)
		t->last = &t->waiting;
	t->n_waiting--;
	return w;
}

/* Each once: those whose process has another one under way come to the end of the line. */
static void begin_again(struct supervisor *s, struct timer *timer)
{
	struct exec_table *t = s->execs;

	(void)timer;
	for (size_t n = t->n_waiting; n > 0; n--) {
		struct put_off *w = take_first(t);

		notify_again(s, &w->call);
		free(w);
	}
}

static void hash_argv(char *const *argv, size_t argc, unsigned char out[EXEC_HASH_LEN])
{
	crypto_hash_sha256_state st;

	crypto_hash_sha256_init(&st);
	for (size_t i = 0; i < argc; i++)
		crypto_hash_sha256_update(&st, (const unsigned char *)argv[i], strlen(argv[i]) + 1);
	crypto_hash_sha256_final(&st, out);
}

/* The same of a process that stands at its exec stop. */
static int hash_cmdline(pid_t pid, unsigned char out[EXEC_HASH_LEN])
{
	crypto_hash_sha256_state st;
	unsigned char chunk[CMDLINE_CHUNK];
	char path[40];
	autofd int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	crypto_hash_sha256_init(&st);
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		crypto_hash_sha256_update(&st, chunk, (size_t)n);
	crypto_hash_sha256_final(&st, out);
	return n < 0 ? -1 : 0;
}

static void drop(struct supervisor *s, struct pending *p)
{
	*p->link = p->next;
	if (p->next)
		p->next->link = p->link;
	s->execs->n--;
	/* Not here: whoever is at it has not finished. */
	if (s->execs->waiting)
		timer_set(s, &s->execs->again, 0);
	fd_close(&p->fd);
	for (size_t i = 0; i < p->n_scripts; i++) {
		fd_close(&p->scripts[i].fd);
		free(p->scripts[i].name);
	}
	free(p->resource);
	free(p->exe);
	free(p);
}

static void keep_scripts(struct pending *p, struct exec_command *c)
{
	for (; p->n_scripts < c->n - 1; p->n_scripts++) {
		struct exec_file *file = &c->chain[p->n_scripts];

		p->scripts[p->n_scripts] = (struct script){
			.name = strdup(exec_script_name(c, p->n_scripts)),
			.fd = take_fd(&file->fd),
			.dev = file->st.st_dev,
			.ino = file->st.st_ino,
		};
	}
}

static struct pending *new_pending(struct supervisor *s, const struct request *rq,
				   struct exec_command *c, const struct action *decision)
{
	struct exec_table *t = s->execs;
	struct exec_file *file = &c->chain[c->n - 1];
	struct pending *p;

	if (t->n == EXECS_MAX || is_under_way(t, rq->who.tgid))
		return NULL;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return NULL;
	p->tid = rq->tid;
	p->tgid = rq->who.tgid;
	p->fd = take_fd(&file->fd);
	p->dev = file->st.st_dev;
	p->ino = file->st.st_ino;
	hash_argv(c->argv[c->n - 1], c->argc[c->n - 1], p->argv_hash);
	keep_scripts(p, c);
	p->action = *decision;
	p->resource = strdup(decision->resource);
	p->exe = decision->process.exe ? strdup(decision->process.exe) : NULL;
	p->action.resource = p->resource ? p->resource : "";
	p->action.process.exe = p->exe;
	p->action.process.argv = NULL;
	p->next = t->all;
	p->link = &t->all;
	if (t->all)
		t->all->link = &p->next;
	t->all = p;
	t->n++;
	return p;
}

void exec_verify(struct supervisor *s, const struct request *rq, struct exec_command *c,
		 const struct action *decision)
{
	static const struct verdict unseen = {
		.decision = DECISION_DENY,
		.rule = "exec.verify",
		.reason = "what it runs cannot be verified: another process traces it",
	};
	struct action held = *decision;
	struct pending *p = new_pending(s, rq, c, decision);
	bool seized;

	if (p == NULL) {
		attempt_outcome(s, &held, RESULT_FAILURE, EAGAIN,
				"{\"why\":\"too many commands are being verified\"}");
		notify_error(s, rq->id, EAGAIN);
		return;
	}
	/* The interrupt waits behind the held call: if no exec comes of it, the
	 * thread stops on its way out, and we learn that, too. */
	seized = ptrace(PTRACE_SEIZE, rq->tid, NULL, PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL) == 0;
	if (!seized || ptrace(PTRACE_INTERRUPT, rq->tid, NULL, NULL) < 0) {
		attempt_denied_later(s, &held, rq->who.tgid, &unseen, VIA_KERNEL, EACCES, NULL);
		notify_error(s, rq->id, EACCES);
		if (seized)
			p->dying = true;
		else
			drop(s, p);
		return;
	}
	notify_continue(s, rq->id);
}

/* --- the stop --------------------------------------------------------------------------------- */

/* What is wrong with the file that runs, or NULL. */
static const char *other_file(const struct pending *p, pid_t pid)
{
	char path[40];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	if (stat(path, &st) < 0)
		return errno == EACCES
			       ? "what runs, or its interpreter, cannot be read and so not be seen"
			       : "what runs cannot be seen";
	if (st.st_dev != p->dev || st.st_ino != p->ino)
		return "another file was put in place of the approved one";
	return NULL;
}

/* As its interpreter will find them, from the same directory and with the same descriptors.
 * It has not opened them yet, and finds another one if it is exchanged from now on. */
static bool same_scripts(struct supervisor *s, const struct pending *p, pid_t pid)
{
	const struct request rq = {.tid = pid,
				   .who = {.tid = pid, .tgid = pid, .pid = p->action.process.pid}};

	for (size_t i = 0; i < p->n_scripts; i++) {
		const struct script *script = &p->scripts[i];
		autofd int fd =
			script->name ? rootpath_open(s, &rq, AT_FDCWD, script->name, 0) : -ENOMEM;
		struct stat st;

		if (fd < 0 || fstat(fd, &st) < 0 || st.st_dev != script->dev ||
		    st.st_ino != script->ino)
			return false;
	}
	return true;
}

static bool same_argv(const struct pending *p, pid_t pid)
{
	unsigned char now[EXEC_HASH_LEN];

	return hash_cmdline(pid, now) == 0 && memcmp(now, p->argv_hash, sizeof(now)) == 0;
}

static void escape_attempt(struct supervisor *s, struct pending *p, pid_t pid, const char *what)
{
	char exe[PATH_MAX], detail[DETAIL_MAX];
	const struct agent_process by = {
		.tgid = p->tgid, .tid = p->tid, .pid = p->action.process.pid, .exe = p->exe};
	struct attempt a = {
		.tool = "exec",
		.resource = p->action.resource,
		.verdict = {.decision = DECISION_DENY, .rule = "exec.verify", .reason = what},
		.via = VIA_KERNEL,
		.by = &by,
		.detail = detail};
	struct json j;

	if (agentproc_link(pid, "exe", exe, sizeof(exe)) < 0)
		exe[0] = '\0';
	json_init(&j, detail, sizeof(detail));
	json_open(&j, NULL, '{');
	json_str(&j, "approved", p->action.resource);
	json_str(&j, "found", exe);
	json_close(&j, '}');
	/* It has not run an instruction and never will. */
	kill(pid, SIGKILL);
	attempt_finding(s, &a);
	attempt_outcome(s, &p->action, RESULT_KILLED, 0, NULL);
}

/* It goes on by itself; unless it was killed while it stood there: then it is ours to reap,
 * and its parent, init at last, hears of its end only afterwards (ptrace(2), ESRCH). */
static void let_go(struct supervisor *s, struct pending *p, pid_t pid, int sig)
{
	if (ptrace(PTRACE_DETACH, pid, NULL, (void *)(long)sig) == 0) {
		drop(s, p);
		return;
	}
	p->tid = pid;
	p->dying = true;
}

/* The command itself runs. */
static void tell_start(struct supervisor *s, pid_t tgid)
{
	if (s->began || tgid != s->jail->command)
		return;
	s->began = true;
	s->plan->started(s->plan->starter, tgid);
}

static void at_exec(struct supervisor *s, struct pending *p, pid_t pid)
{
	const char *difference = other_file(p, pid);

	if (difference == NULL && !same_argv(p, pid))
		difference = "other arguments were put in place of the approved ones";
	if (difference == NULL && !same_scripts(s, p, pid))
		difference = "another script was put in place of the approved one";
	if (difference) {
		escape_attempt(s, p, pid, difference);
		/* Its parent hears of its end only when its tracer has reaped it. */
		p->tid = pid;
		p->dying = true;
		return;
	}
	attempt_outcome(s, &p->action, RESULT_SUCCESS, 0, NULL);
	tell_start(s, p->tgid);
	let_go(s, p, pid, 0);
}

/* What the failed call left in the result register. */
static long call_result(pid_t pid)
{
	struct user_regs_struct regs;
	struct iovec iov = {.iov_base = &regs, .iov_len = sizeof(regs)};

	if (ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &iov) < 0)
		return 0;
#if defined(__x86_64__)
	return (long)regs.rax;
#else
	return (long)regs.regs[0];
#endif
}

static void no_exec(struct supervisor *s, struct pending *p, pid_t pid, int sig)
{
	long result = call_result(pid);
	int err = result < 0 && result >= -4095 ? (int)-result : 0;

	if (err >= RESTART_FIRST && err <= RESTART_LAST)
		err = EINTR; /* it comes again, as an attempt of its own */
	attempt_outcome(s, &p->action, RESULT_FAILURE, err, NULL);
	let_go(s, p, pid, sig);
}

static void ended(struct supervisor *s, struct pending *p)
{
	if (!p->dying)
		attempt_outcome(s, &p->action, RESULT_KILLED, 0, NULL);
	drop(s, p);
}

static void stopped(struct supervisor *s, struct pending *p, pid_t pid, int status)
{
	int event = status >> 16, sig = WSTOPSIG(status);

	if (!WIFSTOPPED(status))
		ended(s, p);
	else if (p->dying)
		; /* a stop on the way to its end */
	else if (event == PTRACE_EVENT_EXEC)
		at_exec(s, p, pid);
	else
		/* PTRACE_EVENT_STOP: our interrupt, or a group stop, that goes on without
		 * us.  No event: a signal on its way to the thread. */
		no_exec(s, p, pid, event == 0 ? sig : 0);
}

void exec_reap(struct supervisor *s)
{
	struct pending *p = s->execs->all;

	while (p) {
		int status;
		pid_t pid = waitpid(p->tid, &status, __WALL | WNOHANG);
		struct pending *next = p->next;

		/* A thread that execs takes its leader's number. */
		if (pid < 0 && p->tgid != p->tid)
			pid = waitpid(p->tgid, &status, __WALL | WNOHANG);
		if (pid > 0)
			stopped(s, p, pid, status);
		else if (pid < 0)
			ended(s, p);
		p = next;
	}
}

bool exec_is_pending(const struct supervisor *s)
{
	return s->execs->n > 0;
}

/* What we trace is reaped by us first: until then init, and with it the whole
 * namespace, cannot end (pid_namespaces(7), zombies). */
void exec_end(struct supervisor *s)
{
	for (int i = 0; i < END_TRIES && s->execs->all; i++) {
		exec_reap(s);
		if (s->execs->all)
			poll(NULL, 0, END_WAIT_MS);
	}
}

void exec_table_free(struct supervisor *s)
{
	if (s->execs == NULL)
		return;
	while (s->execs->all)
		ended(s, s->execs->all);
	while (s->execs->waiting)
		free(take_first(s->execs));
	timer_clear(&s->execs->again);
	free(s->execs);
	s->execs = NULL;
}
