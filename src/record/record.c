/* SPDX-License-Identifier: Apache-2.0 */
#include "record/record.h"

#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "record/redact.h"

enum {
	RESOURCE_SHOWN = 8 * 1024, /* bytes; what is longer is cut, and detail says so */
	TEXT_SHOWN = 2 * 1024,     /* of a reason, a path, an id */
	DETAIL_SHOWN = 32 * 1024,  /* what is longer is left out, and said so */
	DETAIL_DEPTH_MAX = 16,     /* of lists and objects; what is deeper is left out */
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

/* --- the line --------------------------------------------------------------------------------- */

/* How much is shown: a record that does not fit is made again with less, first of the
 * arguments.  The last of them fits whatever it is about, although a byte may become six
 * ("\u0007"): that is tested. */
static const struct generosity {
	size_t args, arg, resource, text, detail;
} generosities[] = {
	{RECORD_ARGV_MAX, RECORD_ARG_MAX, RESOURCE_SHOWN, TEXT_SHOWN, DETAIL_SHOWN},
	{16, 256, 4096, 512, DETAIL_SHOWN},
	{16, 256, 4096, 512, 4096},
	{0, 0, 1024, 256, 1024},
};

struct writer {
	struct json j;
	const struct generosity *g;
	bool redacted, truncated;
	size_t args_left_out;
	char clean[RESOURCE_SHOWN + 2]; /* one byte more than is shown: that says it was cut */
};

/* What is in w->clean as a member, at most max bytes of it and no half character. */
static void put_clean(struct writer *w, const char *key, size_t max)
{
	size_t len = strlen(w->clean);

	if (len > max) {
		w->truncated = true;
		len = utf8_trim(w->clean, max);
	}
	json_strn(&w->j, key, w->clean, len);
}

/* Redacted before it is cut: half a secret has no shape any more. */
static void text(struct writer *w, const char *key, const char *value, size_t max)
{
	if (value == NULL)
		return;
	w->redacted |= redact_text(value, strlen(value), w->clean, max + 2);
	put_clean(w, key, max);
}

/* What is always there, and never a secret: "" where there is none. */
static void name(struct writer *w, const char *key, const char *value)
{
	snprintf(w->clean, w->g->text + 2, "%s", value ? value : "");
	put_clean(w, key, w->g->text);
}

static void timestamp(struct writer *w, const struct timespec *now)
{
	char date[32], full[64];
	struct tm tm = {0};

	gmtime_r(&now->tv_sec, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(full, sizeof(full), "%s.%06ldZ", date, now->tv_nsec / 1000);
	json_str(&w->j, "timestamp", full);
}

static void identity(struct writer *w, const struct record_identity *who)
{
	name(w, "agent_id", who->agent_id);
	name(w, "owner", who->owner);
	name(w, "environment", who->environment);
	json_open(&w->j, "requested_by", '{');
	text(w, "type", who->requester_type, w->g->text);
	text(w, "id", who->requester_id, w->g->text);
	json_close(&w->j, '}');
	text(w, "model_provider", who->model_provider, w->g->text);
	text(w, "model", who->model, w->g->text);
}

static void argument(struct writer *w, const char *arg, size_t max, bool *announced)
{
	w->redacted |= redact_arg(arg, strlen(arg), announced, w->clean, max + 2);
	put_clean(w, NULL, max);
}

static void arguments(struct writer *w, const struct record_process *p)
{
	size_t shown = p->argc < w->g->args ? p->argc : w->g->args;
	bool announced = false;

	if (p->argv == NULL)
		return;
	json_open(&w->j, "argv", '[');
	for (size_t i = 0; i < shown; i++)
		argument(w, p->argv[i], w->g->arg, &announced);
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

/* Members of detail that are ours alone: a caller's would be there twice. */
static const char redacted[] = "redacted", truncated[] = "truncated", left_out[] = "args_left_out",
		  uncounted[] = "attempts_uncounted";

static bool is_ours(const char *key)
{
	return strcmp(key, redacted) == 0 || strcmp(key, truncated) == 0 ||
	       strcmp(key, left_out) == 0 || strcmp(key, uncounted) == 0;
}

static void members(struct writer *w, const json_t *v, unsigned int depth);

/* One value of the caller's object, its strings without their secrets. */
static void value(struct writer *w, const char *key, const json_t *v, unsigned int depth)
{
	char number[64];
	size_t n;

	if (json_is_object(v) || json_is_array(v)) {
		json_open(&w->j, key, json_is_object(v) ? '{' : '[');
		members(w, v, depth + 1);
		json_close(&w->j, json_is_object(v) ? '}' : ']');
	} else if (json_is_string(v) && key && redact_names_secret(key, strlen(key))) {
		w->redacted = true;
		json_str(&w->j, key, REDACTED);
	} else if (json_is_string(v)) {
		text(w, key, json_string_value(v), w->g->resource);
	} else {
		n = json_dumpb(v, number, sizeof(number) - 1, JSON_ENCODE_ANY);
		number[n < sizeof(number) ? n : 0] = '\0';
		json_raw(&w->j, key, number);
	}
}

static void members(struct writer *w, const json_t *v, unsigned int depth)
{
	bool announced = false;
	const char *key;
	json_t *item;
	size_t i;

	if (depth > DETAIL_DEPTH_MAX) {
		w->truncated = true;
		return;
	}
	json_object_foreach((json_t *)v, key, item)
		if (depth > 0 || !is_ours(key))
			value(w, key, item, depth);
	/* Lists of strings are arguments, or much like them ("NAME=VALUE"). */
	json_array_foreach(v, i, item)
		if (json_is_string(item))
			argument(w, json_string_value(item), w->g->resource, &announced);
		else
			value(w, NULL, item, depth);
}

/* The caller's object, and what the writing of the record has to say.  Read and written anew:
 * what is no JSON does not end up in a record, and a secret is found behind any escape. */
static void detail(struct writer *w, const struct action *a)
{
	json_t *given = NULL;

	if (a->detail && strlen(a->detail) <= w->g->detail)
		given = json_loads(a->detail, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(given)) {
		w->truncated |= a->detail != NULL;
		json_decref(given);
		given = NULL;
	}
	if (json_object_size(given) || w->redacted || w->truncated || w->args_left_out ||
	    a->uncounted) {
		json_open(&w->j, "detail", '{');
		members(w, given, 0);
		if (w->redacted)
			json_bool(&w->j, redacted, true);
		if (w->truncated)
			json_bool(&w->j, truncated, true);
		if (w->args_left_out)
			json_int(&w->j, left_out, (int64_t)w->args_left_out);
		if (a->uncounted)
			json_bool(&w->j, uncounted, true);
		json_close(&w->j, '}');
	}
	json_decref(given);
}

static void write_record(struct writer *w, const struct record_identity *who,
			 const struct action *a, uint64_t seq, const char *prev,
			 const struct timespec *now)
{
	struct json *j = &w->j;

	json_open(j, NULL, '{');
	json_str(j, "schema", RECORD_SCHEMA);
	json_int(j, "seq", (int64_t)seq);
	json_str(j, "prev", prev);
	timestamp(w, now);
	name(w, "run_id", who->run_id);
	json_str(j, "action_id", a->action_id);
	json_int(j, "attempt", (int64_t)a->attempt);
	json_str(j, "phase", phases[a->phase]);
	identity(w, who);
	name(w, "tool", a->tool);
	text(w, "resource", a->resource ? a->resource : "", w->g->resource);
	json_str(j, "policy_decision", decisions[a->decision]);
	text(w, "rule", a->rule, w->g->text);
	text(w, "reason", a->reason, w->g->text);
	approval(w, a);
	json_str(j, "result", results[a->result]);
	if (a->err)
		json_str(j, "errno", strerrorname_np(a->err));
	json_str(j, "via", vias[a->via]);
	name(w, "tier", who->tier);
	process(w, &a->process);
	detail(w, a);
	json_close(j, '}');
}

size_t record_format(const struct record_identity *who, const struct action *a, uint64_t seq,
		     const char *prev, const struct timespec *now, char *line, size_t size)
{
	struct writer w;

	for (size_t i = 0; i < ARRAY_SIZE(generosities); i++) {
		w.g = &generosities[i];
		w.redacted = false;
		w.truncated = i > 0;
		w.args_left_out = 0;
		json_init(&w.j, line, size);
		write_record(&w, who, a, seq, prev, now);
		if (!w.j.full)
			break;
	}
	return w.j.len;
}
