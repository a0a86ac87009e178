/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `warder log`: what agents did and tried, from the journals themselves, and from
 * the ledger what concerns no run; and whether anybody has changed it since.
 *
 * Each journal is in the order of time, and its name sorts by when its run began (a
 * ULID).  They are merged line by line; one is opened only when the merge comes to
 * its beginning, so that no more are open than runs went on at once.  For --follow
 * each is known by how far it was read, and read on when inotify(7) says that there
 * is more: between the rounds nothing is open.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/paths.h"
#include "base/suggest.h"
#include "cli/cli.h"
#include "cli/record_text.h"
#include "cli/runs.h"
#include "cli/text.h"
#include "record/record.h"
#include "record/verify.h"

enum {
	TIME_MAX = 64,
	ULID_TIME_CHARS = 10,
	/* --follow looks again after that time, whatever inotify says. */
	LOOK_MS = 1000,
};

/* A journal, or the ledger. */
struct book {
	char *path, *run_id;  /* run_id NULL: the ledger */
	char began[TIME_MAX]; /* nothing in it is older; "": not known */
	off_t at;	      /* what was read, in whole lines */
	bool ended;	      /* with its run.end */
	FILE *file;	      /* open while it takes part in a merge */
	char *line;
	size_t size, len;
	json_t *record; /* of line; NULL: there is none left */
};

struct log {
	const char *run, *agent, *decision, *tool;
	bool json, follow, colour;
	struct paths paths;
	char *dir; /* of the journals */
	struct book *books;
	size_t n;
};

/* --- one record ------------------------------------------------------------------------------ */

/* Of the ledger only what is not in a journal as well. */
static bool is_of_no_journal(json_t *record)
{
	return record_text_of(record, "run_id")[0] == '\0' ||
	       record_text_is(json_object_get(record, "detail"), "event", "run.killed");
}

static bool is_wanted(const struct log *l, const struct book *b, json_t *record)
{
	if (b->run_id == NULL && !is_of_no_journal(record))
		return false;
	return (!l->run ||
		strncmp(record_text_of(record, "run_id"), l->run, strlen(l->run)) == 0) &&
	       (!l->agent || record_text_is(record, "agent_id", l->agent)) &&
	       (!l->decision || record_text_is(record, "policy_decision", l->decision)) &&
	       (!l->tool || record_text_is(record, "tool", l->tool));
}

/* --- one book -------------------------------------------------------------------------------- */

static bool is_end(json_t *record)
{
	return record_text_is(record, "phase", "lifecycle") &&
	       record_text_is(json_object_get(record, "detail"), "event", "run.end");
}

static void close_book(struct book *b)
{
	if (b->file)
		fclose(b->file);
	free(b->line);
	json_decref(b->record);
	b->file = NULL;
	b->line = NULL;
	b->size = 0;
	b->record = NULL;
}

/* The next line that is whole and a record; closed where there is none left. */
static void next_record(struct book *b)
{
	json_decref(b->record);
	b->record = NULL;
	while (b->record == NULL) {
		ssize_t n = getline(&b->line, &b->size, b->file);

		/* What has no end yet is read again when it has. */
		if (n <= 0 || b->line[n - 1] != '\n') {
			close_book(b);
			return;
		}
		b->at += n;
		b->len = (size_t)n;
		b->record = json_loadb(b->line, b->len, JSON_REJECT_DUPLICATES, NULL);
		if (b->record == NULL)
			fprintf(stderr, "warder: log: %s: not a record: see `warder log verify`\n",
				b->path);
	}
	b->ended |= b->run_id && is_end(b->record);
}

static void open_book(struct book *b)
{
	b->file = fopen(b->path, "re");
	if (b->file == NULL || fseeko(b->file, b->at, SEEK_SET) < 0) {
		/* That there is no ledger yet is no news. */
		if (b->run_id || errno != ENOENT)
			fprintf(stderr, "warder: log: %s: %s\n", b->path, strerror(errno));
		close_book(b);
		return;
	}
	next_record(b);
}

static bool has_more(const struct book *b)
{
	struct stat st;

	return !b->ended && stat(b->path, &st) == 0 && st.st_size > b->at;
}

