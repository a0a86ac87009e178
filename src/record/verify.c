/* SPDX-License-Identifier: Apache-2.0 */
#include "record/verify.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "record/chain.h"
#include "record/lock.h"
#include "record/record.h"

struct check {
	struct verify_report *r;
	bool ledger;
	bool ended;
	uint64_t seq;
	uint64_t last; /* number of the last link's line; 0: there is none yet */
	char head[CHAIN_HEX + 1];
	struct ledger *runs; /* where to note what a ledger says of runs; may be NULL */
};

static void note_event(struct ledger *l, const char *event, const char *run_id, const char *head);

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

static void cannot_read(struct verify_report *r, const char *why)
{
	r->state = VERIFY_ERROR;
	snprintf(r->what, sizeof(r->what), "%s", why);
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

	if (strcmp(string_of(o, "phase"), "lifecycle") != 0)
		return;
	if (c->runs)
		note_event(c->runs, event, string_of(o, "run_id"), string_of(detail, "head"));
	c->ended |= strcmp(event, "run.end") == 0;
}

/* The chain does not say which of the two it was. */
static void wrong_link(const struct check *c, uint64_t number, const char *prev)
{
	if (c->last == 0)
		broken(c->r, number,
		       "prev is %.16s..., expected %.16s...: it was changed, or lines before it "
		       "removed", prev, c->head);
	else
		broken(c->r, number,
		       "prev is %.16s..., expected %.16s...: line %llu was changed, or line %llu "
		       "replaced", prev, c->head, (unsigned long long)c->last,
		       (unsigned long long)number);
}

/* One whole line, without its newline.  False: broken. */
static bool check_line(struct check *c, uint64_t number, const char *line, size_t len)
{
	json_error_t e;
	json_t *o = json_loadb(line, len, RECORD_JSON_FLAGS, &e);
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
	else if (strcmp(string_of(o, "schema"), RECORD_SCHEMA) != 0)
		broken(r, number, "not a record of warder's");
	else if (strcmp(prev, c->head) != 0)
		wrong_link(c, number, prev);
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
	c->last = number;
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
			cannot_read(r, strerror(errno));
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
	/* A ledger goes on behind a record that lacks only its newline. */
	if (c->ledger && have > 0)
		check_line(c, number + 1, buf, have);
	else
		r->torn_bytes += have;
}

static void conclude(struct check *c, bool alive)
{
	struct verify_report *r = c->r;

	memcpy(r->head, c->head, sizeof(r->head));
	if (r->state != VERIFY_OK)
		return;
	if (c->ended && r->torn_bytes && !c->ledger)
		broken(r, r->records + 1, "%llu bytes after the end of the run",
		       (unsigned long long)r->torn_bytes);
	else if (alive)
		r->state = VERIFY_RUNNING; /* the ledger may not know of its end yet */
	else if (r->torn_bytes || (!c->ended && !c->ledger))
		r->state = VERIFY_CRASHED;
	if (r->state != VERIFY_CRASHED)
		return;
	if (r->torn_bytes)
		snprintf(r->what, sizeof(r->what),
			 "a torn line of %llu bytes, as a crash leaves it",
			 (unsigned long long)r->torn_bytes);
	else
		snprintf(r->what, sizeof(r->what), "no run.end, as a crash leaves it");
}

static bool is_ledger(const char *path)
{
	const char *slash = strrchr(path, '/');

	return strncmp(slash ? slash + 1 : path, "ledger", 6) == 0;
}

/* Opens path, whatever lies there, without being held up by it.  st_size -1: nothing does. */
static int open_file(const char *path, struct stat *st, struct verify_report *r)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0 && errno == ENOENT) {
		st->st_size = -1;
		cannot_read(r, strerror(ENOENT));
	} else if (fd < 0 || fstat(fd, st) < 0) {
		cannot_read(r, strerror(errno));
	} else if (!S_ISREG(st->st_mode)) {
		cannot_read(r, "not a regular file");
	}
	return fd;
}

