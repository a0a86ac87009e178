/* SPDX-License-Identifier: Apache-2.0 */
/* What every verb shares: the verb table's row, options by table, exit codes. */
#ifndef WARDER_CLI_CLI_H
#define WARDER_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"

enum {
	EXIT_YES = 0,
	EXIT_NO = 1,
	EXIT_USAGE = 2,
	EXIT_TIME_LIMIT = 124,
	EXIT_NOT_STARTED = 125,
	EXIT_EXEC_DENIED = 126,
	EXIT_NOT_FOUND = 127,
};

/* One verb: argv[0] is the verb's own name.  Returns the exit status. */
struct verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *synopsis; /* "[--json] [ID]" */
	const char *help;     /* one line */
};

enum option_kind {
	OPTION_FLAG,   /* bool * */
	OPTION_STRING, /* const char ** ; given twice: the last */
	OPTION_LIST,   /* struct strlist * */
	OPTION_INT,    /* int *, >= 0 */
};

struct option {
	const char *name; /* without "--" */
	enum option_kind kind;
	void *to;
	const char *arg;  /* "DIR" in the help; NULL for a flag */
	const char *help;
};

/*
 * "--name value", "--name=value", "--" ends options; --help prints the verb's
 * own help and gives 0 through *status.  Positional arguments may stand between
 * options for every verb but those with stop_at_first (run), and are moved to
 * argv[return..argc-1] in order.  Returns the index of the first positional
 * argument, or -1 with *status set to the exit status.
 */
int options_parse(const struct verb *verb, const struct option *options, size_t n_options,
		  bool stop_at_first, int argc, char **argv, int *status);

/* Complains in one line, points to the verb's --help; always EXIT_USAGE. */
int options_usage(const char *verb, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The row of the table with that name; NULL where there is none. */
const struct verb *cli_verb(const char *name);

/* warder itself: main()'s arguments to its exit status. */
int cli_main(int argc, char **argv);

/* The verbs, one file each. */
int cmd_run(int argc, char **argv);     /* run.c */
int cmd_agents(int argc, char **argv);  /* agents.c: add list show */
int cmd_log(int argc, char **argv);     /* log.c: print, --follow, verify */
int cmd_ps(int argc, char **argv);      /* ps.c */
int cmd_kill(int argc, char **argv);    /* kill.c */
int cmd_revoke(int argc, char **argv);  /* revoke.c */
int cmd_reinstate(int argc, char **argv); /* revoke.c */
int cmd_requests(int argc, char **argv); /* requests.c */
int cmd_approve(int argc, char **argv); /* requests.c */
int cmd_deny(int argc, char **argv);    /* requests.c */
int cmd_profile(int argc, char **argv); /* profile.c: check show */
int cmd_doctor(int argc, char **argv);  /* doctor.c */
int cmd_version(int argc, char **argv); /* main.c */

#endif
