/* SPDX-License-Identifier: Apache-2.0 */
#include "record/verify.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "record/chain.h"
#include "record/record.h"

struct check {
	struct verify_report *r;
	bool ledger;
	bool ended;
	uint64_t seq;
	char head[CHAIN_HEX + 1];
	/* Each "run.end" of a ledger; may be NULL. */
	void (*end_of_run)(json_t *detail, void *arg);
	void *arg;
};

static void broken(struct verify_report *r, uint64_t line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void broken(struct verify_report *r, uint64_t line, const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(r->what, sizeof(r->what), "line %llu: ", (unsigned long long)line);

	va_start(ap, fmt);
	vsnprintf(r->what + n, sizeof(r->what) - (size_t)n, fmt, ap);
	va_end(ap);
	r->state = VERIFY_BROKEN;
	r->line = line;
}

static const char *string_of(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static void look_at_event(struct check *c, json_t *o)
{
	json_t *detail = json_object_get(o, "detail");
	const char *event = string_of(detail, "event");

	if (strcmp(string_of(o, "phase"), "lifecycle") != 0 || strcmp(event, "run.end") != 0)
		return;
	if (c->ledger && c->end_of_run)
		c->end_of_run(detail, c->arg);
	c->ended = true;
}

/* One whole line, without its newline.  False: broken. */
static bool check_line(struct check *c, uint64_t number, const char *line, size_t len)
{
	json_error_t e;
	json_t *o = json_loadb(line, len, JSON_REJECT_DUPLICATES, &e);
	struct verify_report *r = c->r;
	const char *prev = string_of(o, "prev"), *run_id = string_of(o, "run_id");
	json_int_t seq = json_integer_value(json_object_get(o, "seq"));

	if (o == NULL && c->ledger) {
		/* Torn by a crash and ended by whoever came next: no link of the chain. */
		r->torn_bytes += len;
		return true;
	}
	if (o == NULL)
		broken(r, number, "not JSON: %s", e.text);
	else if (strcmp(string_of(o, "schema"), "warder.record/1") != 0)
		broken(r, number, "not a record of warder's");
	else if (strcmp(prev, c->head) != 0)
		broken(r, number, "prev is %.16s..., expected %.16s...", prev, c->head);
	else if (seq < 0 || (uint64_t)seq != c->seq + 1)
		broken(r, number, "seq is %lld, expected %llu", (long long)seq,
		       (unsigned long long)c->seq + 1);
	else if (!c->ledger && r->run_id[0] && strcmp(run_id, r->run_id) != 0)
		broken(r, number, "run_id is %.31s, expected %s", run_id, r->run_id);
	else if (!c->ledger && c->ended)
		broken(r, number, "a record after the end of the run");
	if (r->state == VERIFY_BROKEN) {
		json_decref(o);
		return false;
	}
	if (!c->ledger)
		snprintf(r->run_id, sizeof(r->run_id), "%s", run_id);
	c->seq++;
	r->records++;
	chain_hash(line, len, c->head);
	look_at_event(c, o);
	json_decref(o);
	return true;
}

/* Line by line in a buffer of one line: whatever the file holds. */
static void check_lines(struct check *c, int fd)
{
	autofree char *buf = mem_alloc(RECORD_LINE_MAX + 1);
	struct verify_report *r = c->r;
	uint64_t number = 0;
	size_t have = 0;
	ssize_t n = 1;

	while (n > 0) {
		char *start = buf, *end;

		n = TEMP_FAILURE_RETRY(read(fd, buf + have, RECORD_LINE_MAX - have));
		if (n < 0) {
			r->state = VERIFY_ERROR;
			snprintf(r->what, sizeof(r->what), "%s", strerror(errno));
			return;
		}
		have += (size_t)n;
		while ((end = memchr(start, '\n', have - (size_t)(start - buf)))) {
			if (!check_line(c, ++number, start, (size_t)(end - start)))
				return;
			start = end + 1;
		}
		have -= (size_t)(start - buf);
		memmove(buf, start, have);
		if (have == RECORD_LINE_MAX) {
			broken(r, number + 1, "longer than any record");
			return;
		}
	}
	r->torn_bytes += have;
}

/* flock(2): the supervisor holds it as long as it lives. */
static bool writer_lives(int fd)
{
	if (flock(fd, LOCK_SH | LOCK_NB) < 0)
		return errno == EWOULDBLOCK;
	flock(fd, LOCK_UN);
	return false;
}

static void conclude(struct check *c, bool alive)
{
	struct verify_report *r = c->r;

	memcpy(r->head, c->head, sizeof(r->head));
	if (r->state != VERIFY_OK)
		return;
	if (c->ledger) {
		if (r->torn_bytes)
			r->state = VERIFY_CRASHED;
	} else if (!c->ended || r->torn_bytes) {
		r->state = alive ? VERIFY_RUNNING : VERIFY_CRASHED;
	}
	if (r->state == VERIFY_CRASHED && r->torn_bytes)
		snprintf(r->what, sizeof(r->what), "a torn line of %llu bytes, as a crash leaves it",
			 (unsigned long long)r->torn_bytes);
	else if (r->state == VERIFY_CRASHED)
		snprintf(r->what, sizeof(r->what), "no run.end, as a crash leaves it");
}

static bool is_ledger(const char *path)
{
	const char *slash = strrchr(path, '/');

	return strncmp(slash ? slash + 1 : path, "ledger", 6) == 0;
}

static void verify_with(const char *path, struct verify_report *r,
			void (*end_of_run)(json_t *, void *), void *arg)
{
	autofd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct check c = {.r = r, .ledger = is_ledger(path), .head = CHAIN_FIRST,
			  .end_of_run = end_of_run, .arg = arg};
	bool alive;

	*r = (struct verify_report){.state = VERIFY_OK};
	if (fd < 0) {
		r->state = VERIFY_ERROR;
		snprintf(r->what, sizeof(r->what), "%s", strerror(errno));
		return;
	}
	/* Asked before reading: a run that ends meanwhile has its run.end by then. */
	alive = !c.ledger && writer_lives(fd);
	check_lines(&c, fd);
	conclude(&c, alive);
}

void verify_file(const char *path, struct verify_report *r)
{
	verify_with(path, r, NULL, NULL);
}

/* --- all of them, against the ledger ------------------------------------------------------------ */

struct ended_run {
	char run_id[RECORD_RUN_ID_MAX];
	char head[CHAIN_HEX + 1];
	bool seen;
};

struct ended_runs {
	struct ended_run *v;
	size_t n;
};

static void note_end(json_t *detail, void *arg)
{
	struct ended_runs *all = arg;
	struct ended_run *e;

	all->v = mem_grow(all->v, all->n + 1, sizeof(*all->v));
	e = &all->v[all->n++];
	memset(e, 0, sizeof(*e));
	snprintf(e->run_id, sizeof(e->run_id), "%s", string_of(detail, "run_id"));
	snprintf(e->head, sizeof(e->head), "%s", string_of(detail, "head"));
}

static struct ended_run *find_end(struct ended_runs *all, const char *run_id)
{
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->v[i].run_id, run_id) == 0)
			return &all->v[i];
	return NULL;
}

