/* SPDX-License-Identifier: Apache-2.0 */
/* warder profile: is it right, and what does it come to? */
#include "policy/profile.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/paths.h"
#include "base/suggest.h"
#include "cli/cli.h"
#include "gateway/url.h"

struct request {
	bool json;
	struct profile_context ctx;
};

static int failed(const struct fault *f)
{
	fault_print(f);
	return EXIT_NO;
}

/* NULL where it is wrong in any way; the reason is printed. */
static struct profile *load(const struct request *r, const char *name)
{
	struct fault f;
	struct profile *p = profile_load(name, &r->ctx, &f);

	if (p == NULL)
		failed(&f);
	return p;
}

/* What is checked is a file where one is there, also without a slash in its name; and what
 * ends like one is meant as one. */
static bool is_file(const char *name)
{
	const char *dot = strrchr(name, '.');

	return strchr(name, '/') == NULL &&
	       (access(name, F_OK) == 0 || (dot && strcmp(dot, ".json") == 0));
}

static int check(const struct request *r, const char *name)
{
	autofree char *path = mem_printf("%s%s", is_file(name) ? "./" : "", name);
	struct profile *p = load(r, path);
	struct fault f;

	if (p == NULL)
		return EXIT_NO;
	/* As a run would refuse it; but who it is inside is only known then. */
	if (profile_enforceable(p, false, &f) < 0) {
		profile_free(p);
		return failed(&f);
	}
	if (r->json)
		printf("{\"profile\":\"%s\",\"hash\":\"%s\",\"ok\":true}\n", p->name, p->hash);
	else
		printf("%s: the profile \"%s\" is right\n", name, p->name);
	profile_free(p);
	return EXIT_YES;
}

static int show(const struct request *r, const char *name)
{
	struct profile *p = load(r, name);

	if (p == NULL)
		return EXIT_NO;
	autofree char *text = profile_show(p, r->json);

	puts(text);
	profile_free(p);
	return EXIT_YES;
}

static const struct {
	const char *name;
	int (*run)(const struct request *r, const char *name);
} actions[] = {
	{"check", check},
	{"show", show},
};

static int act(const struct request *r, int argc, char **argv)
{
	struct suggestion s;

	if (argc == 0)
		return options_usage("profile", "wants one of check, show");
	s = (struct suggestion){.word = argv[0]};
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		suggest_consider(&s, actions[i].name);
		if (strcmp(actions[i].name, argv[0]) != 0)
			continue;
		if (argc != 2)
			return options_usage("profile", "%s: wants one profile", argv[0]);
		return actions[i].run(r, argv[1]);
	}
	if (s.best)
		return options_usage("profile", "no such action: %s; did you mean %s?", argv[0],
				     s.best);
	return options_usage("profile", "no such action: %s", argv[0]);
}

int cmd_profile(int argc, char **argv)
{
	struct request r = {0};
	const struct option options[] = {
		{"json", OPTION_FLAG, &r.json, NULL, "one object on one line"},
	};
	struct paths paths;
	struct fault f;
	int status, first = options_parse(cli_verb("profile"), options, ARRAY_SIZE(options), false,
					  argc, argv, &status);

	if (first < 0)
		return status;
	if (paths_init(&paths, &f) < 0)
		return failed(&f);
	r.ctx = (struct profile_context){.config_dir = paths.config,
					 .share_dir = paths.share,
					 .check_gateway = gateway_check};
	status = act(&r, argc - first, argv + first);
	paths_free(&paths);
	return status;
}
