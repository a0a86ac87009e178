/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `warder run`: from options to an ended run.  Every step may say no; then it
 * exits 125 with a line that says why and one that says how to mend it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/paths.h"
#include "base/sys.h"
#include "base/units.h"
#include "cli/cli.h"
#include "cli/env.h"
#include "cli/lifecycle.h"
#include "cli/login.h"
#include "cli/text.h"
#include "inventory/agent.h"
#include "inventory/revocation.h"
#include "policy/judge.h"
#include "record/journal.h"
#include "record/redact.h"

enum { COMMAND_TEXT_MAX = 1024 /* bytes of the command line that `ps` shows; the rest is cut */ };

struct run_options {
	const char *agent, *profile, *workspace, *gateway, *requested_by, *ticket, *session;
	const char *user, *require, *wall;
	struct strlist meta, env, pass_env, ro, rw;
	bool observe, quiet;
	int status_fd;
};

/* Everything that a run stands on, in the order in which it is found. */
struct run {
	struct run_options o;
	char **argv, **launcher; /* the command's, and all of ours */
	struct paths paths;
	char run_id[RECORD_RUN_ID_MAX];
	struct requester requester;
	uid_t uid;
	gid_t gid;
	char *user_name, *home, *cwd, *workspace, *shim, *program, *run_dir;
	char *path; /* the caller's PATH, or NULL */
	struct agent *agent;
	struct profile *profile;
	struct gateway gateway;
	struct record_identity who;
	struct revocation_key revocation;
	struct fsplan fs;
	struct strlist env_dropped;
	char **env;
	int64_t wall_ms;
	struct lifecycle life;
	struct journal *journal;
	struct fault *revoked; /* why it ended, where that is why */
};

static int parse(int argc, char **argv, struct run_options *o, int *status)
{
	const struct option options[] = {
		{"agent", OPTION_STRING, &o->agent, "ID", "who runs: an agent of the inventory"},
		{"profile", OPTION_STRING, &o->profile, "NAME|FILE", "instead of the agent's own"},
		{"workspace", OPTION_STRING, &o->workspace, "DIR",
		 "what it may write; default: here"},
		{"gateway", OPTION_STRING, &o->gateway, "URL",
		 "instead of the agent's or the profile's"},
		{"requested-by", OPTION_STRING, &o->requested_by, "TYPE:ID",
		 "for whom; default: the login"},
		{"ticket", OPTION_STRING, &o->ticket, "ID", "written into the records"},
		{"session", OPTION_STRING, &o->session, "ID", "written into the records"},
		{"meta", OPTION_LIST, &o->meta, "K=V", "written into the first record"},
		{"user", OPTION_STRING, &o->user, "NAME", "who it is inside (root only)"},
		{"env", OPTION_LIST, &o->env, "K[=V]", "set a variable, or pass it on"},
		{"pass-env", OPTION_LIST, &o->pass_env, "PATTERN", "pass variables on"},
		{"ro", OPTION_LIST, &o->ro, "PATH", "make readable"},
		{"rw", OPTION_LIST, &o->rw, "PATH", "make writable"},
		{"require", OPTION_STRING, &o->require, "full|kernel", "the walls that must stand"},
		{"observe", OPTION_FLAG, &o->observe, NULL,
		 "allow what the policy denies, and record it"},
		{"wall", OPTION_STRING, &o->wall, "DURATION",
		 "end it after that time, with exit 124; instead of limits.wall"},
		{"status-fd", OPTION_INT, &o->status_fd, "N",
		 "write JSON lines about start and end there"},
		{"quiet", OPTION_FLAG, &o->quiet, NULL, "say nothing but errors"},
	};

	o->status_fd = -1;
	return options_parse(cli_verb("run"), options, ARRAY_SIZE(options), true, argc, argv,
			     status);
}