/* size: of the file, before it was read; -1: there was none. */
static void verify_with(const char *path, struct verify_report *r, struct ledger *runs, off_t *size)
{
	struct check c = {.r = r, .ledger = is_ledger(path), .head = CHAIN_FIRST, .runs = runs};
	struct stat st = {0};
	autofd int fd = -1;
	bool alive;

	*r = (struct verify_report){.state = VERIFY_OK};
	fd = open_file(path, &st, r);
	*size = st.st_size;
	if (r->state != VERIFY_OK)
		return;
	/* Asked before reading: a run that ends meanwhile has its run.end by then.  Asked after
	 * it: what was just being created is locked by now, or known to the ledger. */
	alive = lock_is_set(fd);
	check_lines(&c, fd);
	alive |= lock_is_set(fd);
	conclude(&c, alive && !c.ledger);
}

void verify_file(const char *path, struct verify_report *r)
{
	off_t size;

	verify_with(path, r, NULL, &size);
}

/* --- all of them, against the ledger ---------------------------------------------------------- */

/* What the ledger says of a run: that it started and, where there is a head, that it ended. */
struct run {
	char run_id[RECORD_RUN_ID_MAX];
	char head[CHAIN_HEX + 1];
};

struct ledger {
	const char *path;
	struct verify_report report;
	off_t size; /* as it was read */
	struct run *v; /* sorted by run id, and by head: "" first */
	size_t n;
};

static void note_event(struct ledger *l, const char *event, const char *run_id, const char *head)
{
	struct run *run;

	if (strcmp(event, "run.start") != 0 && strcmp(event, "run.end") != 0)
		return;
	l->v = mem_grow(l->v, l->n + 1, sizeof(*l->v));
	run = &l->v[l->n++];
	memset(run, 0, sizeof(*run));
	snprintf(run->run_id, sizeof(run->run_id), "%s", run_id);
	snprintf(run->head, sizeof(run->head), "%s", head);
}

static int by_run(const void *a, const void *b)
{
	const struct run *ra = a, *rb = b;
	int order = strcmp(ra->run_id, rb->run_id);

	return order ? order : strcmp(ra->head, rb->head);
}

/* Start and end of a run become one entry. */
static void merge(struct ledger *l)
{
	size_t n = 0;

	if (l->n > 0)
		qsort(l->v, l->n, sizeof(*l->v), by_run);
	for (size_t i = 0; i < l->n; i++) {
		if (n > 0 && strcmp(l->v[n - 1].run_id, l->v[i].run_id) == 0)
			n--;
		l->v[n++] = l->v[i];
	}
	l->n = n;
}

/* A ledger that is not there knows of no run, and so of the end of none. */
static void read_ledger(struct ledger *l)
{
	l->n = 0;
	verify_with(l->path, &l->report, l, &l->size);
	/* By now there may be one. */
	if (l->size < 0) {
		l->report.state = VERIFY_OK;
		snprintf(l->report.what, sizeof(l->report.what), "there is none");
	}
	merge(l);
}

static const struct run *find_run(const struct ledger *l, const char *run_id)
{
	struct run key = {0};
	size_t from = 0, to = l->n;

	snprintf(key.run_id, sizeof(key.run_id), "%s", run_id);
	while (from < to) {
		size_t middle = from + (to - from) / 2;
		int order = strcmp(key.run_id, l->v[middle].run_id);

		if (order == 0)
			return &l->v[middle];
		if (order < 0)
			to = middle;
		else
			from = middle + 1;
	}
	return NULL;
}

/* The same of a run that has ended: maybe only since the ledger was read. */
static const struct run *find_end(struct ledger *l, const char *run_id, enum verify_state *state)
{
	const struct run *run = find_run(l, run_id);
	struct stat st;

	if ((run && run->head[0]) || stat(l->path, &st) < 0 || st.st_size == l->size)
		return run;
	read_ledger(l);
	if (l->report.state > *state)
		*state = l->report.state;
	return find_run(l, run_id);
}

static void not_as_known(struct verify_report *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void not_as_known(struct verify_report *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->what, sizeof(r->what), fmt, ap);
	va_end(ap);
	r->state = VERIFY_BROKEN;
	r->line = r->records;
}