/* When the run began, by its id: 48 bits of milliseconds in Crockford's base32. */
static void began_text(const char *run_id, char out[TIME_MAX])
{
	static const char crockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	uint64_t ms = 0;
	struct tm tm;
	time_t t;
	size_t n;

	out[0] = '\0';
	for (int i = 0; i < ULID_TIME_CHARS; i++) {
		char c = run_id[4 + i];
		const char *digit = c ? strchr(crockford, c) : NULL;

		if (digit == NULL)
			return;
		ms = ms << 5 | (uint64_t)(digit - crockford);
	}
	t = (time_t)(ms / 1000);
	if (gmtime_r(&t, &tm) == NULL)
		return;
	n = strftime(out, TIME_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, TIME_MAX - n, ".%03u000Z", (unsigned int)(ms % 1000));
}

/* --- which books ----------------------------------------------------------------------------- */

static void add_book(struct log *l, const char *path, const char *run_id)
{
	struct book *b;

	l->books = mem_grow(l->books, l->n + 1, sizeof(*l->books));
	b = &l->books[l->n++];
	*b = (struct book){.path = mem_strdup(path), .run_id = run_id ? mem_strdup(run_id) : NULL};
	if (run_id)
		began_text(run_id, b->began);
}

static bool is_known(const struct log *l, const char *run_id)
{
	for (size_t i = l->n; i > 0; i--) /* the newest are the likeliest */
		if (l->books[i - 1].run_id && strcmp(l->books[i - 1].run_id, run_id) == 0)
			return true;
	return false;
}

static int journals_only(const struct dirent *e)
{
	const char *dot = strrchr(e->d_name, '.');

	return strncmp(e->d_name, "run_", 4) == 0 && dot && strcmp(dot, ".jsonl") == 0;
}

/* Adds those that are not known yet.  --run: the whole id, or its beginning. */
static void add_journals(struct log *l)
{
	struct dirent **names = NULL;
	int n = scandir(l->dir, &names, journals_only, alphasort);

	for (int i = 0; i < n; i++) {
		autofree char *path = mem_printf("%s/%s", l->dir, names[i]->d_name);
		char *id = names[i]->d_name;

		*strrchr(id, '.') = '\0';
		if ((!l->run || strncmp(id, l->run, strlen(l->run)) == 0) && !is_known(l, id))
			add_book(l, path, id);
		free(names[i]);
	}
	if (n < 0 && errno != ENOENT)
		fprintf(stderr, "warder: log: %s: %s\n", l->dir, strerror(errno));
	free(names);
}

/* --run last: the one that began last, and from then on that one. */
static void find_last(struct log *l)
{
	if (l->run == NULL || strcmp(l->run, "last") != 0)
		return;
	l->run = "";
	add_journals(l);
	for (size_t i = 0; i + 1 < l->n; i++) {
		free(l->books[i].path);
		free(l->books[i].run_id);
	}
	if (l->n > 1)
		l->books[0] = l->books[l->n - 1];
	l->n = l->n > 0;
	l->run = l->n ? l->books[0].run_id : "last";
}

/* --- the merge ------------------------------------------------------------------------------- */

static struct book *oldest(const struct log *l)
{
	struct book *found = NULL;

	for (size_t i = 0; i < l->n; i++) {
		struct book *b = &l->books[i];

		if (b->record && (!found || strcmp(record_text_of(b->record, "timestamp"),
						   record_text_of(found->record, "timestamp")) < 0))
			found = b;
	}
	return found;
}

/* Of the terminal, which may change; 0: there is none, and so no line is cut. */
static size_t width(void)
{
	struct winsize w;

	return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 ? w.ws_col : 0;
}

static void show(const struct log *l, const struct book *b)
{
	if (!is_wanted(l, b, b->record))
		return;
	if (l->json)
		fwrite(b->line, 1, b->len, stdout);
	else
		record_text_print(b->record, l->colour, width());
}

static void open_if_more(struct book *b)
{
	if (b->file == NULL && has_more(b))
		open_book(b);
}

/* All that there is now and was not shown yet, in the order of time. */
static void show_new(struct log *l)
{
	size_t next = 0;

	for (size_t i = 0; i < l->n; i++)
		if (l->books[i].began[0] == '\0')
			open_if_more(&l->books[i]);
	while (!ferror(stdout)) {
		struct book *b = oldest(l);
		const char *now = b ? record_text_of(b->record, "timestamp") : NULL;

		if (next < l->n && (now == NULL || strcmp(l->books[next].began, now) <= 0)) {
			open_if_more(&l->books[next++]);
			continue;
		}
		if (b == NULL)
			return;
		show(l, b);
		next_record(b);
	}
}