/* 2, as of other verbs, could be the command's own. */
static int usage(const struct run_options *o, const char *what)
{
	options_usage("run", "%s", what);
	lifecycle_not_started(o->status_fd, what);
	return EXIT_NOT_STARTED;
}

/* --- who -------------------------------------------------------------------------------------- */

static int find_requester(struct run *r, struct fault *f)
{
	if (requester_set(&r->requester, r->o.requested_by))
		return 0;
	return fault_set(f, "write it as TYPE:ID, for example user:alice",
			 "--requested-by %s has no type or no id", r->o.requested_by);
}

static int find_user_inside(struct run *r, struct fault *f)
{
	const char *home = getenv("HOME");
	struct passwd *pw;

	if (getuid() != geteuid())
		return fault_set(f, "start it as the user it is to run for",
				 "warder must not be set-user-ID");
	if (r->o.user && geteuid() != 0)
		return fault_set(f, "leave it out, or start warder as root",
				 "only root can choose --user");
	pw = login_find(r->o.user, geteuid());
	if (r->o.user && pw == NULL)
		return fault_set(f, NULL, "there is no user %s", r->o.user);
	r->uid = pw ? pw->pw_uid : geteuid();
	r->gid = r->o.user ? pw->pw_gid : getegid();
	r->user_name = pw ? mem_strdup(pw->pw_name) : mem_printf("%u", r->uid);
	if (pw && (r->o.user || home == NULL || home[0] != '/'))
		home = pw->pw_dir;
	if (home == NULL || home[0] != '/')
		return fault_set(f, "set HOME", "the home directory is not known");
	r->home = mem_strdup(home);
	return 0;
}

static void identify(struct run *r)
{
	r->who = (struct record_identity){
		.run_id = r->run_id,
		.agent_id = r->o.agent,
		.owner = r->agent ? r->agent->owner : "",
		.environment = r->agent ? r->agent->environment : "",
		.requester_type = r->requester.type,
		.requester_id = r->requester.id,
		.model_provider = r->agent ? r->agent->model_provider : NULL,
		.model = r->agent ? r->agent->model : NULL,
		.session = r->o.session,
		.ticket = r->o.ticket,
		.tier = "full",
	};
	r->revocation = (struct revocation_key){r->who.agent_id, r->who.owner, r->who.environment,
						r->run_id};
}

static int check_revocation(const struct run *r, char name[300], char why[256], struct fault *f)
{
	return revocation_check(r->paths.state, &r->revocation, name, why, f);
}

/* While it runs: the directory was there, and nobody but a revocation's enemy takes it away. */
static int is_revoked(const void *run, char name[300], char why[256], struct fault *f)
{
	const struct run *r = run;
	autofree char *dir = mem_printf("%s/revoked.d", r->paths.state);
	int rc;

	if (access(dir, F_OK) < 0)
		rc = fault_errno(f, NULL, "whether it is revoked cannot be told: %s", dir);
	else
		rc = check_revocation(r, name, why, f);
	if (rc > 0)
		revocation_fault(r->o.agent, name, why, f);
	if (rc != 0)
		*r->revoked = *f;
	return rc;
}

/* Registered, active, wanted by a requester who may, not revoked. */
static int admit(struct run *r, struct fault *f)
{
	char name[300], why[256];

	identify(r);
	r->agent = agent_load(r->paths.config, r->o.agent, f);
	if (r->agent == NULL)
		return -1;
	identify(r);
	if (agent_may_start(r->agent, r->requester.text, f) < 0)
		return -1;
	switch (check_revocation(r, name, why, f)) {
	case 0:
		return 0;
	case 1:
		return revocation_fault(r->o.agent, name, why, f);
	default:
		return -1;
	}
}

/* --- the plan --------------------------------------------------------------------------------- */