/* A journal that is whole in itself must be the one that the ledger knows. */
static void compare(struct ended_runs *all, const char *run_id, struct verify_report *r)
{
	struct ended_run *e = find_end(all, run_id);

	if (e)
		e->seen = true;
	if (r->state == VERIFY_BROKEN || r->state == VERIFY_ERROR)
		return;
	if (e && strcmp(e->head, r->head) != 0) {
		r->state = VERIFY_BROKEN;
		r->line = r->records;
		snprintf(r->what, sizeof(r->what),
			 "it ends at %.16s..., the ledger says %.16s...: its tail was cut or replaced",
			 r->head, e->head);
	} else if (!e && r->state == VERIFY_OK) {
		r->state = VERIFY_BROKEN;
		snprintf(r->what, sizeof(r->what), "the ledger does not know of its end");
	}
}

static enum verify_state worse(enum verify_state a, enum verify_state b)
{
	return a > b ? a : b;
}

static int journals_only(const struct dirent *e)
{
	const char *dot = strrchr(e->d_name, '.');

	return strncmp(e->d_name, "run_", 4) == 0 && dot && strcmp(dot, ".jsonl") == 0;
}

enum verify_state verify_all(const char *log_dir,
			     void (*each)(const char *path, const struct verify_report *r,
					  void *arg),
			     void *arg)
{
	autofree char *ledger = mem_printf("%s/ledger.jsonl", log_dir);
	autofree char *dir = mem_printf("%s/journal", log_dir);
	struct ended_runs all = {0};
	struct verify_report r;
	struct dirent **names = NULL;
	enum verify_state state;
	int n = scandir(dir, &names, journals_only, alphasort);

	verify_with(ledger, &r, note_end, &all);
	each(ledger, &r, arg);
	state = r.state;
	for (int i = 0; i < n; i++) {
		autofree char *path = mem_printf("%s/%s", dir, names[i]->d_name);

		*strrchr(names[i]->d_name, '.') = '\0';
		verify_file(path, &r);
		compare(&all, names[i]->d_name, &r);
		each(path, &r, arg);
		state = worse(state, r.state);
		free(names[i]);
	}
	free(names);
	for (size_t i = 0; i < all.n; i++) {
		autofree char *path = mem_printf("%s/%s.jsonl", dir, all.v[i].run_id);

		if (all.v[i].seen)
			continue;
		r = (struct verify_report){.state = VERIFY_BROKEN};
		snprintf(r.run_id, sizeof(r.run_id), "%s", all.v[i].run_id);
		snprintf(r.what, sizeof(r.what), "the ledger says that this run ended; it is missing");
		each(path, &r, arg);
		state = worse(state, r.state);
	}
	free(all.v);
	return state;
}
