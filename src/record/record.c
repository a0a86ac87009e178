/* SPDX-License-Identifier: Apache-2.0 */
#include "record/record.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/json.h"
#include "base/mem.h"
#include "record/redact.h"

enum {
	RESOURCE_SHOWN = 8 * 1024, /* bytes; what is longer is cut, and detail says so */
	TEXT_SHOWN = 2 * 1024,     /* of a reason, a path, an id */
	DETAIL_SHOWN = 32 * 1024,
	DIGEST_CHARS = 26,
};

static const char crockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* --- names ------------------------------------------------------------------------------------ */

static const char *const phases[] = {
	[PHASE_DECISION] = "decision", [PHASE_OUTCOME] = "outcome",
	[PHASE_LIFECYCLE] = "lifecycle", [PHASE_APPROVAL] = "approval",
	[PHASE_REVOCATION] = "revocation", [PHASE_FINDING] = "finding",
};
static const char *const decisions[] = {
	[POLICY_ALLOWED] = "allowed", [POLICY_DENIED] = "denied", [POLICY_APPROVED] = "approved",
	[POLICY_OBSERVED] = "observed",
};
static const char *const results[] = {
	[RESULT_SUCCESS] = "success", [RESULT_FAILURE] = "failure", [RESULT_BLOCKED] = "blocked",
	[RESULT_PENDING] = "pending", [RESULT_TIMEOUT] = "timeout", [RESULT_KILLED] = "killed",
};
static const char *const vias[] = {
	[VIA_KERNEL] = "kernel", [VIA_SHIM] = "shim", [VIA_TUN] = "tun", [VIA_GATEWAY] = "gateway",
	[VIA_LAUNCHER] = "launcher", [VIA_CLI] = "cli",
};

/* --- ids -------------------------------------------------------------------------------------- */

/* n characters of five bits each, from the highest bits of the digest. */
static void base32(const unsigned char *digest, char *out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t bit = i * 5;
		unsigned int two = (unsigned int)digest[bit / 8] << 8 | digest[bit / 8 + 1];

		out[i] = crockford[two >> (11 - bit % 8) & 31];
	}
	out[n] = '\0';
}

static void hash_field(crypto_hash_sha256_state *st, const char *s)
{
	/* With its NUL: no two lists of fields run together. */
	crypto_hash_sha256_update(st, (const unsigned char *)(s ? s : ""), s ? strlen(s) + 1 : 1);
}

