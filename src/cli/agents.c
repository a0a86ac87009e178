/* SPDX-License-Identifier: Apache-2.0 */
/* warder agents: who there is, and how one becomes one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/paths.h"
#include "base/suggest.h"
#include "cli/cli.h"
#include "cli/text.h"
#include "gateway/url.h"
#include "inventory/agent.h"
#include "inventory/revocation.h"
#include "policy/profile.h"

enum { N_COLUMNS = 6, NAME_COLUMN = 16 };

/* What the options say. */
struct request {
	struct agent agent; /* its strings are argv's */
	bool json;
	struct paths paths;
};

static int failed(const struct fault *f, int status)
{
	fault_print(f);
	return status;
}

static void print_json(const struct agent *a)
{
	autofree char *text = agent_json(a, true);

	puts(text);
}

/* Whether a run could have that profile. */
static int try_profile(const struct request *r, const char *name, struct fault *f)
{
	const struct profile_context ctx = {.config_dir = r->paths.config,
					    .share_dir = r->paths.share,
					    .check_gateway = gateway_check};
	struct profile *p = profile_load(name, &ctx, f);
	int rc = p ? profile_enforceable(p, false, f) : -1;

	profile_free(p);
	return rc;
}

/* A file is meant from where it was named, and the run may be anywhere; owned by the caller. */
static char *absolute_profile(const char *name)
{
	autofree char *cwd = getcwd(NULL, 0);

	if (name[0] == '/' || strchr(name, '/') == NULL || cwd == NULL)
		return mem_strdup(name);
	while (strncmp(name, "./", 2) == 0)
		name += 2 + strspn(name + 2, "/");
	return mem_printf("%s/%s", strcmp(cwd, "/") == 0 ? "" : cwd, name);
}

static int save(struct request *r, const struct agent *a)
{
	struct fault f;

	/* One that cannot be parsed would be found at the first start only. */
	if (agent_check(a, &f) < 0 || gateway_check(a->gateway, &f) < 0)
		return failed(&f, EXIT_USAGE);
	if (agent_save(r->paths.config, a, false, &f) < 0)
		return failed(&f, EXIT_NO);
	/* It may be written later; whoever mistyped it learns so now. */
	if (try_profile(r, a->profile, &f) < 0)
		fprintf(stderr, "warder: registered, but it cannot start yet: %s\n", f.what);
	if (r->json)
		print_json(a);
	else
		printf("registered %s in %s/agents.d/%s.json\n", a->id, r->paths.config, a->id);
	return EXIT_YES;
}

static int add(struct request *r, int argc, char **argv)
{
	struct agent *a = &r->agent;
	autofree char *profile = NULL;

	if (argc != 1)
		return options_usage("agents",
				     argc == 0 ? "add: wants an ID" : "add: takes one ID only");
	a->id = argv[0];
	if (a->owner == NULL)
		return options_usage("agents",
				     "add: wants --owner: one person answers for an agent");
	if (a->environment == NULL)
		return options_usage("agents", "add: wants --environment");
	if (a->profile == NULL)
		return options_usage("agents", "add: wants --profile");
	a->profile = profile = absolute_profile(a->profile);
	return save(r, a);
}

/* What counts when somebody wonders whether it can start: a revocation before all else.  f:
 * says more, where there is more to say. */
static const char *state_of(const struct request *r, const struct agent *a, struct fault *f)
{
	const struct revocation_key key = {a->id, a->owner, a->environment, NULL};
	char name[300], why[256];
	int revoked = revocation_check(r->paths.state, &key, name, why, f);

	if (revoked > 0)
		revocation_fault(a->id, name, why, f);
	if (revoked != 0)
		return "revoked";
	f->what[0] = '\0';
	if (a->state != AGENT_ACTIVE)
		return agent_state_name(a->state);
	if (agent_is_expired(a))
		return "expired";
	return try_profile(r, a->profile, f) < 0 ? "no profile" : agent_state_name(a->state);
}

