/* SPDX-License-Identifier: Apache-2.0 */
/* Decide, write down, and only then act: the one way to an allow. */
#include "supervisor/state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "record/journal.h"
#include "supervisor/why.h"

enum { WHY_LINES = 64 }; /* kept of each kind; older ones are in the journal */

/* Denials are there to be asked for again; why something else failed is told once, or the next
 * failure, which may have a reason of its own, would be explained by it. */
struct why_table {
	struct why_ring {
		struct why {
			pid_t tgid, parent;	      /* 0: not known */
			char name[ADDR_NAME_MAX + 1]; /* of a `resolve` denial; else "" */
			char line[WHY_LINE_MAX];
		} v[WHY_LINES];
		size_t next;
	} denied, failed;
};

struct why_table *why_new(void)
{
	static struct why_table table; /* of pages that are there once they are needed */

	return &table;
}

static struct why *new_line(struct why_ring *r, pid_t tgid, pid_t parent)
{
	struct why *w = &r->v[r->next++ % WHY_LINES];

	w->tgid = tgid;
	w->parent = parent;
	w->name[0] = '\0';
	return w;
}

static void remember(struct why_ring *r, pid_t tgid, pid_t parent, const char *tool,
		     const char *resource, const struct verdict *v)
{
	struct why *w = new_line(r, tgid, parent);

	if (strcmp(tool, "resolve") == 0)
		snprintf(w->name, sizeof(w->name), "%s", resource);
	snprintf(w->line, sizeof(w->line), "warder: denied %s %s: %s%s%s%s", tool, resource,
		 v->reason, v->rule ? " (" : "", v->rule ? v->rule : "", v->rule ? ")" : "");
}

static void remember_attempt(struct supervisor *s, const struct attempt *a, const struct verdict *v)
{
	remember(&s->why->denied, a->by ? a->by->tgid : 0, a->by ? a->by->parent : 0, a->tool,
		 a->resource, v);
}

/* The newest line that fits what is not 0 or NULL of these. */
static const char *recall(const struct why_ring *r, pid_t tgid, pid_t parent, const char *name)
{
	for (size_t i = 1; i <= WHY_LINES && i <= r->next; i++) {
		const struct why *w = &r->v[(r->next - i) % WHY_LINES];

		if ((tgid && w->tgid == tgid) || (parent && w->parent == parent) ||
		    (name && strcmp(w->name, name) == 0))
			return w->line;
	}
	return NULL;
}

const char *attempt_why(const struct supervisor *s, pid_t tgid)
{
	return recall(&s->why->denied, tgid, 0, NULL);
}

const char *attempt_why_child(const struct supervisor *s, pid_t tgid)
{
	return recall(&s->why->denied, 0, tgid, NULL);
}

const char *attempt_why_name(const struct supervisor *s, const char *name)
{
	return recall(&s->why->denied, 0, 0, name);
}

void attempt_tell(struct supervisor *s, pid_t tgid, const char *tool, const char *resource,
		  const char *reason)
{
	struct why *w = new_line(&s->why->failed, tgid, 0);

	snprintf(w->line, sizeof(w->line), "warder: %s %s: %s", tool, resource, reason);
}

const char *attempt_told(struct supervisor *s, pid_t tgid)
{
	struct why_ring *r = &s->why->failed;
	const char *line = recall(r, tgid, 0, NULL);

	for (size_t i = 0; line && i < WHY_LINES; i++)
		if (r->v[i].tgid == tgid)
			r->v[i].tgid = 0;
	return line;
}

/* The verdict as it will be carried out. */
static struct verdict effective(const struct supervisor *s, const struct attempt *a)
{
	struct verdict v = a->verdict;

	if (v.decision == DECISION_ASK) {
		v.decision = DECISION_DENY;
		v.reason = "it asks for an approval, and nobody can be asked";
	}
	if (v.decision == DECISION_DENY && s->plan->observe && !a->wall)
		v.decision = DECISION_OBSERVE;
	return v;
}

static void fill_process(struct record_process *p, const struct agent_process *by)
{
	if (by == NULL)
		return;
	*p = (struct record_process){.pid = by->pid,
				     .host_pid = by->tgid,
				     .exe = by->exe,
				     .argv = by->argv,
				     .argc = by->argc};
}

static void fill(struct action *act, const struct attempt *a, enum record_phase phase)
{
	*act = (struct action){.phase = phase,
			       .tool = a->tool,
			       .resource = a->resource,
			       .rule = a->verdict.rule,
			       .reason = a->verdict.reason,
			       .via = a->via,
			       .args = a->args,
			       .detail = a->detail};
	fill_process(&act->process, a->by);
}

static int refuse(struct action *act, int err)
{
	act->decision = POLICY_DENIED;
	act->result = RESULT_BLOCKED;
	act->err = err;
	return err;
}

bool attempt_decide(struct supervisor *s, const struct attempt *a, int *err, struct action *out)
{
	static const enum record_decision decisions[] = {
		[DECISION_ALLOW] = POLICY_ALLOWED,
		[DECISION_OBSERVE] = POLICY_OBSERVED,
	};
	struct verdict v = effective(s, a);
	bool allowed = v.decision == DECISION_ALLOW || v.decision == DECISION_OBSERVE;
	struct action act;

	fill(&act, a, PHASE_DECISION);
	act.reason = v.reason;
	*err = 0;
	if (allowed) {
		act.decision = decisions[v.decision];
		act.result = a->pending ? RESULT_PENDING : RESULT_SUCCESS;
	} else {
		*err = refuse(&act, a->err);
		remember_attempt(s, a, &v);
	}
	if (journal_append(s->plan->journal, &act) < 0) {
		/* No record, no action. */
		struct verdict unrecorded = {.reason = "the journal cannot be written"};

		remember_attempt(s, a, &unrecorded);
		*err = a->err ? a->err : EACCES;
		return false;
	}
	if (out)
		*out = act;
	return allowed;
}

void attempt_outcome(struct supervisor *s, struct action *decision, enum record_result result,
		     int err, const char *detail)
{
	struct action act = *decision;

	act.phase = PHASE_OUTCOME;
	act.result = result;
	act.err = err;
	act.detail = detail;
	/* The action has been had; a journal that fails now refuses the next one. */
	journal_append(s->plan->journal, &act);
}

void attempt_denied_later(struct supervisor *s, struct action *decision, pid_t tgid,
			  const struct verdict *v, enum record_via via, int err, const char *detail)
{
	struct action act = *decision;

	act.phase = PHASE_OUTCOME;
	act.rule = v->rule;
	act.reason = v->reason;
	act.via = via;
	act.detail = detail;
	refuse(&act, err);
	remember(&s->why->denied, tgid, 0, act.tool, act.resource, v);
	if (err != EACCES) /* who gets another error does not ask for a denial */
		remember(&s->why->failed, tgid, 0, act.tool, act.resource, v);
	journal_append(s->plan->journal, &act);
}

void attempt_failure(struct supervisor *s, const struct attempt *a)
{
	struct action act;

	fill(&act, a, PHASE_DECISION);
	act.decision = POLICY_ALLOWED;
	act.result = RESULT_FAILURE;
	act.err = a->err;
	journal_append(s->plan->journal, &act);
}

void attempt_finding(struct supervisor *s, const struct attempt *a)
{
	struct action act;

	fill(&act, a, PHASE_FINDING);
	act.decision = POLICY_DENIED;
	act.result = RESULT_KILLED;
	journal_append(s->plan->journal, &act);
}
