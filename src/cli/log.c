/* SPDX-License-Identifier: Apache-2.0 */
/* `warder log`: what agents did and tried, from the journals themselves; and whether
 * anybody has changed it since. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/paths.h"
#include "cli/cli.h"
#include "cli/text.h"
#include "record/record.h"
#include "record/verify.h"

struct log_options {
	const char *run, *agent, *decision, *tool;
	bool json, follow;
};

/* --- one record ------------------------------------------------------------------------------- */

static const char *string_of(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static bool wanted(const struct log_options *o, json_t *record)
{
	const struct {
		const char *want, *key;
	} filters[] = {
		{o->agent, "agent_id"}, {o->decision, "policy_decision"}, {o->tool, "tool"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(filters); i++)
		if (filters[i].want && strcmp(filters[i].want, string_of(record, filters[i].key)) != 0)
			return false;
	return true;
}

static void print_time(json_t *record)
{
	struct tm tm = {0};
	char local[32];
	time_t t;

	if (strptime(string_of(record, "timestamp"), "%Y-%m-%dT%H:%M:%S", &tm) == NULL) {
		text_print(stdout, string_of(record, "timestamp"));
		return;
	}
	t = timegm(&tm);
	localtime_r(&t, &tm);
	strftime(local, sizeof(local), "%F %T", &tm);
	fputs(local, stdout);
}

/* What catches the eye: a denial in capitals; of an outcome what came of it. */
static void print_word(json_t *record)
{
	const char *phase = string_of(record, "phase");
	const char *decision = string_of(record, "policy_decision");
	const char *result = string_of(record, "result");

	if (strcmp(phase, "finding") == 0)
		printf("%-8s", "FINDING");
	else if (strcmp(decision, "denied") == 0)
		printf("%-8s", "DENIED");
	else if (strcmp(phase, "outcome") == 0)
		printf("%-8s", result);
	else
		printf("%-8s", decision);
}

static void print_lifecycle(json_t *record)
{
	json_t *detail = json_object_get(record, "detail");
	static const char *const shown[] = {"profile", "gateway", "reason", "why"};

	printf("  %s", string_of(detail, "event"));
	for (size_t i = 0; i < ARRAY_SIZE(shown); i++) {
		const char *value = string_of(detail, shown[i]);

		if (value[0] == '\0')
			continue;
		printf("  %s ", shown[i]);
		text_print(stdout, value);
	}
	if (json_object_get(detail, "exit_code"))
		printf("  exit %lld",
		       (long long)json_integer_value(json_object_get(detail, "exit_code")));
}

static void print_text(json_t *record)
{
	json_int_t attempt = json_integer_value(json_object_get(record, "attempt"));
	const char *reason = string_of(record, "reason"), *rule = string_of(record, "rule");
	const char *error = string_of(record, "errno");

	print_time(record);
	printf("  ");
	text_print(stdout, string_of(record, "agent_id"));
	printf("  ");
	print_word(record);
	printf(" %-8s ", string_of(record, "tool"));
	text_print(stdout, string_of(record, "resource"));
	if (attempt > 1)
		printf("  attempt %lld", (long long)attempt);
	if (strcmp(string_of(record, "phase"), "lifecycle") == 0)
		print_lifecycle(record);
	else if (reason[0] && strcmp(string_of(record, "policy_decision"), "allowed") != 0) {
		printf("  ");
		text_print(stdout, reason);
		if (rule[0]) {
			printf(" (");
			text_print(stdout, rule);
			putchar(')');
		}
	}
	if (error[0] && strcmp(string_of(record, "phase"), "outcome") == 0)
		printf("  %s", error);
	putchar('\n');
}

static void show(const struct log_options *o, const char *line, size_t len)
{
	json_t *record = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);

	if (record == NULL) {
		fprintf(stderr, "warder: log: a line that is no record: see `warder log verify`\n");
		return;
	}
	if (wanted(o, record)) {
		if (o->json)
			printf("%.*s\n", (int)len, line);
		else
			print_text(record);
	}
	json_decref(record);
}

/* --- one journal -------------------------------------------------------------------------------- */

struct reader {
	char *path;
	int fd;
	char *buf; /* the beginning of a line that has not ended yet */
	size_t have;
	bool ended;
};

static bool says_end(const char *line, size_t len)
{
	return memmem(line, len, "\"event\":\"run.end\"", 17) &&
	       memmem(line, len, "\"phase\":\"lifecycle\"", 19);
}

/* What has been added since; only whole lines are shown. */
static void read_more(struct reader *r, const struct log_options *o)
{
	ssize_t n;

	do {
		char *start = r->buf, *end;

		n = TEMP_FAILURE_RETRY(read(r->fd, r->buf + r->have, RECORD_LINE_MAX - r->have));
		r->have += n > 0 ? (size_t)n : 0;
		while ((end = memchr(start, '\n', r->have - (size_t)(start - r->buf)))) {
			show(o, start, (size_t)(end - start));
			r->ended |= says_end(start, (size_t)(end - start));
			start = end + 1;
		}
		r->have -= (size_t)(start - r->buf);
		memmove(r->buf, start, r->have);
		if (r->have == RECORD_LINE_MAX)
			r->have = 0; /* no record is that long */
	} while (n > 0);
}

static bool reader_open(struct reader *r, const char *path)
{
	*r = (struct reader){.fd = open(path, O_RDONLY | O_CLOEXEC)};
	if (r->fd < 0) {
		fprintf(stderr, "warder: log: %s: %s\n", path, strerror(errno));
		return false;
	}
	r->path = mem_strdup(path);
	r->buf = mem_alloc(RECORD_LINE_MAX);
	return true;
}

static void reader_close(struct reader *r)
{
	fd_close(&r->fd);
	free(r->path);
	free(r->buf);
}

/* --- which journals ------------------------------------------------------------------------------ */

static int journals_only(const struct dirent *e)
{
	const char *dot = strrchr(e->d_name, '.');

	return strncmp(e->d_name, "run_", 4) == 0 && dot && strcmp(dot, ".jsonl") == 0;
}

/* The ids sort by time.  --run: the whole id, its beginning, or "last". */
static int select_journals(const char *dir, const char *run, struct strlist *paths)
{
	struct dirent **names = NULL;
	int n = scandir(dir, &names, journals_only, alphasort);
	bool last = run && strcmp(run, "last") == 0;

	for (int i = 0; i < n; i++) {
		autofree char *path = mem_printf("%s/%s", dir, names[i]->d_name);
		bool match = run == NULL || (last ? i == n - 1 : strncmp(names[i]->d_name, run,
								       strlen(run)) == 0);

		if (match)
			strlist_add(paths, path);
		free(names[i]);
	}
	free(names);
	return paths->n > 0 ? 0 : -1;
}

static int none_found(const struct log_options *o, const char *dir)
{
	if (o->run)
		fprintf(stderr, "warder: log: no run %s in %s\n", o->run, dir);
	else
		fprintf(stderr, "warder: log: no journals in %s\n", dir);
	return EXIT_NO;
}

/* --- following ------------------------------------------------------------------------------------ */

enum { FOLLOW_MAX = 1024, TICK_MS = 1000 }; /* journals at once; further ones are not followed */

static bool follows(const struct reader *readers, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(readers[i].path, path) == 0)
			return true;
	return false;
}