static int find_places(struct run *r, struct fault *f)
{
	char buf[PATH_MAX];
	ssize_t n;

	r->cwd = realpath(".", NULL);
	if (r->cwd == NULL)
		return fault_errno(f, "change to a directory that exists",
				   "the current directory is not there");
	r->workspace = realpath(r->o.workspace ? r->o.workspace : ".", NULL);
	if (r->workspace == NULL)
		return fault_errno(f, "make it, or name another with --workspace", "workspace %s",
				   r->o.workspace);
	n = readlink("/proc/self/exe", buf, sizeof(buf) - 1);
	if (n < 0)
		return fault_errno(f, "mount /proc", "cannot find warder itself");
	buf[n] = '\0';
	r->program = mem_strdup(buf);
	r->shim = mem_printf("%s/libwarder-preload.so", r->paths.libexec);
	if (access(r->shim, R_OK) < 0) {
		/* It explains; nothing depends on it. */
		free(r->shim);
		r->shim = NULL;
	}
	return 0;
}

static int take_profile(struct run *r, struct fault *f)
{
	const struct profile_context ctx = {.config_dir = r->paths.config,
					    .share_dir = r->paths.share,
					    .workspace = r->workspace,
					    .home = r->home,
					    .check_gateway = gateway_check};
	const char *name = r->o.profile ? r->o.profile : r->agent->profile;
	const char *url;

	r->profile = profile_load(name, &ctx, f);
	if (r->profile == NULL)
		return -1;
	url = r->o.gateway ? r->o.gateway : r->agent->gateway;
	return gateway_parse(url ? url : r->profile->gateway.url, &r->gateway, f);
}

/* The options that have a form of their own. */
static int read_values(struct run *r, struct fault *f)
{
	const char *require = r->o.require;

	if (require && strcmp(require, "full") != 0 && strcmp(require, "kernel") != 0)
		return fault_set(f, "say full or kernel", "--require %s is no tier", require);
	r->wall_ms = r->profile->limits.wall_ms;
	if (r->o.wall && !units_duration(r->o.wall, &r->wall_ms))
		return fault_set(f, "for example 30s, 10m, 2h", "--wall %s is no duration",
				 r->o.wall);
	return 0;
}

