/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "gateway/resolver.h"
#include "supervisor/confine.h"
#include "supervisor/dial.h"
#include "supervisor/exec.h"
#include "supervisor/own.h"
#include "supervisor/state.h"
#include "supervisor/why.h"

const char *end_reason_name(enum end_reason r)
{
	static const char *const names[] = {
		[END_CHILD] = "child",	   [END_TIMEOUT] = "timeout", [END_KILLED] = "killed",
		[END_REVOKED] = "revoked", [END_POLICY] = "policy",   [END_TRIPWIRE] = "tripwire",
		[END_ERROR] = "error",
	};

	return names[r];
}

/* --- before the jail -------------------------------------------------------------------------- */

/* A name must be resolved here: of the gateway, or of every destination. */
static bool needs_resolver(const struct gateway *g)
{
	return g->kind == GATEWAY_DIRECT || g->addr.family == 0;
}

int supervisor_hold_signals(struct fault *f)
{
	return signals_block(f);
}

struct supervisor *supervisor_new(const struct supervisor_plan *plan, struct fault *f)
{
	struct supervisor *s;

	malloc_trim(0); /* what was needed for the plan is of no use to three processes that wait */
	s = mem_alloc(sizeof(*s));
	s->plan = plan;
	s->rootfd = s->epoll = -1;
	s->names = names_new();
	s->why = why_new();
	s->execs = exec_table_new();
	s->dials = dial_table_new();
	if (s->names == NULL) {
		fault_errno(f, NULL, "cannot make the table of names");
		goto fail;
	}
	if (needs_resolver(plan->gateway)) {
		s->resolver = resolver_start(f);
		if (s->resolver == NULL)
			goto fail;
	}
	if (loop_new(s) < 0) {
		fault_errno(f, NULL, "cannot make the event loop");
		goto fail;
	}
	if (control_start(s, f) < 0 || watch_start(s, f) < 0)
		goto fail;
	return s;
fail:
	supervisor_free(s);
	return NULL;
}

/* Those that face the agent; what they still have to record is on record then. */
static void stop_parts(struct supervisor *s)
{
	dial_table_free(s);
	resolver_close(s->resolver);
	exec_table_free(s);
	notify_stop(s);
	tun_stop(s);
	dnsserver_stop(s);
}

void supervisor_free(struct supervisor *s)
{
	if (s == NULL)
		return;
	stop_parts(s);
	terminal_stop(s);
	watch_stop(s);
	masks_stop(s);
	signals_stop(s); /* after whoever may still send us any */
	control_stop(s);
	loop_free(s);
	resolver_stop(s->resolver);
	names_free(s->names);
	fd_close(&s->rootfd);
	free(s);
}

/* --- the jail's side
 * ------------------------------------------------------------------------------ */

static int hold_root(struct supervisor *s, struct fault *f)
{
	char path[48];
	socklen_t len = sizeof(s->netns_cookie);

	snprintf(path, sizeof(path), "/proc/%d/root", (int)s->jail->command);
	s->rootfd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (s->rootfd < 0)
		return fault_errno(f, NULL, "cannot look into the sandbox's root");
	if (getsockopt(s->jail->dns_udp, SOL_SOCKET, SO_NETNS_COOKIE, &s->netns_cookie, &len) < 0)
		return fault_errno(f, "warder needs Linux 5.19 or later",
				   "cannot tell the sandbox's network from the host's");
	own_find(s);
	return 0;
}

/* Its execve() failed: what a shell would say. */
static void command_not_run(struct supervisor *s, int err)
{
	static const char prefix[] = "warder: ";
	const char *why = attempt_why(s, s->jail->command);

	if (why && strncmp(why, prefix, sizeof(prefix) - 1) == 0)
		why += sizeof(prefix) - 1; /* it is put down, too */
	if (why)
		supervisor_end(s, END_POLICY, EXIT_DENIED, why);
	else
		supervisor_end(s, END_CHILD,
			       err == ENOENT || err == ENOTDIR ? EXIT_MISSING : EXIT_DENIED,
			       strerror(err));
}

static void command_exited(struct supervisor *s, int status, unsigned int leftovers)
{
	int code = WIFSIGNALED(status) ? EXIT_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);

	s->end.leftovers = leftovers;
	if (signals_timed_out(s))
		supervisor_end(s, END_TIMEOUT, EXIT_TIMED_OUT, "the time limit is over");
	else
		supervisor_end(s, END_CHILD, code, NULL);
}

static void jail_says(struct supervisor *s, struct source *src, uint32_t events)
{
	struct jail_message m;
	int rc;

	(void)src;
	(void)events;
	while ((rc = jail_read(s->jail, &m)) > 0) {
		switch (m.tag) {
		case JAIL_NOT_RUN:
			command_not_run(s, m.value);
			return;
		case JAIL_EXITED:
			command_exited(s, m.value, m.extra);
			return;
		case JAIL_STOPPED:
			terminal_command_stopped(s, m.value);
			break;
		}
	}
	if (rc < 0)
		supervisor_end(s, END_KILLED, EXIT_KILLED, "the sandbox was killed");
}

void supervisor_end(struct supervisor *s, enum end_reason reason, int exit_code, const char *why)
{
	if (s->over)
		return;
	s->over = true;
	s->end.reason = reason;
	s->end.exit_code = exit_code;
	snprintf(s->end.why, sizeof(s->end.why), "%s", why ? why : "");
	if (s->jail && s->jail->init_pidfd >= 0)
		sys_pidfd_send_signal(s->jail->init_pidfd, SIGKILL);
}

/* The tables have bounds of their own.  The command has its limit by now. */
static void raise_descriptor_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return;
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r); /* what we do not get, the agent does not get of us */
}

static int start_parts(struct supervisor *s, struct fault *f)
{
	static struct source control;

	control = (struct source){.fd = s->jail->control, .ready = jail_says};
	if (loop_add(s, &control, EPOLLIN) < 0)
		return fault_errno(f, NULL, "cannot watch the sandbox");
	if (s->resolver && (resolver_confined(s->resolver, f) < 0 || dial_watch_resolver(s, f) < 0))
		return -1;
	if (dnsserver_start(s, take_fd(&s->jail->dns_udp), take_fd(&s->jail->dns_tcp), f) < 0)
		return -1;
	if (s->jail->tun >= 0 && tun_start(s, take_fd(&s->jail->tun), f) < 0)
		return -1;
	if (masks_start(s, f) < 0 || signals_start(s, f) < 0 || terminal_start(s, f) < 0)
		return -1;
	return notify_start(s, f);
}

int supervisor_run(struct supervisor *s, struct jail *jail, struct supervisor_end *end,
		   struct fault *f)
{
	int rc;

	s->jail = jail;
	if (!jail->wait_killable)
		rc = fault_set(f, "warder needs Linux 5.19 or later",
			       "this kernel cannot hold a call against signals");
	else
		rc = hold_root(s, f);
	raise_descriptor_limit();
	if (rc == 0)
		rc = start_parts(s, f);
	if (rc == 0)
		rc = patience_start(f);
	if (rc == 0)
		rc = confine(s->plan->uid != geteuid(), f);
	while (rc == 0 && !s->over)
		if (loop_once(s) < 0)
			supervisor_end(s, END_ERROR, EXIT_FAILED, strerror(errno));
	patience_stop();
	/* What is left dies here, whatever it is doing. */
	exec_end(s);
	jail_end(jail);
	stop_parts(s);
	*end = s->end;
	return rc;
}
