/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/lifecycle.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/text.h"
#include "record/ledger.h"

enum { DETAIL_MAX = 32 * 1024, STATUS_MAX = 1024 };

static void add_list(struct json *j, const char *key, char *const *v, size_t n)
{
	json_open(j, key, '[');
	for (size_t i = 0; i < n; i++)
		json_str(j, NULL, v[i]);
	json_close(j, ']');
}

/* --meta K=V; a later one of the same name is another member of the list. */
static void add_meta(struct json *j, const struct strlist *meta)
{
	if (meta->n > 0)
		add_list(j, "meta", meta->v, meta->n);
}

static void add_walls(struct json *j, const struct lifecycle *l)
{
	static const char *const namespaces[] = {"user", "pid", "mount", "net",
						 "ipc",	 "uts", "cgroup"};

	json_open(j, "walls", '{');
	add_list(j, "namespaces", (char *const *)namespaces, ARRAY_SIZE(namespaces));
	json_int(j, "landlock", l->landlock_abi);
	json_str(j, "seccomp", "allow-list");
	json_str(j, "capabilities", "none");
	json_bool(j, "no_new_privs", true);
	json_bool(j, "tun", l->tun);
	json_close(j, '}');
}

/* The whole of what was decided before the start. */
static void start_detail(const struct lifecycle *l, char *buf, size_t size)
{
	struct json j;

	json_init(&j, buf, size);
	json_open(&j, NULL, '{');
	json_str(&j, "event", "run.start");
	json_str(&j, "run_id", l->who->run_id);
	json_str(&j, "profile", l->profile->name);
	json_str(&j, "profile_hash", l->profile->hash);
	json_str(&j, "gateway", l->gateway->text);
	json_str(&j, "workspace", l->fs->workspace);
	json_str(&j, "cwd", l->fs->cwd);
	json_str(&j, "session", l->who->session);
	json_str(&j, "ticket", l->who->ticket);
	if (l->observe)
		json_bool(&j, "observe", true);
	add_walls(&j, l);
	add_meta(&j, l->meta);
	add_list(&j, "env_dropped", l->env_dropped->v, l->env_dropped->n);
	json_close(&j, '}');
}

static size_t count(char *const *argv)
{
	size_t n = 0;

	while (argv[n])
		n++;
	return n;
}

static struct action lifecycle_action(const struct lifecycle *l, const char *detail)
{
	return (struct action){
		.phase = PHASE_LIFECYCLE,
		.tool = "run",
		.resource = l->argv[0],
		.decision = POLICY_ALLOWED,
		.result = RESULT_SUCCESS,
		.via = VIA_LAUNCHER,
		.process = {.host_pid = getpid(), .argv = l->argv, .argc = count(l->argv)},
		.detail = detail,
	};
}

static int fault_journal(struct fault *f, const struct journal *j, int rc)
{
	return fault_set(f, "make room, or see to its permissions",
			 "the journal %s cannot be written: %s", journal_path(j), strerror(-rc));
}

int lifecycle_start(struct lifecycle *l, struct journal *j, struct fault *f)
{
	int rc;
	char detail[DETAIL_MAX], brief[STATUS_MAX];
	struct action a = lifecycle_action(l, detail), in_ledger = a;
	struct json js;

	start_detail(l, detail, sizeof(detail));
	json_init(&js, brief, sizeof(brief));
	json_open(&js, NULL, '{');
	json_str(&js, "event", "run.start");
	json_str(&js, "run_id", l->who->run_id);
	json_close(&js, '}');
	in_ledger.detail = brief;
	journal_sync_later(j);
	rc = journal_append(j, &a);
	if (rc < 0)
		return fault_journal(f, j, rc);
	return ledger_write(l->paths->log, l->who, &in_ledger, &l->announced, f);
}

int lifecycle_settle(struct lifecycle *l, struct journal *j, struct fault *f)
{
	int rc = journal_sync(j);

	if (rc < 0)
		return fault_journal(f, j, rc);
	return ledger_sync(&l->announced, l->paths->log, f);
}

static const enum record_result results[] = {
	[END_CHILD] = RESULT_SUCCESS,  [END_TIMEOUT] = RESULT_TIMEOUT,
	[END_KILLED] = RESULT_KILLED,  [END_REVOKED] = RESULT_KILLED,
	[END_POLICY] = RESULT_BLOCKED, [END_TRIPWIRE] = RESULT_KILLED,
	[END_ERROR] = RESULT_FAILURE,
};