/* --- following ------------------------------------------------------------------------------- */

/* A run that crashed has no run.end to wait for. */
static bool is_alive(const struct log *l, const char *run_id)
{
	struct run_list runs;
	struct fault f;
	bool alive = false;

	if (runs_read(l->paths.runtime, &runs, &f) < 0)
		return true;
	for (size_t i = 0; i < runs.n; i++)
		if (strcmp(runs.v[i].id, run_id) == 0)
			alive = runs.v[i].life != RUN_DEAD;
	runs_free(&runs);
	return alive;
}

/* Without --run there is always more to come. */
static bool is_over(const struct log *l, bool quiet)
{
	for (size_t i = 0; l->run && i < l->n; i++) {
		const struct book *b = &l->books[i];

		if (b->run_id && !b->ended && (!quiet || has_more(b) || is_alive(l, b->run_id)))
			return false;
	}
	return l->run != NULL;
}

/* Where a directory is not there yet, or has no inotify, there is still the slow look. */
static void watch_books(const struct log *l, int watch)
{
	static const uint32_t mask = IN_CREATE | IN_MODIFY | IN_MOVED_TO;

	inotify_add_watch(watch, l->dir, mask);
	inotify_add_watch(watch, l->paths.log, mask);
}

static void follow(struct log *l)
{
	autofd int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	bool quiet = false;

	for (;;) {
		struct pollfd pfd = {.fd = watch, .events = POLLIN};
		char events[4096];

		watch_books(l, watch);
		add_journals(l);
		show_new(l);
		if (fflush(stdout) != 0 || is_over(l, quiet))
			return;
		quiet = poll(&pfd, 1, LOOK_MS) == 0;
		while (watch >= 0 && read(watch, events, sizeof(events)) > 0)
			;
	}
}

/* --------------------------------------------------------------------------------------------- */

static bool want_colour(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && (no == NULL || no[0] == '\0') && term != NULL &&
	       strcmp(term, "dumb") != 0;
}

static int print(struct log *l)
{
	autofree char *ledger = mem_printf("%s/ledger.jsonl", l->paths.log);

	l->dir = mem_printf("%s/journal", l->paths.log);
	l->colour = want_colour();
	find_last(l);
	add_journals(l);
	if (l->run && l->n == 0) {
		fprintf(stderr, "warder: log: no run %s in %s\n", l->run, l->dir);
		return EXIT_NO;
	}
	add_book(l, ledger, NULL);
	if (l->follow)
		follow(l);
	else
		show_new(l);
	return EXIT_YES;
}

static void log_free(struct log *l)
{
	for (size_t i = 0; i < l->n; i++) {
		close_book(&l->books[i]);
		free(l->books[i].path);
		free(l->books[i].run_id);
	}
	free(l->books);
	free(l->dir);
	paths_free(&l->paths);
}

/* A filter that is misspelt would show nothing, which reads as "nothing happened". */
static int check_decision(const char *decision)
{
	static const char *const known[] = {"allowed", "denied", "approved", "observed"};
	struct suggestion s = {.word = decision};

	if (decision == NULL)
		return EXIT_YES;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strcmp(known[i], decision) == 0)
			return EXIT_YES;
		suggest_consider(&s, known[i]);
	}
	return options_usage("log", "--decision: one of allowed, denied, approved, observed%s%s",
			     s.best ? "; did you mean " : "", s.best ? s.best : "");
}

/* --- verify ---------------------------------------------------------------------------------- */

static const char *const state_names[] = {
	[VERIFY_OK] = "ok",	    [VERIFY_RUNNING] = "running", [VERIFY_CRASHED] = "crashed",
	[VERIFY_BROKEN] = "broken", [VERIFY_ERROR] = "error",
};

struct verifying {
	bool json, verbose;
	unsigned long long records;
	unsigned int files, states[ARRAY_SIZE(state_names)];
};

static void report_text(const char *path, const struct verify_report *r)
{
	printf("%-8s %6llu records  ", state_names[r->state], (unsigned long long)r->records);
	text_print(stdout, path);
	if (r->what[0]) {
		printf("  ");
		text_print(stdout, r->what);
	}
	putchar('\n');
}