static void print_table(const struct request *r, struct agent *const *agents, size_t n)
{
	static const char *const heads[N_COLUMNS] = {"AGENT",	"OWNER", "ENVIRONMENT",
						     "PROFILE", "STATE", "REVIEW BY"};
	autofree const char **cells = mem_alloc((n + 1) * sizeof(heads));

	if (n == 0)
		return;
	memcpy(cells, heads, sizeof(heads));
	for (size_t i = 0; i < n; i++) {
		const struct agent *a = agents[i];
		const char **row = &cells[(i + 1) * N_COLUMNS];
		struct fault f;

		row[0] = a->id;
		row[1] = a->owner;
		row[2] = a->environment;
		row[3] = a->profile;
		row[4] = state_of(r, a, &f);
		row[5] = a->review_by ? a->review_by : "-";
	}
	text_table(stdout, cells, n + 1, N_COLUMNS);
}

static void print_line(const char *name, const char *value)
{
	if (value == NULL)
		return;
	text_pad(stdout, name, NAME_COLUMN);
	text_print(stdout, value);
	putchar('\n');
}

static void print_whole(const struct request *r, const struct agent *a)
{
	struct fault f;

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
	print_line("state", state_of(r, a, &f));
	if (f.what[0] != '\0')
		print_line("", f.what);
}

/* The ids that are asked for: those given, or all. */
static int ask_for(const struct request *r, int argc, char **argv, struct strlist *ids,
		   struct fault *f)
{
	if (argc == 0)
		return agent_list(r->paths.config, ids, f);
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

		agents[n] = agent_load(r->paths.config, ids->v[i], &f);
		if (agents[n] != NULL)
			n++;
		else
			status = failed(&f, EXIT_NO);
	}
	if (!r->json && !whole)
		print_table(r, agents, n);
	for (size_t i = 0; i < n; i++) {
		if (!r->json && whole && i > 0)
			putchar('\n');
		if (r->json)
			print_json(agents[i]);
		else if (whole)
			print_whole(r, agents[i]);
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

/* What an editor does; the inventory is files, to be kept in Git. */
static const struct {
	const char *name, *instead;
} by_hand[] = {
	{"remove", "delete"}, {"delete", "delete"}, {"rm", "delete"},	{"edit", "edit"},
	{"update", "edit"},   {"modify", "edit"},   {"rename", "edit"}, {"set", "edit"},
};

static int unknown_action(const struct request *r, const struct suggestion *s, int argc,
			  char **argv)
{
	for (size_t i = 0; i < ARRAY_SIZE(by_hand); i++)
		if (strcmp(by_hand[i].name, argv[0]) == 0)
			return options_usage(
				"agents",
				"no such action: %s; an agent is its file: %s %s/agents.d/%s.json",
				argv[0], by_hand[i].instead, r->paths.config,
				argc > 1 && agent_id_valid(argv[1]) ? argv[1] : "ID");
	if (s->best)
		return options_usage("agents", "no such action: %s; did you mean %s?", argv[0],
				     s->best);
	return options_usage("agents", "no such action: %s", argv[0]);
}

static int act(struct request *r, int argc, char **argv)
{
	struct suggestion s;

	if (argc == 0)
		return options_usage("agents", "wants one of add, list, show");
	s = (struct suggestion){.word = argv[0]};
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		if (strcmp(actions[i].name, argv[0]) == 0)
			return actions[i].run(r, argc - 1, argv + 1);
		suggest_consider(&s, actions[i].name);
	}
	return unknown_action(r, &s, argc, argv);
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
	struct fault f;
	int status, first = options_parse(cli_verb("agents"), options, ARRAY_SIZE(options), false,
					  argc, argv, &status);

	if (first < 0)
		return status;
	if (paths_init(&r.paths, &f) < 0)
		return failed(&f, EXIT_NO);
	status = act(&r, argc - first, argv + first);
	strlist_free(&a->requesters);
	paths_free(&r.paths);
	return status;
}
