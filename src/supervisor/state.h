/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the supervisor share.  Private to supervisor/.
 *
 * Error regime: nothing here may end the supervisor because of what an agent
 * sent.  A request that cannot be answered properly is refused, and recorded.
 */
#ifndef WARDER_SUPERVISOR_STATE_H
#define WARDER_SUPERVISOR_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/sys.h"
#include "policy/judge.h"
#include "record/record.h"
#include "supervisor/names.h"
#include "supervisor/supervisor.h"

struct supervisor;

/* --- loop.c ----------------------------------------------------------------------------------- */

/* A descriptor in the loop.  Embedded in its owner's struct; ready() may remove
 * and free it. */
struct source {
	int fd;
	void (*ready)(struct supervisor *s, struct source *src, uint32_t events);
};

/* 0 or -1 with errno.  src must stay where it is while it is in the loop. */
int loop_add(struct supervisor *s, struct source *src, uint32_t events);
int loop_change(struct supervisor *s, struct source *src, uint32_t events);
/* Takes it out (the descriptor stays open); events of it that were already
 * fetched are dropped, so the owner may be freed at once. */
void loop_remove(struct supervisor *s, struct source *src);

/* One-shot timer, embedded like a source; at is CLOCK_MONOTONIC in ms, 0: not set. */
struct timer {
	int64_t at;
	void (*expired)(struct supervisor *s, struct timer *t);
	bool wakes; /* also a supervisor that is stopped like any job: terminal.c */
	struct timer *next, **link;
};
int64_t loop_now(void); /* ms, CLOCK_MONOTONIC */
/* A timer that is set already is set anew; less than 1 ms is 1 ms. */
void timer_set(struct supervisor *s, struct timer *t, int64_t in_ms);
void timer_clear(struct timer *t); /* one that is not set is fine */

int loop_new(struct supervisor *s); /* 0 or -1 with errno */
void loop_free(struct supervisor *s);
/* Waits for the next event or timer and serves what is due.  0 or -1 with errno. */
int loop_once(struct supervisor *s);
/* Until the first timer that wakes; -1: none is set. */
int64_t loop_next_wake(const struct supervisor *s);

/* --- attempt.c: one decision, written down before it is acted on ------------------------------ */

struct agent_process {
	pid_t tid, tgid;   /* in the supervisor's pid namespace */
	pid_t parent;	   /* its parent's tgid, in the same */
	pid_t pid;	   /* tgid as the agent sees it */
	const char *exe;   /* in the agent's root; NULL: not known */
	char *const *argv; /* exec only; else NULL */
	size_t argc;
};

struct attempt {
	const char *tool, *resource;
	struct verdict verdict;
	enum record_via via;
	int err;			/* what a refusal will answer: for the record */
	const struct agent_process *by; /* NULL: nobody that could be named (a packet) */
	const char *args;		/* see record.h */
	const char *detail;		/* a JSON object as text, or NULL */
	bool pending;			/* allowed, and an outcome will follow */
	bool wall;			/* no profile can allow it, and no --observe */
};

/*
 * Records the attempt.  True: it is allowed (or observed) and on record: act.
 * False: refuse it with *err (EACCES when the journal could not be written, else
 * attempt.err).  `out` (may be NULL) is the action, for attempt_outcome().
 * A denial is kept for `why` under the process's tgid.  DECISION_ASK is a
 * denial as long as nobody can be asked.
 */
bool attempt_decide(struct supervisor *s, const struct attempt *a, int *err, struct action *out);
/* Writes what became of it.  err 0: success. */
void attempt_outcome(struct supervisor *s, struct action *decision, enum record_result result,
		     int err, const char *detail);
/* As attempt_outcome(), for an allowed action that the gateway refused or that its
 * address forbids: a denial after all, and the `why` of the process tgid. */
void attempt_denied_later(struct supervisor *s, struct action *decision, pid_t tgid,
			  const struct verdict *v, enum record_via via, int err,
			  const char *detail);
/* What is the sandbox's own needs no decision, and failed with a->err: all there is to record. */
void attempt_failure(struct supervisor *s, const struct attempt *a);
/* A finding: the agent did what cannot be an accident. */
void attempt_finding(struct supervisor *s, const struct attempt *a);
/* The last denial of a process, or of a name: "warder: denied ...", or NULL. */
const char *attempt_why(const struct supervisor *s, pid_t tgid);
const char *attempt_why_child(const struct supervisor *s, pid_t tgid); /* of one of its children */
const char *attempt_why_name(const struct supervisor *s, const char *name);
/* Keeps for the process tgid why what it may do has failed: "warder: TOOL RESOURCE: REASON". */
void attempt_tell(struct supervisor *s, pid_t tgid, const char *tool, const char *resource,
		  const char *reason);
/* The last such line, or NULL; it and those before it are forgotten.  Valid until the next one. */
const char *attempt_told(struct supervisor *s, pid_t tgid);

/* --- the parts; each _start adds its sources to the loop, 0 or -1 with a fault ---------------- */

