/* SPDX-License-Identifier: Apache-2.0 */
/* warder agents: who there is, and how one becomes one. */
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/paths.h"
#include "base/suggest.h"
#include "cli/cli.h"
#include "gateway/url.h"
#include "inventory/agent.h"

enum { N_COLUMNS = 6 };

/* What the options say. */
struct request {
	struct agent agent; /* its strings are argv's */
	bool json;
	const char *config;
};

static int usage(const char *what, const char *which)
{
	fprintf(stderr, "warder: agents: %s%s\nwarder: see `warder agents --help`\n", what, which);
	return EXIT_USAGE;
}

static int failed(const struct fault *f, int status)
{
	fault_print(f);
	return status;
}

static int add(struct request *r, int argc, char **argv)
{
	struct agent *a = &r->agent;
	struct gateway gateway;
	struct fault f;

	if (argc != 1)
		return usage(argc == 0 ? "add: wants an ID" : "add: takes one ID only", "");
	a->id = argv[0];
	if (a->owner == NULL)
		return usage("add: wants --owner: one person answers for an agent", "");
	if (a->environment == NULL)
		return usage("add: wants --environment", "");
	if (a->profile == NULL)
		return usage("add: wants --profile", "");
	/* One that cannot be parsed would be found at the first start only. */
	if (agent_check(a, &f) < 0 || gateway_parse(a->gateway, &gateway, &f) < 0)
		return failed(&f, EXIT_USAGE);
	if (agent_save(r->config, a, false, &f) < 0)
		return failed(&f, EXIT_NO);
	if (r->json) {
		autofree char *text = agent_json(a, true);

		puts(text);
	} else {
		printf("registered %s in %s/agents.d/%s.json\n", a->id, r->config, a->id);
	}
	return EXIT_YES;
}

static void print_json(const struct agent *a)
{
	autofree char *text = agent_json(a, true);

	puts(text);
}

static void columns_of(const struct agent *a, const char *columns[N_COLUMNS])
{
	columns[0] = a->id;
	columns[1] = a->owner;
	columns[2] = a->environment;
	columns[3] = a->profile;
	columns[4] = agent_state_name(a->state);
	columns[5] = a->review_by ? a->review_by : "-";
}

static void print_row(const char *const columns[N_COLUMNS], const size_t widths[N_COLUMNS])
{
	for (size_t c = 0; c < N_COLUMNS - 1; c++)
		printf("%-*s  ", (int)widths[c], columns[c]);
	printf("%s\n", columns[N_COLUMNS - 1]);
}

static void print_table(struct agent *const *agents, size_t n)
{
	static const char *const heads[N_COLUMNS] = {"AGENT",   "OWNER", "ENVIRONMENT",
						     "PROFILE", "STATE", "REVIEW BY"};
	const char *columns[N_COLUMNS];
	size_t widths[N_COLUMNS];

	if (n == 0)
		return;
	for (size_t c = 0; c < N_COLUMNS; c++)
		widths[c] = strlen(heads[c]);
	for (size_t i = 0; i < n; i++) {
		columns_of(agents[i], columns);
		for (size_t c = 0; c < N_COLUMNS; c++)
			if (strlen(columns[c]) > widths[c])
				widths[c] = strlen(columns[c]);
	}
	print_row(heads, widths);
	for (size_t i = 0; i < n; i++) {
		columns_of(agents[i], columns);
		print_row(columns, widths);
	}
}

static void print_line(const char *name, const char *value)
{
	if (value != NULL)
		printf("%-16s%s\n", name, value);
}

static void print_whole(const struct agent *a)
{
	print_line("agent", a->id);
	print_line("owner", a->owner);
	print_line("environment", a->environment);
	print_line("purpose", a->purpose);
	print_line("profile", a->profile);
	print_line("gateway", a->gateway);
	print_line("model provider", a->model_provider);
	print_line("model", a->model);
	for (size_t i = 0; i < a->requesters.n; i++)
		print_line(i == 0 ? "requesters" : "", a->requesters.v[i]);
	print_line("review by", a->review_by);
	print_line("state", agent_state_name(a->state));
}