static int find_walls(struct run *r, struct fault *f)
{
	autofd int tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	r->life.tun = tun >= 0;
	r->life.landlock_abi = sys_landlock_create(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (r->life.landlock_abi < 1)
		return fault_set(f, "boot with lsm=landlock,... (see `warder doctor`)",
				 "this kernel has no Landlock, which tier full stands on");
	return 0;
}

/* Before the plan: what is there can be kept out of the agent's sight. */
static int make_directories(struct run *r, struct fault *f)
{
	if (paths_make(r->paths.state, "revoked.d", 1, f) < 0 ||
	    paths_make(r->paths.log, "journal", 0, f) < 0 ||
	    paths_make(r->paths.runtime, "runs", 0, f) < 0)
		return -1;
	return 0;
}

static int plan_files(struct run *r, struct fault *f)
{
	const struct fsplan_context ctx = {
		.workspace = r->workspace,
		.home = r->home,
		.cwd = r->cwd,
		.ro = &r->o.ro,
		.rw = &r->o.rw,
		.shim = r->shim,
		.program = r->program,
		.hostname = r->agent->id,
		.uid = r->uid,
		.gid = r->gid,
		.own = {r->paths.config, r->paths.state, r->paths.log, r->paths.runtime},
	};

	return fsplan_make(r->profile, &ctx, &r->fs, f);
}

static int make_plan(struct run *r, struct fault *f)
{
	if (find_places(r, f) < 0 || take_profile(r, f) < 0 ||
	    profile_enforceable(r->profile, r->uid == 0, f) < 0 || read_values(r, f) < 0 ||
	    find_walls(r, f) < 0 || jail_check_stdio(f) < 0 || make_directories(r, f) < 0 ||
	    supervisor_hold_signals(f) < 0)
		return -1;
	return plan_files(r, f);
}

static void make_env(struct run *r)
{
	const struct env_request rq = {
		.profile = r->profile,
		.pass = &r->o.pass_env,
		.set = &r->o.env,
		.home = r->home,
		.user = r->user_name,
		.cwd = r->fs.cwd,
		.shim = r->shim != NULL,
		.run_id = r->run_id,
		.agent_id = r->agent->id,
	};

	r->env = env_build(&rq, environ, &r->env_dropped);
	r->path = getenv("PATH") ? mem_strdup(getenv("PATH")) : NULL;
}

/* A path is the same inside and outside; only which links lead there is asked here. */
static char *real_path(const char *path, void *arg)
{
	(void)arg;
	/* Of the many that are tried few are there, and realpath(3) asks once a component. */
	return access(path, F_OK) < 0 ? NULL : realpath(path, NULL);
}

/* The directories of a PATH that are there, each once: /bin may be /usr/bin. */
static char *real_directories(const char *path_env)
{
	struct strlist seen = {0};
	char *out = mem_strdup("");

	for (const char *dir = path_env; *dir != '\0';) {
		size_t len = strcspn(dir, ":");
		autofree char *text = mem_strndup(dir, len);
		autofree char *real = dir[0] == '/' ? realpath(text, NULL) : NULL;

		if (real && !strlist_has(&seen, real)) {
			char *longer = mem_printf("%s%s%s", out, seen.n ? ":" : "", real);

			strlist_add(&seen, real);
			free(out);
			out = longer;
		}
		dir += len + (dir[len] == ':');
	}
	strlist_free(&seen);
	return out;
}

static void resolve_commands(struct run *r)
{
	autofree char *path = real_directories(env_get(r->env, "PATH"));

	judge_resolve_exec_rules(r->profile, path, real_path, NULL);
}

/* --- the run ---------------------------------------------------------------------------------- */

static int open_books(struct run *r, struct fault *f)
{
	char *sub = mem_printf("runs/%s", r->run_id);
	int rc = paths_make(r->paths.runtime, sub, 0, f);

	r->run_dir = mem_printf("%s/%s", r->paths.runtime, sub);
	free(sub);
	if (rc < 0)
		return -1;
	r->journal = journal_create(r->paths.log, &r->who, r->profile->sync, f);
	if (r->journal == NULL)
		return -1;
	r->life.paths = &r->paths;
	r->life.who = &r->who;
	r->life.profile = r->profile;
	r->life.gateway = &r->gateway;
	r->life.fs = &r->fs;
	r->life.meta = &r->o.meta;
	r->life.env_dropped = &r->env_dropped;
	r->life.argv = r->argv;
	r->life.observe = r->o.observe;
	r->life.status_fd = r->o.status_fd;
	return lifecycle_start(&r->life, r->journal, f);
}

/* For `ps`: the command line, without the secrets in it. */
static void command_text(char *const *argv, char *out, size_t size)
{
	bool announced = false;
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; argv[i] && n + 2 < size; i++) {
		if (i > 0)
			out[n++] = ' ';
		redact_arg(argv[i], strlen(argv[i]), &announced, out + n, size - n);
		n += strlen(out + n);
	}
}

static void command_runs(const void *run, pid_t command)
{
	const struct run *r = run;

	lifecycle_started(&r->life, command);
}

static int supervise(struct run *r, struct supervisor *s, struct supervisor_end *end,
		     struct fault *f)
{
	const struct jail_plan plan = {
		.profile = r->profile,
		.fs = &r->fs,
		.argv = r->argv,
		.env = r->env,
		.launcher = r->launcher,
		.hostname = r->agent->id,
		.uid = r->uid,
		.gid = r->gid,
		.want_tun = r->life.tun,
	};
	struct jail jail;

