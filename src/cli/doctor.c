/* SPDX-License-Identifier: Apache-2.0 */
/* warder doctor: which walls this machine can have; where one is missing, what that
 * costs and what would mend it. */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/probe.h"
#include "cli/text.h"

enum { STATE_COLUMN = 9, NAME_COLUMN = 18, TEXT_MAX = 4096 };

enum state { STATE_OK, STATE_MISSING, STATE_UNTRIED };

static const char *const state_names[] = {
	[STATE_OK] = "ok",
	[STATE_MISSING] = "missing",
	[STATE_UNTRIED] = "untried",
};

#define NO_RUN "no run can start"

/* clang-format off */
static const struct row {
	const char *name;
	probe_fn *probe;
	bool required;     /* for tier full */
	const char *needs; /* an earlier row, without which this one cannot be tried */
	const char *costs;
} rows[] = {
	{"user-namespace", probe_user_namespace, true, NULL,
	 NO_RUN ": all other walls stand in it"},
	{"namespaces", probe_namespaces, true, "user-namespace", NO_RUN},
	{"mounts", probe_mounts, true, "namespaces",
	 NO_RUN ": an agent would see the host's files"},
	{"network", probe_network, true, "namespaces", NO_RUN},
	{"catch-all", probe_tun, false, "namespaces",
	 "UDP and ICMP are refused by their system calls instead of their packets"},
	{"seccomp", probe_seccomp, true, NULL, NO_RUN ": nothing could be held and decided"},
	{"held-calls", probe_held, true, "seccomp",
	 NO_RUN ": a program with a timer would wait for ever"},
	{"descriptors", probe_getfd, true, "user-namespace", NO_RUN},
	{"handoff", probe_handoff, true, "held-calls", NO_RUN ": no connection could be made"},
	{"tracing", probe_ptrace, true, "user-namespace", NO_RUN ": no command could be verified"},
	{"landlock", probe_landlock, true, NULL, NO_RUN ": the second wall for files is missing"},
	{"sandbox", probe_sandbox, true, "namespaces", NO_RUN},
	{"journal", probe_journal, true, NULL, NO_RUN ": no record, no action"},
	{"runtime", probe_runtime, true, NULL, NO_RUN},
	{"revocations", probe_revocations, true, NULL,
	 NO_RUN ": what cannot be told counts as revoked"},
	{"inventory", probe_inventory, false, NULL, "an agent that cannot be read does not run"},
	{"shim", probe_shim, false, NULL, "an agent is not told why something was denied"},
};
/* clang-format on */

struct finding {
	enum state state;
	struct fault f;
};

static bool is_missing(const char *name, const struct finding *findings)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].name, name) == 0)
			return findings[i].state != STATE_OK;
	return false;
}

static void try(const struct paths *paths, size_t i, struct finding *findings)
{
	struct finding *found = &findings[i];

	if (is_missing(rows[i].needs, findings)) {
		found->state = STATE_UNTRIED;
		fault_set(&found->f, NULL, "needs %s", rows[i].needs);
		return;
	}
	found->state = probe_run(rows[i].probe, paths, &found->f) == 0 ? STATE_OK : STATE_MISSING;
	/* What a run says when it fails; here we are. */
	if (strstr(found->f.mend, "`warder doctor`"))
		found->f.mend[0] = '\0';
}

static void print_line(const char *label, const char *text)
{
	if (text[0] == '\0')
		return;
	printf("%*s%s: ", STATE_COLUMN + NAME_COLUMN, "", label);
	text_print(stdout, text);
	putchar('\n');
}

static void print_text(const struct row *row, const struct finding *found)
{
	text_pad(stdout, state_names[found->state], STATE_COLUMN);
	text_pad(stdout, row->name, NAME_COLUMN);
	text_print(stdout, found->f.what);
	putchar('\n');
	if (found->state != STATE_MISSING)
		return;
	print_line("costs", row->costs);
	print_line("mend", found->f.mend);
}

static void print_json(const struct row *row, const struct finding *found)
{
	char line[TEXT_MAX];
	struct json j;

	json_init(&j, line, sizeof(line));
	json_open(&j, NULL, '{');
	json_str(&j, "name", row->name);
	json_str(&j, "state", state_names[found->state]);
	json_bool(&j, "required", row->required);
	json_str(&j, "detail", found->f.what);
	if (found->state == STATE_MISSING)
		json_str(&j, "costs", row->costs);
	if (found->state == STATE_MISSING && found->f.mend[0])
		json_str(&j, "mend", found->f.mend);
	json_close(&j, '}');
	puts(line);
}

/* On which machine this was found, too: for whoever is sent the output. */
static void print_tier(bool full, bool json)
{
	const char *tier = full ? "full" : "none";
	char line[TEXT_MAX];
	struct utsname u;
	struct json j;

	uname(&u);
	if (!json) {
		printf("\ntier %s: warder %s run agents here (warder %s, Linux %s, %s, uid %u)\n",
		       tier, full ? "can" : "cannot", PACKAGE_VERSION, u.release, u.machine,
		       geteuid());
		return;
	}
	json_init(&j, line, sizeof(line));
	json_open(&j, NULL, '{');
	json_str(&j, "tier", tier);
	json_str(&j, "version", PACKAGE_VERSION);
	json_str(&j, "kernel", u.release);
	json_str(&j, "machine", u.machine);
	json_int(&j, "uid", geteuid());
	json_close(&j, '}');
	puts(line);
}

static int examine(const struct paths *paths, bool json)
{
	struct finding findings[ARRAY_SIZE(rows)] = {0};
	bool full = true;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		try(paths, i, findings);
		(json ? print_json : print_text)(&rows[i], &findings[i]);
		full &= findings[i].state == STATE_OK || !rows[i].required;
	}
	print_tier(full, json);
	return full ? EXIT_YES : EXIT_NO;
}

int cmd_doctor(int argc, char **argv)
{
	bool json = false;
	const struct option options[] = {
		{"json", OPTION_FLAG, &json, NULL, "one object a line; the last one has the tier"},
	};
	struct paths paths;
	struct fault f;
	int status, first = options_parse(cli_verb("doctor"), options, ARRAY_SIZE(options), false,
					  argc, argv, &status);

	if (first < 0)
		return status;
	if (first < argc)
		return options_usage("doctor", "takes no argument: %s", argv[first]);
	if (paths_init(&paths, &f) < 0) {
		fault_print(&f);
		return EXIT_NO;
	}
	status = examine(&paths, json);
	paths_free(&paths);
	return status;
}
