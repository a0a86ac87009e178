/* SPDX-License-Identifier: Apache-2.0 */
/*
 * warder requests, approve and deny: what waits for a person.
 *
 * This version asks nobody: "ask" in a profile is a denial, recorded and answered at
 * once.  So nothing ever waits, and there is no id that could be answered.
 */
#include <stdio.h>

#include "cli/cli.h"

int cmd_requests(int argc, char **argv)
{
	bool json = false; /* an empty list is the same either way */
	const struct option options[] = {
		{"json", OPTION_FLAG, &json, NULL, "one object a line"},
	};
	int status, first = options_parse(cli_verb("requests"), options, ARRAY_SIZE(options), false,
					  argc, argv, &status);

	if (first < 0)
		return status;
	if (first < argc)
		return options_usage("requests", "takes no argument: %s", argv[first]);
	return EXIT_YES;
}

static int no_such_request(const char *verb, const struct option *options, size_t n_options,
			   int argc, char **argv)
{
	int status, first = options_parse(cli_verb(verb), options, n_options, false, argc, argv,
					  &status);

	if (first < 0)
		return status;
	if (first + 1 != argc)
		return options_usage(verb, "wants one ID");
	fprintf(stderr,
		"warder: no such request: %s\n"
		"warder: this version asks nobody: what a profile says to ask is denied at "
		"once\n",
		argv[first]);
	return EXIT_NO;
}

int cmd_approve(int argc, char **argv)
{
	return no_such_request("approve", NULL, 0, argc, argv);
}

int cmd_deny(int argc, char **argv)
{
	const char *why;
	const struct option options[] = {
		{"why", OPTION_STRING, &why, "TEXT", "the reason, for the records"},
	};

	return no_such_request("deny", options, ARRAY_SIZE(options), argc, argv);
}