	if (jail_begin(&plan, &jail, f) < 0)
		return -1;
	if (lifecycle_settle(&r->life, r->journal, f) < 0) {
		jail_end(&jail);
		return -1;
	}
	if (jail_wait(&jail, f) < 0)
		return -1;
	if ((jail.tun >= 0) != r->life.tun) {
		jail_end(&jail);
		return fault_set(f, "see `warder doctor`",
				 "the catch-all device cannot be had after all");
	}
	return supervisor_run(s, &jail, end, f);
}

/* Whatever comes of it is on record before its supervisor, and with it the run's directory,
 * is gone: who waits for that may rely on the record. */
static int run_and_record(struct run *r, struct supervisor_end *end)
{
	char command[COMMAND_TEXT_MAX];
	const struct supervisor_plan plan = {
		.profile = r->profile,
		.fs = &r->fs,
		.gateway = &r->gateway,
		.who = &r->who,
		.revoked = is_revoked,
		.revocation = r,
		.started = command_runs,
		.starter = r,
		.journal = r->journal,
		.state_dir = r->paths.state,
		.run_dir = r->run_dir,
		.command = command,
		.wall_ms = r->wall_ms,
		.observe = r->o.observe,
		.uid = r->uid,
		.gid = r->gid,
	};
	struct fault f = {0}, end_fault = {0};
	struct supervisor *s;
	int rc;

	command_text(r->argv, command, sizeof(command));
	s = supervisor_new(&plan, &f);
	rc = s ? supervise(r, s, end, &f) : -1;
	if (rc < 0) {
		end->reason = END_ERROR;
		end->exit_code = EXIT_NOT_STARTED;
	}
	lifecycle_appeared(&r->life, r->journal, r->o.quiet);
	if (lifecycle_end(&r->life, r->journal, end, rc < 0 ? &f : NULL, &end_fault) < 0)
		fault_print(&end_fault);
	supervisor_free(s);
	if (rc < 0)
		fault_print(&f);
	return rc;
}

/* Where the caller would have found the command; NULL: nowhere. */
static char *find_outside(const struct run *r)
{
	const char *name = r->argv[0], *dir = r->path ? r->path : "";

	if (strchr(name, '/'))
		return mem_printf("%s%s%s", name[0] == '/' ? "" : r->cwd, name[0] == '/' ? "" : "/",
				  name);
	for (; *dir != '\0'; dir += strspn(dir, ":")) {
		size_t len = strcspn(dir, ":");
		autofree char *path = mem_printf("%.*s/%s", (int)len, dir, name);

		if (dir[0] == '/' && access(path, X_OK) == 0)
			return mem_strdup(path);
		dir += len;
	}
	return NULL;
}

/* What lies deepest counts. */
static bool is_shown(const struct fsplan *fs, const char *path)
{
	bool shown = false;

	for (size_t i = 0; i < fs->n; i++)
		if (fsplan_beneath(path, fs->v[i].path))
			shown = fs->v[i].kind != FS_TMPFS && fs->v[i].kind != FS_HIDE;
	return shown;
}

static void say_option(const struct run *r, const char *file)
{
	autofree char *dir = mem_strndup(file, (size_t)(strrchr(file, '/') - file));

	if (dir[0] == '\0' || is_shown(&r->fs, file))
		return;
	fputs(" --ro ", stderr);
	text_print(stderr, dir);
}

/* A command that is there for the caller and not for the agent: what would show it. */
static void say_where(const struct run *r)
{
	autofree char *path = find_outside(r);
	autofree char *real = path ? realpath(path, NULL) : NULL;

	if (real == NULL || (is_shown(&r->fs, path) && is_shown(&r->fs, real)))
		return;
	fputs("warder: it is at ", stderr);
	text_print(stderr, path);
	fputs(" outside, which the profile does not show:", stderr);
	say_option(r, path);
	if (strcmp(real, path) != 0)
		say_option(r, real);
	fputc('\n', stderr);
}