void record_action_id(const struct record_identity *who, const struct action *a,
		      char out[RECORD_ACTION_ID_MAX])
{
	unsigned char digest[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_state st;

	crypto_hash_sha256_init(&st);
	hash_field(&st, who->agent_id);
	hash_field(&st, who->session);
	hash_field(&st, a->tool);
	hash_field(&st, a->resource);
	if (a->args)
		hash_field(&st, a->args);
	else
		for (size_t i = 0; i < a->process.argc && a->process.argv; i++)
			hash_field(&st, a->process.argv[i]);
	crypto_hash_sha256_final(&st, digest);
	memcpy(out, "act_", 4);
	base32(digest, out + 4, DIGEST_CHARS);
}

void record_new_run_id(char out[RECORD_RUN_ID_MAX])
{
	unsigned char random[11] = {0};
	struct timespec now;
	uint64_t ms;
	ssize_t n;

	clock_gettime(CLOCK_REALTIME, &now);
	do
		n = getrandom(random, 10, 0);
	while (n < 0 && errno == EINTR);
	ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	memcpy(out, "run_", 4);
	for (int i = 9; i >= 0; i--, ms >>= 5)
		out[4 + i] = crockford[ms & 31];
	base32(random, out + 14, 16);
}

/* --- the line ------------------------------------------------------------------------------------ */

/* How much is shown: a record that does not fit is made again with less. */
static const struct generosity {
	size_t args, arg, resource, text, detail;
} generosities[] = {
	{RECORD_ARGV_MAX, RECORD_ARG_MAX, RESOURCE_SHOWN, TEXT_SHOWN, DETAIL_SHOWN},
	{16, 256, 4096, 512, 4096},
	{0, 0, 1024, 256, 0},
};

struct writer {
	struct json j;
	const struct generosity *g;
	bool redacted, truncated;
	size_t args_left_out;
};

static size_t cut_length(const char *s, size_t max, bool *truncated)
{
	size_t len = strnlen(s, max + 1);

	if (len <= max)
		return len;
	*truncated = true;
	/* Not in the middle of a character. */
	for (len = max; len > 0 && ((unsigned char)s[len] & 0xc0) == 0x80; len--)
		;
	return len;
}

static void text(struct writer *w, const char *key, const char *value, size_t max)
{
	char clean[RESOURCE_SHOWN + 1];
	size_t len;

	if (value == NULL)
		return;
	len = cut_length(value, max, &w->truncated);
	w->redacted |= redact_text(value, len, clean, sizeof(clean));
	json_str(&w->j, key, clean);
}

static void timestamp(struct writer *w, const struct timespec *now)
{
	char date[32], full[64];
	struct tm tm;

	gmtime_r(&now->tv_sec, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(full, sizeof(full), "%s.%06ldZ", date, now->tv_nsec / 1000);
	json_str(&w->j, "timestamp", full);
}

static void identity(struct writer *w, const struct record_identity *who)
{
	json_str(&w->j, "agent_id", who->agent_id);
	json_str(&w->j, "owner", who->owner);
	json_str(&w->j, "environment", who->environment);
	json_open(&w->j, "requested_by", '{');
	text(w, "type", who->requester_type, w->g->text);
	text(w, "id", who->requester_id, w->g->text);
	json_close(&w->j, '}');
	text(w, "model_provider", who->model_provider, w->g->text);
	text(w, "model", who->model, w->g->text);
}

static void arguments(struct writer *w, const struct record_process *p)
{
	char clean[RECORD_ARG_MAX + 1];
	bool announced = false;
	size_t shown = p->argc < w->g->args ? p->argc : w->g->args;

	if (p->argv == NULL)
		return;
	json_open(&w->j, "argv", '[');
	for (size_t i = 0; i < shown; i++) {
		size_t len = cut_length(p->argv[i], w->g->arg, &w->truncated);

		w->redacted |= redact_arg(p->argv[i], len, announced, &announced, clean,
					  sizeof(clean));
		json_str(&w->j, NULL, clean);
	}
	json_close(&w->j, ']');
	w->args_left_out = p->argc - shown;
}

static void process(struct writer *w, const struct record_process *p)
{
	if (p->pid == 0 && p->host_pid == 0)
		return;
	json_open(&w->j, "process", '{');
	if (p->pid)
		json_int(&w->j, "pid", p->pid);
	if (p->host_pid)
		json_int(&w->j, "host_pid", p->host_pid);
	text(w, "exe", p->exe, w->g->resource);
	arguments(w, p);
	json_close(&w->j, '}');
}

static void approval(struct writer *w, const struct action *a)
{
	if (a->approval_type == NULL)
		return;
	json_open(&w->j, "approval", '{');
	json_str(&w->j, "type", a->approval_type);
	text(w, "id", a->approval_id, w->g->text);
	text(w, "by", a->approval_by, w->g->text);
	json_close(&w->j, '}');
}

/* The caller's object with what the writing of it has added. */
static void detail(struct writer *w, const char *given)
{
	char clean[DETAIL_SHOWN + 1], extra[128];
	struct json j;
	size_t len = given ? strlen(given) : 0;
	bool dropped = len > w->g->detail;

	clean[0] = '\0';
	if (len > 1 && !dropped)
		w->redacted |= redact_text(given, len - 1, clean, sizeof(clean));
	json_init(&j, extra, sizeof(extra));
	if (w->redacted)
		json_bool(&j, "redacted", true);
	if (w->truncated || dropped)
		json_bool(&j, "truncated", true);
	if (w->args_left_out)
		json_int(&j, "args_left_out", (int64_t)w->args_left_out);
	if (clean[0] == '\0' && j.len == 0)
		return;
	if (clean[0] == '\0')
		snprintf(clean, sizeof(clean), "{");
	if (j.len > 0) {
		size_t at = strlen(clean);

		snprintf(clean + at, sizeof(clean) - at, "%s%s", at > 1 ? "," : "", extra);
	}
	len = strlen(clean);
	snprintf(clean + len, sizeof(clean) - len, "}");
	json_raw(&w->j, "detail", clean);
}

static void write_record(struct writer *w, const struct record_identity *who, const struct action *a,
			 uint64_t seq, const char *prev, const struct timespec *now)
{
	struct json *j = &w->j;

	json_open(j, NULL, '{');
	json_str(j, "schema", "warder.record/1");
	json_int(j, "seq", (int64_t)seq);
	json_str(j, "prev", prev);
	timestamp(w, now);
	json_str(j, "run_id", who->run_id);
	json_str(j, "action_id", a->action_id);
	json_int(j, "attempt", (int64_t)a->attempt);
	json_str(j, "phase", phases[a->phase]);
	identity(w, who);
	json_str(j, "tool", a->tool);
	text(w, "resource", a->resource, w->g->resource);
	json_str(j, "policy_decision", decisions[a->decision]);
	text(w, "rule", a->rule, w->g->text);
	text(w, "reason", a->reason, w->g->text);
	approval(w, a);
	json_str(j, "result", results[a->result]);
	if (a->err)
		json_str(j, "errno", strerrorname_np(a->err));
	json_str(j, "via", vias[a->via]);
	json_str(j, "tier", who->tier);
	process(w, &a->process);
	detail(w, a->detail);
	json_close(j, '}');
}

size_t record_format(const struct record_identity *who, const struct action *a, uint64_t seq,
		     const char *prev, const struct timespec *now, char *line, size_t size)
{
	struct writer w = {0};

	for (size_t i = 0; i < ARRAY_SIZE(generosities); i++) {
		w = (struct writer){.g = &generosities[i], .truncated = i > 0};
		json_init(&w.j, line, size);
		write_record(&w, who, a, seq, prev, now);
		if (!w.j.full)
			break;
	}
	return w.j.len;
}