static void add_new(const struct log_options *o, const char *dir, struct reader *readers, size_t *n)
{
	struct strlist paths = {0};

	select_journals(dir, o->run, &paths);
	for (size_t i = 0; i < paths.n && *n < FOLLOW_MAX; i++)
		if (!follows(readers, *n, paths.v[i]) && reader_open(&readers[*n], paths.v[i]))
			++*n;
	strlist_free(&paths);
}

/* Until the one run has ended; without --run for ever. */
static int follow(const struct log_options *o, const char *dir)
{
	struct reader *readers = mem_alloc(FOLLOW_MAX * sizeof(*readers));
	autofd int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	bool over = false;
	size_t n = 0;

	if (watch < 0 || inotify_add_watch(watch, dir, IN_CREATE | IN_MODIFY) < 0) {
		fprintf(stderr, "warder: log: %s: %s\n", dir, strerror(errno));
		free(readers);
		return EXIT_NO;
	}
	while (!over && !ferror(stdout)) {
		struct pollfd pfd = {.fd = watch, .events = POLLIN};
		char events[4096];

		add_new(o, dir, readers, &n);
		over = o->run && n > 0;
		for (size_t i = 0; i < n; i++) {
			read_more(&readers[i], o);
			over &= readers[i].ended;
		}
		fflush(stdout);
		if (over)
			break;
		poll(&pfd, 1, TICK_MS);
		while (read(watch, events, sizeof(events)) > 0)
			;
	}
	for (size_t i = 0; i < n; i++)
		reader_close(&readers[i]);
	free(readers);
	return EXIT_YES;
}