static bool is_bad(const struct verify_report *r)
{
	return r->state == VERIFY_BROKEN || r->state == VERIFY_ERROR;
}

/* A journal that is whole in itself must be the one that the ledger knows.  What a ledger that is
 * broken itself does not know is no sign of anything. */
static void compare(struct ledger *l, const char *run_id, struct verify_report *r,
		    enum verify_state *state)
{
	const struct run *run =
		r->state == VERIFY_OK ? find_end(l, run_id, state) : find_run(l, run_id);

	if (is_bad(r))
		return;
	if (r->run_id[0] && strcmp(r->run_id, run_id) != 0)
		not_as_known(r, "it is the journal of %s", r->run_id);
	else if (run && run->head[0] && strcmp(run->head, r->head) != 0)
		not_as_known(r, "it ends at %.16s..., the ledger says %.16s...: "
				"its tail was cut or replaced", r->head, run->head);
	else if (r->state == VERIFY_OK && (!run || !run->head[0]) && !is_bad(&l->report))
		not_as_known(r, "the ledger does not know of its end");
}

static int journals_only(const struct dirent *e)
{
	const char *dot = strrchr(e->d_name, '.');

	return strncmp(e->d_name, "run_", 4) == 0 && dot && strcmp(dot, ".jsonl") == 0;
}

struct all {
	char *dir;
	struct ledger ledger;
	enum verify_state state; /* the worst so far */
	void (*each)(const char *path, const struct verify_report *r, void *arg);
	void *arg;
};

static void report(struct all *all, const char *path, const struct verify_report *r)
{
	all->each(path, r, all->arg);
	if (r->state > all->state)
		all->state = r->state;
}

static void verify_journal(struct all *all, char *file)
{
	autofree char *path = mem_printf("%s/%s", all->dir, file);
	struct verify_report r;

	*strrchr(file, '.') = '\0';
	verify_file(path, &r);
	compare(&all->ledger, file, &r, &all->state);
	report(all, path, &r);
}

static void verify_journals(struct all *all)
{
	struct dirent **names = NULL;
	int n = scandir(all->dir, &names, journals_only, alphasort);
	struct verify_report r = {0};

	if (n < 0 && errno != ENOENT) {
		cannot_read(&r, strerror(errno));
		report(all, all->dir, &r);
	}
	for (int i = 0; i < n; i++) {
		verify_journal(all, names[i]->d_name);
		free(names[i]);
	}
	free(names);
}

/* What the ledger knows of was written to a journal before. */
static void report_missing(struct all *all)
{
	for (size_t i = 0; i < all->ledger.n; i++) {
		const struct run *run = &all->ledger.v[i];
		autofree char *path = mem_printf("%s/%s.jsonl", all->dir, run->run_id);
		struct verify_report r = {0};

		if (access(path, F_OK) == 0)
			continue;
		memcpy(r.run_id, run->run_id, sizeof(run->run_id));
		not_as_known(&r, "the ledger says that this run %s; its journal is missing",
			     run->head[0] ? "ended" : "started");
		report(all, path, &r);
	}
}

/* Once, and not of each journal. */
static void say_incomparable(struct verify_report *ledger)
{
	size_t len = strlen(ledger->what);

	if (is_bad(ledger))
		snprintf(ledger->what + len, sizeof(ledger->what) - len,
			 "; journals that it would have named from there on cannot be compared");
}

enum verify_state verify_all(const char *log_dir,
			     void (*each)(const char *path, const struct verify_report *r,
					  void *arg),
			     void *arg)
{
	autofree char *ledger = mem_printf("%s/ledger.jsonl", log_dir);
	autofree char *dir = mem_printf("%s/journal", log_dir);
	struct all all = {.dir = dir, .ledger = {.path = ledger}, .each = each, .arg = arg};

	/* Before the journals: whatever run it knows of has one by then. */
	read_ledger(&all.ledger);
	say_incomparable(&all.ledger.report);
	report(&all, ledger, &all.ledger.report);
	verify_journals(&all);
	report_missing(&all);
	free(all.ledger.v);
	return all.state;
}