static void status_line(int fd, const struct json *j)
{
	char line[STATUS_MAX + 1];

	if (fd < 0 || j->full)
		return;
	memcpy(line, j->buf, j->len);
	line[j->len] = '\n';
	fd_write_all(fd, line, j->len + 1); /* whoever reads may have gone */
}

static void end_json(struct json *j, const char *run_id, const char *event,
		     const struct supervisor_end *end, const char *why)
{
	json_open(j, NULL, '{');
	json_str(j, "event", event);
	json_str(j, "run_id", run_id);
	json_str(j, "reason", end_reason_name(end->reason));
	json_int(j, "exit_code", end->exit_code);
	if (why && why[0])
		json_str(j, "why", why);
	json_int(j, "leftovers", end->leftovers);
}

int lifecycle_end(const struct lifecycle *l, struct journal *j, const struct supervisor_end *end,
		  const struct fault *why, struct fault *f)
{
	const char *text = why && why->what[0] ? why->what : end->why;
	char detail[DETAIL_MAX], brief[DETAIL_MAX], status[STATUS_MAX];
	struct action a = lifecycle_action(l, detail), in_ledger;
	struct json js;
	int rc;

	json_init(&js, detail, sizeof(detail));
	end_json(&js, l->who->run_id, "run.end", end, text);
	json_int(&js, "denials", (int64_t)journal_denials(j));
	json_close(&js, '}');
	a.result = results[end->reason];
	a.args = "run.end"; /* else it would count as a second start */
	in_ledger = a;
	rc = journal_append(j, &a);

	json_init(&js, status, sizeof(status));
	end_json(&js, l->who->run_id, "exited", end, text);
	json_close(&js, '}');
	status_line(l->status_fd, &js);
	if (rc < 0)
		return fault_set(f, NULL, "the end of the run could not be recorded: %s",
				 strerror(-rc));

	json_init(&js, brief, sizeof(brief));
	end_json(&js, l->who->run_id, "run.end", end, text);
	json_str(&js, "head", journal_head(j));
	json_int(&js, "records", (int64_t)journal_records(j));
	json_close(&js, '}');
	in_ledger.detail = brief;
	return ledger_append(l->paths->log, l->who, &in_ledger, f);
}

void lifecycle_appeared(const struct lifecycle *l, struct journal *j, bool quiet)
{
	struct strlist made = {0};

	fsplan_appeared(l->fs, &made);
	for (size_t i = 0; i < made.n; i++) {
		struct action a = {
			.phase = PHASE_FINDING,
			.tool = "file",
			.resource = made.v[i],
			.decision = POLICY_ALLOWED,
			.rule = "filesystem.protect",
			.reason = "made by the agent; something outside may run it",
			.result = RESULT_SUCCESS,
			.via = VIA_LAUNCHER,
		};

		journal_append(j, &a); /* where that fails, run.end will, too, and says so */
		if (quiet)
			continue;
		fputs("warder: the agent made what something outside may run: ", stderr);
		text_print(stderr, made.v[i]);
		fputc('\n', stderr);
	}
	strlist_free(&made);
}

void lifecycle_started(const struct lifecycle *l, pid_t host_pid)
{
	char status[STATUS_MAX];
	struct json j;

	json_init(&j, status, sizeof(status));
	json_open(&j, NULL, '{');
	json_str(&j, "event", "started");
	json_str(&j, "run_id", l->who->run_id);
	json_int(&j, "pid", host_pid);
	json_close(&j, '}');
	status_line(l->status_fd, &j);
}

void lifecycle_not_started(int status_fd, const char *why)
{
	const struct supervisor_end end = {.reason = END_ERROR, .exit_code = EXIT_NOT_STARTED};
	char status[STATUS_MAX];
	struct json j;

	json_init(&j, status, sizeof(status));
	end_json(&j, "", "exited", &end, why);
	json_close(&j, '}');
	if (j.full) { /* what happened counts more than why */
		json_init(&j, status, sizeof(status));
		end_json(&j, "", "exited", &end, NULL);
		json_close(&j, '}');
	}
	signal(SIGPIPE, SIG_IGN); /* it is all that is left to do */
	status_line(status_fd, &j);
}

void lifecycle_refused(const struct paths *paths, const struct record_identity *who,
		       const char *command, const struct fault *why)
{
	struct fault f = {0};
	struct action a = {
		.phase = PHASE_DECISION,
		.tool = "run",
		.resource = command,
		.decision = POLICY_DENIED,
		.rule = "inventory",
		.reason = why->what,
		.result = RESULT_BLOCKED,
		.via = VIA_LAUNCHER,
		.process = {.host_pid = getpid()},
	};

	if (ledger_append(paths->log, who, &a, &f) < 0)
		fault_print(&f);
}
