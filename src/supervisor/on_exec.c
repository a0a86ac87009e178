/* SPDX-License-Identifier: Apache-2.0 */
/* execve(2), execveat(2): approved tools only. */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "supervisor/exec.h"

enum { DETAIL_MAX = PATH_MAX * 2 };

static struct verdict refused(const char *rule, const char *reason)
{
	return (struct verdict){.decision = DECISION_DENY, .rule = rule, .reason = reason};
}

static bool has_loader_name(const struct exec_file *file)
{
	static const char *const names[] = {"ld-linux*.so.*", "ld-musl-*.so.*", "ld-2.*.so",
					    "ld.so",	      "ld64.so.*",	"ld-linux.so*"};
	const char *name = strrchr(file->path, '/');

	for (size_t i = 0; name && i < ARRAY_SIZE(names); i++)
		if (fnmatch(names[i], name + 1, 0) == 0)
			return true;
	return false;
}

/* Where programs of this architecture look for theirs; each may be a link to what is called
 * otherwise (musl's is its libc.so).  Looked up now: it may have been upgraded. */
static bool is_known_loader(const struct supervisor *s, const struct exec_file *file)
{
	static const char *const paths[] = {
#if defined(__x86_64__)
		"/lib64/ld-linux-x86-64.so.2",
		"/lib/ld-musl-x86_64.so.1",
#elif defined(__aarch64__)
		"/lib/ld-linux-aarch64.so.1",
		"/lib/ld-musl-aarch64.so.1",
#endif
	};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		autofd int fd = sys_openat2(s->rootfd, paths[i], O_PATH, RESOLVE_IN_ROOT);
		struct stat st;

		if (fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == file->st.st_dev &&
		    st.st_ino == file->st.st_ino)
			return true;
	}
	return false;
}

/* ld.so as a command runs any file that it can read.  A copy of it is a program of the
 * agent's own, as any other that it brings. */
static bool is_loader(const struct supervisor *s, const struct exec_file *file)
{
	return has_loader_name(file) || is_known_loader(s, file);
}

static bool on_noexec_mount(const struct exec_file *file)
{
	struct statfs st;

	return fstatfs(file->fd, &st) == 0 && (st.f_flags & ST_NOEXEC);
}

static struct verdict judge_file(const struct supervisor *s, const struct exec_command *c, size_t i)
{
	const struct profile *p = s->plan->profile;
	const struct exec_file *file = &c->chain[i];

	if (!file->readable)
		return refused("exec.verify", "it cannot be read, and so not be verified");
	if (file->st.st_nlink == 0 && !p->exec_memfd)
		return refused("exec.memfd", "it has no name in any directory");
	if (!p->exec_loader && is_loader(s, file))
		return refused("exec.loader", "the dynamic loader runs whatever it is told");
	if (on_noexec_mount(file))
		return refused("filesystem.exec_writable",
			       "what the agent can write it may not run");
	return judge_exec(p, file->path, c->argv[i], c->argc[i]);
}

/* All of the chain must be allowed; the strictest file speaks for it. */
static struct verdict judge(const struct supervisor *s, const struct exec_command *c)
{
	static const int strictness[] = {[DECISION_ALLOW] = 0,
					 [DECISION_OBSERVE] = 1,
					 [DECISION_ASK] = 2,
					 [DECISION_DENY] = 3};
	struct verdict v = judge_file(s, c, 0);

	for (size_t i = 1; i < c->n; i++) {
		struct verdict w = judge_file(s, c, i);

		if (strictness[w.decision] > strictness[v.decision])
			v = w;
	}
	return v;
}

/* What runs could not be compared with what was approved: no profile can allow that. */
static bool can_be_seen(const struct exec_command *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (!c->chain[i].readable)
			return false;
	return true;
}

static const char *describe(const struct exec_command *c, char *buf, size_t size)
{
	struct json j;

	if (c->n == 1)
		return NULL;
	json_init(&j, buf, size);
	json_open(&j, NULL, '{');
	json_str(&j, "interpreter", c->chain[c->n - 1].path);
	json_close(&j, '}');
	return j.full ? NULL : buf;
}

static void decide(struct supervisor *s, struct request *rq, struct exec_command *c)
{
	char detail[DETAIL_MAX];
	struct attempt a = {.tool = "exec",
			    .resource = c->chain[0].path,
			    .verdict = judge(s, c),
			    .via = VIA_KERNEL,
			    .err = EACCES,
			    .by = &rq->who,
			    .detail = describe(c, detail, sizeof(detail)),
			    .pending = true,
			    .wall = !can_be_seen(c)};
	struct action decision;
	int err;

	rq->who.argv = c->args.v;
	rq->who.argc = c->args.n;
	if (attempt_decide(s, &a, &err, &decision)) {
		decision.detail = NULL;
		exec_verify(s, rq, c, &decision);
	} else {
		notify_error(s, rq->id, err);
	}
}

/* More than can be looked at is more than can be approved. */
static void too_much(struct supervisor *s, struct request *rq, const struct exec_command *c, int rc)
{
	struct attempt a = {
		.tool = "exec",
		.resource = c->path,
		.verdict = refused("exec.bounds", "its arguments are too many to be looked at"),
		.via = VIA_KERNEL,
		.err = -rc,
		.by = &rq->who,
		.wall = true};
	int err;

	attempt_decide(s, &a, &err, NULL);
	notify_error(s, rq->id, err);
}

void on_exec(struct supervisor *s, struct request *rq)
{
	static struct exec_command c; /* large, and of one call at a time */
	int rc;

	if (exec_put_off(s, rq))
		return;
	rc = exec_read(s, rq, &c);
	if (!notify_valid(s, rq->id))
		; /* died; what was read may be another's */
	else if (rc == -E2BIG || rc == -ENOMEM)
		too_much(s, rq, &c, rc);
	else if (rc < 0)
		notify_error(s, rq->id, -rc); /* nothing that could be run */
	else
		decide(s, rq, &c);
	exec_command_free(&c);
}