/* The ids that are asked for: those given, or all. */
static int ask_for(const struct request *r, int argc, char **argv, struct strlist *ids,
		   struct fault *f)
{
	if (argc == 0)
		return agent_list(r->config, ids, f);
	for (int i = 0; i < argc; i++)
		strlist_add(ids, argv[i]);
	return 0;
}

/* One that cannot be loaded is complained about; the others are still shown. */
static int print_agents(const struct request *r, const struct strlist *ids, bool whole)
{
	autofree struct agent **agents = mem_alloc(ids->n * sizeof(*agents));
	int status = EXIT_YES;
	size_t n = 0;

	for (size_t i = 0; i < ids->n; i++) {
		struct fault f;

		agents[n] = agent_load(r->config, ids->v[i], &f);
		if (agents[n] != NULL)
			n++;
		else
			status = failed(&f, EXIT_NO);
	}
	if (!r->json && !whole)
		print_table(agents, n);
	for (size_t i = 0; i < n; i++) {
		if (r->json)
			print_json(agents[i]);
		else if (whole)
			printf("%s", i ? "\n" : ""), print_whole(agents[i]);
		agent_free(agents[i]);
	}
	return status;
}

static int print_some(const struct request *r, int argc, char **argv, bool whole)
{
	struct strlist ids = {0};
	struct fault f;
	int status;

	if (ask_for(r, argc, argv, &ids, &f) < 0)
		status = failed(&f, EXIT_NO);
	else
		status = print_agents(r, &ids, whole);
	strlist_free(&ids);
	return status;
}

static int list(struct request *r, int argc, char **argv)
{
	return print_some(r, argc, argv, false);
}

static int show(struct request *r, int argc, char **argv)
{
	return print_some(r, argc, argv, true);
}

static const struct {
	const char *name;
	int (*run)(struct request *r, int argc, char **argv);
} actions[] = {
	{"add", add},
	{"list", list},
	{"show", show},
};

static int act(struct request *r, int argc, char **argv)
{
	struct suggestion s;

	if (argc == 0)
		return usage("wants one of add, list, show", "");
	s = (struct suggestion){.word = argv[0]};
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		if (strcmp(actions[i].name, argv[0]) == 0)
			return actions[i].run(r, argc - 1, argv + 1);
		suggest_consider(&s, actions[i].name);
	}
	fprintf(stderr, "warder: agents: no such action: %s", argv[0]);
	fprintf(stderr, s.best ? "; did you mean %s?\n" : "\n", s.best);
	return EXIT_USAGE;
}

int cmd_agents(int argc, char **argv)
{
	struct request r = {0};
	struct agent *a = &r.agent;
	const struct option options[] = {
		{"owner", OPTION_STRING, &a->owner, "OWNER", "add: the person who answers for it"},
		{"environment", OPTION_STRING, &a->environment, "NAME", "add: prod, test, ..."},
		{"profile", OPTION_STRING, &a->profile, "NAME|FILE", "add: what it may touch"},
		{"gateway", OPTION_STRING, &a->gateway, "URL", "add: its way out"},
		{"purpose", OPTION_STRING, &a->purpose, "TEXT", "add: what it is for"},
		{"model-provider", OPTION_STRING, &a->model_provider, "NAME", "add: for records"},
		{"model", OPTION_STRING, &a->model, "NAME", "add: for records"},
		{"review-by", OPTION_STRING, &a->review_by, "DATE", "add: last day it may start"},
		{"requester", OPTION_LIST, &a->requesters, "TYPE:ID",
		 "add: who may start it, a pattern; may be repeated"},
		{"json", OPTION_FLAG, &r.json, NULL, "one object a line"},
	};
	struct paths paths;
	struct fault f;
	int status, first = options_parse(cli_verb("agents"), options, ARRAY_SIZE(options), false,
					  argc, argv, &status);

	if (first < 0)
		return status;
	if (paths_init(&paths, &f) < 0)
		return failed(&f, EXIT_NO);
	r.config = paths.config;
	status = act(&r, argc - first, argv + first);
	strlist_free(&a->requesters);
	paths_free(&paths);
	return status;
}