static int print(const struct log_options *o, const char *log_dir)
{
	autofree char *dir = mem_printf("%s/journal", log_dir);
	struct strlist paths = {0};

	if (o->follow)
		return follow(o, dir);
	if (select_journals(dir, o->run, &paths) < 0)
		return none_found(o, dir);
	for (size_t i = 0; i < paths.n && !ferror(stdout); i++) {
		struct reader r;

		if (!reader_open(&r, paths.v[i]))
			continue;
		read_more(&r, o);
		reader_close(&r);
	}
	strlist_free(&paths);
	return EXIT_YES;
}

/* --- verify ---------------------------------------------------------------------------------------- */

static const char *const state_names[] = {
	[VERIFY_OK] = "ok",           [VERIFY_RUNNING] = "running", [VERIFY_CRASHED] = "crashed",
	[VERIFY_BROKEN] = "broken",   [VERIFY_ERROR] = "error",
};

static void report(const char *path, const struct verify_report *r, void *arg)
{
	const bool *json = arg;
	json_t *o;
	char *text;

	if (!*json) {
		printf("%-8s %6llu records  ", state_names[r->state], (unsigned long long)r->records);
		text_print(stdout, path);
		if (r->what[0]) {
			printf("  ");
			text_print(stdout, r->what);
		}
		putchar('\n');
		return;
	}
	o = json_pack("{s:s, s:s, s:I, s:I, s:I, s:s, s:s, s:s}", "file", path, "state",
		      state_names[r->state], "records", (json_int_t)r->records, "line",
		      (json_int_t)r->line, "torn_bytes", (json_int_t)r->torn_bytes, "head", r->head,
		      "run_id", r->run_id, "what", r->what);
	text = json_dumps(o, JSON_COMPACT);
	printf("%s\n", text ? text : "{}");
	free(text);
	json_decref(o);
}

static int verify(int argc, char **argv)
{
	bool json = false;
	const struct option options[] = {
		{"json", OPTION_FLAG, &json, NULL, "one object a line"},
	};
	static const int exits[] = {
		[VERIFY_OK] = EXIT_YES, [VERIFY_RUNNING] = EXIT_YES, [VERIFY_CRASHED] = EXIT_YES,
		[VERIFY_BROKEN] = EXIT_NO, [VERIFY_ERROR] = EXIT_USAGE,
	};
	enum verify_state state = VERIFY_OK;
	struct verify_report r;
	struct paths paths;
	struct fault f;
	int status, first = options_parse(cli_verb("log"), options, ARRAY_SIZE(options), false, argc,
					  argv, &status);

	if (first < 0)
		return status;
	for (int i = first; i < argc; i++) {
		verify_file(argv[i], &r);
		report(argv[i], &r, &json);
		if (r.state > state)
			state = r.state;
	}
	if (first < argc)
		return exits[state];
	if (paths_init(&paths, &f) < 0) {
		fault_print(&f);
		return EXIT_USAGE;
	}
	state = verify_all(paths.log, report, &json);
	paths_free(&paths);
	return exits[state];
}

int cmd_log(int argc, char **argv)
{
	struct log_options o = {0};
	const struct option options[] = {
		{"run", OPTION_STRING, &o.run, "R", "of one run: its id, its beginning, or last"},
		{"agent", OPTION_STRING, &o.agent, "A", "of one agent"},
		{"decision", OPTION_STRING, &o.decision, "D", "allowed, denied, approved or observed"},
		{"tool", OPTION_STRING, &o.tool, "T", "connect, exec, file, ..."},
		{"json", OPTION_FLAG, &o.json, NULL, "the records themselves, one a line"},
		{"follow", OPTION_FLAG, &o.follow, NULL, "go on as more is written"},
	};
	struct paths paths;
	struct fault f;
	int status, first;

	if (argc > 1 && strcmp(argv[1], "verify") == 0)
		return verify(argc - 1, argv + 1);
	first = options_parse(cli_verb("log"), options, ARRAY_SIZE(options), false, argc, argv,
			      &status);
	if (first < 0)
		return status;
	if (first < argc) {
		fprintf(stderr, "warder: log: no such thing to do: %s\nwarder: see `warder log --help`\n",
			argv[first]);
		return EXIT_USAGE;
	}
	if (paths_init(&paths, &f) < 0) {
		fault_print(&f);
		return EXIT_USAGE;
	}
	signal(SIGPIPE, SIG_DFL); /* `| head` ends it */
	status = print(&o, paths.log);
	paths_free(&paths);
	return status;
}