/* dnsserver.c: answers on the two sockets and, for the catch-all device, one message.
 * Every name gets a synthetic address, so that the connect to it can be judged by
 * name; a name that no rule allows gets its one `resolve` record here. */
struct dnsserver;
int dnsserver_start(struct supervisor *s, int udp, int tcp, struct fault *f); /* takes both */
void dnsserver_stop(struct supervisor *s);
size_t dnsserver_answer(struct supervisor *s, const uint8_t *query, size_t len, uint8_t *out,
			size_t size, bool tcp);
/* Judges a name that was asked for or hinted at; records the denial once.  The
 * entry, or NULL when there is no room. */
struct name *dnsserver_name(struct supervisor *s, const char *canonical);

/* tun.c: the catch-all device.  DNS to whatever server is answered, the rest recorded
 * (tool send, via tun) and refused by ICMP. */
struct tun;
int tun_start(struct supervisor *s, int fd, struct fault *f); /* takes fd */
void tun_stop(struct supervisor *s);

/* signals.c: signalfd, passing on, the wall-clock limit. */
struct signals;
int signals_block(struct fault *f); /* before anything is forked */
int signals_start(struct supervisor *s, struct fault *f);
void signals_stop(struct supervisor *s);	      /* all is as before signals_block() */
void signals_look(struct supervisor *s);	      /* takes those that wait */
void signals_to_group(struct supervisor *s, int sig); /* the command's process group */
bool signals_timed_out(const struct supervisor *s);   /* the limit has been reached */

/* terminal.c: who has the terminal, and what the user's shell sees of a stop. */
struct terminal;
int terminal_start(struct supervisor *s, struct fault *f);
void terminal_stop(struct supervisor *s);		      /* it is ours again */
void terminal_command_stopped(struct supervisor *s, int sig); /* JAIL_STOPPED */
void terminal_continued(struct supervisor *s);		      /* SIGCONT came to us */

/* control.c: RUN_DIR/control, for `warder kill`, and RUN_DIR/state for `warder ps`. */
struct control;
int control_start(struct supervisor *s, struct fault *f);
void control_stop(struct supervisor *s);

/* watch.c: revoked.d. */
struct watch;
int watch_start(struct supervisor *s, struct fault *f); /* after signals_block() */
void watch_look(struct supervisor *s);			/* SIGIO: something has changed */
void watch_again(struct supervisor *s); /* a descriptor of it may have been closed meanwhile */
void watch_stop(struct supervisor *s);

/* masks.c: the mounts that mask and protect; a run ends when one falls. */
struct masks;
int masks_start(struct supervisor *s, struct fault *f);
void masks_stop(struct supervisor *s);
void masks_look(struct supervisor *s); /* SIGIO: an entry was renamed, maybe */

/* patience.c: no call of ours waits for long, whatever it is about: EINTR. */
int patience_start(struct fault *f); /* before confine() */
void patience_work(void);	     /* from here on, */
void patience_idle(void);	     /* and not from here on: the loop waits for events */
void patience_stop(void);
/* Around a call that the agent has likely made to wait: not even for a ms.  Some us each. */
void patience_hurry(void);
void patience_calm(void);

/* notify.c: the seccomp listener and who answers which call. */
struct notify;
int notify_start(struct supervisor *s, struct fault *f);
void notify_stop(struct supervisor *s);

/* --- the whole -------------------------------------------------------------------------------- */

enum { OWN_FS_MAX = 64 }; /* private file systems; sockets on further ones need a rule */

struct exec_table;
struct dial_table;
struct why_table;

struct supervisor {
	const struct supervisor_plan *plan;
	struct jail *jail;     /* NULL before supervisor_run() */
	int rootfd;	       /* the agent's root, O_PATH */
	uint64_t netns_cookie; /* of the agent's network namespace */
	dev_t own[OWN_FS_MAX]; /* the sandbox's private file systems: own.c */
	size_t n_own;
	int epoll;
	struct timer *timers;
	struct source **fetched; /* of the current round of the loop; see loop_remove() */
	int n_fetched;

	struct names *names;
	struct resolver *resolver; /* NULL: nothing would need it */
	struct dnsserver *dns;
	struct tun *tun;
	struct signals *signals;
	struct terminal *terminal; /* NULL: we have none */
	struct control *control;
	struct watch *watch;
	struct masks *masks;
	struct notify *notify;
	struct exec_table *execs;
	struct dial_table *dials;
	struct why_table *why;

	bool began; /* the command runs */
	bool over;  /* leave the loop */
	struct supervisor_end end;
};

/* Of `warder run`; CONTRACT.md. */
enum {
	EXIT_TIMED_OUT = 124,
	EXIT_FAILED = 125,
	EXIT_DENIED = 126,
	EXIT_MISSING = 127,
	EXIT_SIGNAL = 128, /* and the signal's number */
	EXIT_KILLED = EXIT_SIGNAL + SIGKILL,
};

/* Ends the run for this reason; the first one counts.  exit_code as the contract
 * says; why may be NULL.  Kills every process of the run at once. */
void supervisor_end(struct supervisor *s, enum end_reason reason, int exit_code, const char *why);

#endif
