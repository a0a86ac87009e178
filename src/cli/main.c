/* SPDX-License-Identifier: Apache-2.0 */
/* The table of verbs, which also prints the usage, and the way into them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/suggest.h"
#include "cli/cli.h"

#define WHOM "AGENT|--owner O|--environment E|--all"

/* clang-format off */
static const struct verb verbs[] = {
	{"run", cmd_run, "--agent ID [options] -- COMMAND [ARG...]",
	 "run an agent's command in its sandbox"},
	{"ps", cmd_ps, "[--json]", "the runs that are going on"},
	{"kill", cmd_kill, "RUN [--why TEXT] [--json]", "end one run"},
	{"revoke", cmd_revoke, WHOM " [--why TEXT] [--json]",
	 "end an agent everywhere here, and keep it from starting"},
	{"reinstate", cmd_reinstate, WHOM " [--why TEXT]", "take a revocation back"},
	{"log", cmd_log, "[verify [FILE...]] [options]",
	 "what agents did and tried; whether that was changed"},
	{"agents", cmd_agents, "add|list|show [ID] [options]",
	 "the inventory: who may run at all"},
	{"profile", cmd_profile, "check FILE | show NAME", "what an agent may touch"},
	{"requests", cmd_requests, "[--json]", "what waits for an approval; in this version nothing does"},
	{"approve", cmd_approve, "ID", "let a request pass; in this version none waits"},
	{"deny", cmd_deny, "ID [--why TEXT]", "refuse a request; in this version none waits"},
	{"doctor", cmd_doctor, "[--json]", "which walls this machine can have"},
	{"version", cmd_version, "[--json]", "which warder this is"},
};
/* clang-format on */

static void print_usage(FILE *to)
{
	fputs("usage: warder VERB [options] [-- command...]\n\n"
	      "Runs AI agents as identities: least privilege, one door to the network,\n"
	      "a record of everything, and a switch that ends it.\n\n",
	      to);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		fprintf(to, "  %-10s  %s\n", verbs[i].name, verbs[i].help);
	fputs("\n`warder VERB --help` has the options of each; see also warder(1).\n", to);
}

const struct verb *cli_verb(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

static int unknown_verb(const char *name)
{
	struct suggestion s = {.word = name};

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		suggest_consider(&s, verbs[i].name);
	fprintf(stderr, "warder: no such verb: %s\n", name);
	if (s.best)
		fprintf(stderr, "warder: did you mean `warder %s`?\n", s.best);
	else
		fputs("warder: see `warder --help`\n", stderr);
	return EXIT_USAGE;
}

int cmd_version(int argc, char **argv)
{
	static bool json;
	static const struct option options[] = {
		{"json", OPTION_FLAG, &json, NULL, "as one line of JSON"},
	};
	int status;
	int first = options_parse(cli_verb("version"), options, ARRAY_SIZE(options), false, argc,
				  argv, &status);

	if (first < 0)
		return status;
	if (first < argc)
		return options_usage("version", "takes no argument: %s", argv[first]);
	printf(json ? "{\"name\":\"warder\",\"version\":\"%s\"}\n" : "warder %s\n",
	       PACKAGE_VERSION);
	return EXIT_YES;
}

/* A descriptor that warder opens must never become somebody's stdin, stdout
 * or stderr: whichever of them is closed gets /dev/null first. */
static int hold_standard_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
		if (fd < 0) {
			fprintf(stderr, "warder: cannot open /dev/null: %s\n", strerror(errno));
			return -1;
		}
	} while (fd <= STDERR_FILENO);
	close(fd);
	return 0;
}

/* An answer that could not be written whole was not given. */
static int flushed(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	fprintf(stderr, "warder: cannot write the output: %s\n", strerror(errno));
	return status == EXIT_YES ? EXIT_NO : status;
}

static bool is_help(const char *name)
{
	return strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0;
}

/* `warder help`, and `warder help VERB`, which is `warder VERB --help`. */
static int help(int argc, char **argv)
{
	static char option[] = "--help";
	const struct verb *verb;

	if (argc == 0) {
		print_usage(stdout);
		return EXIT_YES;
	}
	verb = cli_verb(argv[0]);
	if (verb == NULL)
		return unknown_verb(argv[0]);
	return verb->run(2, (char *[]){argv[0], option, NULL});
}

int cli_main(int argc, char **argv)
{
	const struct verb *verb;
	const char *name;

	if (hold_standard_fds() < 0)
		return EXIT_NOT_STARTED;
	if (argc < 2) {
		print_usage(stderr);
		return EXIT_USAGE;
	}
	name = argv[1];
	if (is_help(name))
		return flushed(help(argc - 2, argv + 2));
	if (strcmp(name, "--version") == 0)
		name = "version";
	verb = cli_verb(name);
	if (verb == NULL)
		return unknown_verb(name);
	return flushed(verb->run(argc - 1, argv + 1));
}