static void report_json(const char *path, const struct verify_report *r)
{
	json_t *o = json_pack("{s:s, s:s, s:I, s:I, s:I, s:s, s:s, s:s}", "file", path, "state",
			      state_names[r->state], "records", (json_int_t)r->records, "line",
			      (json_int_t)r->line, "torn_bytes", (json_int_t)r->torn_bytes, "head",
			      r->head, "run_id", r->run_id, "what", r->what);
	char *text = json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII);

	printf("%s\n", text ? text : "{}");
	free(text);
	json_decref(o);
}

/* What is in order is only counted. */
static void report(const char *path, const struct verify_report *r, void *arg)
{
	struct verifying *v = arg;

	v->files++;
	v->records += r->records;
	v->states[r->state]++;
	if (v->json)
		report_json(path, r);
	else if (v->verbose || r->state != VERIFY_OK)
		report_text(path, r);
}

/* "3 files, 41 records: 2 ok, 1 crashed" */
static void sum_up(const struct verifying *v)
{
	const char *before = ": ";

	printf("%u file%s, %llu records", v->files, v->files == 1 ? "" : "s", v->records);
	for (size_t i = 0; i < ARRAY_SIZE(state_names); i++) {
		if (v->states[i] == 0)
			continue;
		printf("%s%u %s", before, v->states[i], state_names[i]);
		before = ", ";
	}
	putchar('\n');
}

/* No other verb has an option of one letter. */
static void spell_out(int argc, char **argv)
{
	static char verbose[] = "--verbose";

	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "-v") == 0)
			argv[i] = verbose;
}

static int verify(int argc, char **argv)
{
	struct verifying v = {0};
	const struct option options[] = {
		{"json", OPTION_FLAG, &v.json, NULL, "one object a line, of every file"},
		{"verbose", OPTION_FLAG, &v.verbose, NULL, "also what is in order; or -v"},
	};
	static const int exits[] = {
		[VERIFY_OK] = EXIT_YES,
		[VERIFY_RUNNING] = EXIT_YES,
		[VERIFY_CRASHED] = EXIT_YES,
		[VERIFY_BROKEN] = EXIT_NO,
		[VERIFY_ERROR] = EXIT_USAGE,
	};
	enum verify_state state = VERIFY_OK;
	struct verify_report r;
	struct paths paths;
	struct fault f;
	int status, first;

	spell_out(argc, argv);
	first = options_parse(cli_verb("log"), options, ARRAY_SIZE(options), false, argc, argv,
			      &status);
	if (first < 0)
		return status;
	for (int i = first; i < argc; i++) {
		verify_file(argv[i], &r);
		report(argv[i], &r, &v);
		if (r.state > state)
			state = r.state;
	}
	if (first == argc) {
		if (paths_init(&paths, &f) < 0) {
			fault_print(&f);
			return EXIT_NO;
		}
		state = verify_all(paths.log, report, &v);
		paths_free(&paths);
	}
	if (!v.json)
		sum_up(&v);
	return exits[state];
}

int cmd_log(int argc, char **argv)
{
	struct log l = {0};
	const struct option options[] = {
		{"run", OPTION_STRING, &l.run, "RUN", "of one run: its id, its beginning, or last"},
		{"agent", OPTION_STRING, &l.agent, "ID", "of one agent"},
		{"decision", OPTION_STRING, &l.decision, "D",
		 "allowed, denied, approved or observed"},
		{"tool", OPTION_STRING, &l.tool, "TOOL", "connect, exec, file, ..."},
		{"json", OPTION_FLAG, &l.json, NULL, "the records themselves, one a line"},
		{"follow", OPTION_FLAG, &l.follow, NULL, "go on as more is written"},
	};
	struct fault f;
	int status, first;

	if (argc > 1 && strcmp(argv[1], "verify") == 0)
		return verify(argc - 1, argv + 1);
	first = options_parse(cli_verb("log"), options, ARRAY_SIZE(options), false, argc, argv,
			      &status);
	if (first < 0)
		return status;
	if (first < argc)
		return options_usage("log", "no such thing to do: %s", argv[first]);
	status = check_decision(l.decision);
	if (status != EXIT_YES)
		return status;
	if (paths_init(&l.paths, &f) < 0) {
		fault_print(&f);
		return EXIT_NO;
	}
	signal(SIGPIPE, SIG_DFL); /* `| head` ends it */
	status = print(&l);
	log_free(&l);
	return status;
}