static void say_end(const struct run *r, const struct supervisor_end *end)
{
	uint64_t denials = journal_denials(r->journal);

	if (end->reason == END_REVOKED) {
		fault_print(r->revoked);
	} else if (end->why[0]) {
		fputs("warder: ", stderr);
		if (end->reason != END_POLICY)
			fprintf(stderr, "%s: ",
				end->reason == END_CHILD ? r->argv[0]
							 : end_reason_name(end->reason));
		text_print(stderr, end->why);
		fputc('\n', stderr);
	}
	if (end->reason == END_CHILD && end->exit_code == EXIT_NOT_FOUND && end->why[0])
		say_where(r);
	if (!r->o.quiet && denials > 0)
		fprintf(stderr, "warder: %llu denied; see `warder log --run %s`\n",
			(unsigned long long)denials, r->run_id);
}

/* There has been no run. */
static int not_started(const struct run *r, const struct fault *f)
{
	fault_print(f);
	lifecycle_not_started(r->o.status_fd, f->what);
	return EXIT_NOT_STARTED;
}

/* From the first line of the journal to its last. */
static int run_recorded(struct run *r)
{
	struct supervisor_end end = {.reason = END_ERROR, .exit_code = EXIT_NOT_STARTED};
	struct fault f = {0}, revoked = {0};

	r->revoked = &revoked;
	if (open_books(r, &f) < 0) {
		not_started(r, &f);
	} else {
		env_wipe();
		if (run_and_record(r, &end) == 0)
			say_end(r, &end);
	}
	rmdir(r->run_dir); /* where the supervisor has not come so far */
	return end.exit_code;
}

static int start(struct run *r)
{
	struct fault f = {0};
	int status;

	if (paths_init(&r->paths, &f) < 0 || find_requester(r, &f) < 0 ||
	    find_user_inside(r, &f) < 0)
		return not_started(r, &f);
	record_new_run_id(r->run_id);
	if (admit(r, &f) < 0) {
		r->who.run_id = "";
		lifecycle_refused(&r->paths, &r->who, r->argv[0], &f);
		return not_started(r, &f);
	}
	if (make_plan(r, &f) < 0)
		return not_started(r, &f);
	make_env(r);
	resolve_commands(r);
	status = run_recorded(r);
	fsplan_undo(&r->fs);
	return status;
}

static void run_free(struct run *r)
{
	journal_close(r->journal);
	fsplan_free(&r->fs);
	profile_free(r->profile);
	agent_free(r->agent);
	paths_free(&r->paths);
	strlist_free(&r->env_dropped);
	strlist_free(&r->o.meta);
	strlist_free(&r->o.env);
	strlist_free(&r->o.pass_env);
	strlist_free(&r->o.ro);
	strlist_free(&r->o.rw);
	env_free(r->env);
	requester_free(&r->requester);
	free(r->user_name);
	free(r->home);
	free(r->cwd);
	free(r->workspace);
	free(r->shim);
	free(r->program);
	free(r->run_dir);
	free(r->path);
	fd_close(&r->o.status_fd);
	fd_close(&r->life.announced.fd);
}

int cmd_run(int argc, char **argv)
{
	struct run r = {.life.announced.fd = -1};
	int status, first = parse(argc, argv, &r.o, &status);

	if (first < 0 && status == EXIT_YES)
		return EXIT_YES;
	if (first < 0) {
		lifecycle_not_started(r.o.status_fd, "wrong usage");
		return EXIT_NOT_STARTED;
	}
	if (r.o.agent == NULL)
		return usage(&r.o, "which agent? --agent ID");
	if (first == argc)
		return usage(&r.o, "which command? warder run --agent ID -- COMMAND");
	if (r.o.status_fd >= 0) {
		/* Another number: 1 or 2 may be the command's, too. */
		r.o.status_fd = fcntl(r.o.status_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		if (r.o.status_fd < 0)
			return usage(&r.o, "--status-fd: that descriptor is not open");
	}
	r.argv = argv + first;
	r.launcher = argv;
	status = start(&r);
	run_free(&r);
	return status;
}
