/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How processes come and go:  life WHAT [ARGUMENT]
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "probe.h"

enum { FORKS = 300, STORM_S = 5 };

/* Any process that waits to be reaped? */
static int count_zombies(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	int zombies = 0;

	while ((e = readdir(proc))) {
		char path[300], line[512] = "", *state;
		int fd;

		snprintf(path, sizeof(path), "/proc/%s/stat", e->d_name);
		fd = e->d_name[0] >= '1' && e->d_name[0] <= '9' ? open(path, O_RDONLY) : -1;
		if (fd < 0)
			continue;
		state = read(fd, line, sizeof(line) - 1) > 0 ? strrchr(line, ')') : NULL;
		zombies += state && state[2] == 'Z';
		close(fd);
	}
	closedir(proc);
	return zombies;
}

/* Grandchildren that outlive their parents end as zombies of pid 1, if it does not look. */
static int orphans(const char *count)
{
	for (int i = 0; i < atoi(count); i++) {
		pid_t pid = fork();

		if (pid == 0) {
			if (fork() == 0) {
				usleep(20000);
				_exit(0);
			}
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
	usleep(500000);
	tell_number("zombies", count_zombies());
	return 0;
}

/* A process that leaves every group and session, ignores what can be ignored, and goes on
 * writing to a file; the first one ends at once. */
static int daemon_writes(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
	pid_t middle;

	if (fd < 0)
		return 1;
	middle = fork();
	if (middle != 0) { /* gone when we are, so that one is left */
		waitpid(middle, NULL, 0);
		return write(fd, "start\n", 6) != 6;
	}
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_IGN);
	setsid();
	if (fork() != 0)
		_exit(0);
	close(0), close(1), close(2);
	for (;;) {
		if (write(fd, "alive\n", 6) != 6)
			_exit(1);
		usleep(20000);
	}
}

static void rests(void)
{
	for (;;)
		pause();
}

static void leaves_session(void)
{
	setsid();
	rests();
}

static void orphaned(void)
{
	if (fork() != 0)
		_exit(0);
	setsid();
	if (fork() != 0)
		_exit(0);
	rests();
}

static void stopped(void)
{
	raise(SIGSTOP);
	rests();
}

static void deaf(void)
{
	sigset_t set;

	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	rests();
}

/* Stands in its tracer's stop; where nobody may trace it just rests. */
static void traced(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		rests();
	}
	rests();
}

/* One of each kind that a kill by process group, by session or by parent would miss;
 * "stay": and then this one waits, too. */
static int tree(const char *how)
{
	static void (*const kinds[])(void) = { rests, leaves_session, orphaned, stopped, deaf, traced };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (fork() == 0) {
			kinds[i]();
			_exit(0);
		}
	}
	usleep(100000);
	tell_text("tree", "ok");
	if (strcmp(how, "stay") == 0)
		rests();
	return 0;
}

/* As many as there may be: each waits, so that nothing is freed meanwhile. */
static int bomb(const char *unused)
{
	int made = 0, err = 0;

	(void)unused;
	for (int i = 0; i < FORKS && !err; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			pause();
			_exit(0);
		}
		if (pid < 0)
			err = errno;
		else
			made++;
	}
	tell_number("made", made);
	tell_text("ended", err ? errno_name(err) : "ok");
	return 0;
}

/* Closed to whoever would look into its memory; then a command. */
static int undumpable(const char *path)
{
	char *args[] = { (char *)path, NULL };

	tell("closed", prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
	execv(path, args);
	tell("exec", -1);
	return 0;
}

/* Without an end, and from everywhere: only for where there is a limit.  Should it not hold,
 * each ends by itself. */
static int storm(const char *unused)
{
	(void)unused;
	while (fork() != 0 || alarm(STORM_S) == 0)
		;
	return 1;
}

/* Which descriptors there are. */
static int descriptors(const char *unused)
{
	char text[1024] = "";
	size_t at = 0;

	(void)unused;
	for (int fd = 0; fd < 1024 && at + 8 < sizeof(text); fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%d", at ? " " : "", fd);
	tell_text("open", text);
	return 0;
}

static int dies(const char *sig)
{
	raise(atoi(sig));
	return 1;
}

/* Ends with the number of the signal that came, which it says it is waiting for. */
static int waits(const char *unused)
{
	sigset_t set;
	int sig = 0;

	(void)unused;
	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	tell_number("ready", getpid());
	sigwait(&set, &sig);
	return sig;
}

/* How much of N megabytes there is. */
static int memory(const char *megabytes)
{
	long had = 0;

	while (had < atoi(megabytes)) {
		void *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			       -1, 0);

		if (p == MAP_FAILED)
			break;
		had++;
	}
	tell_number("megabytes", had);
	return 0;
}

static int limit(const char *unused)
{
	struct rlimit files, core;

	(void)unused;
	getrlimit(RLIMIT_NOFILE, &files);
	getrlimit(RLIMIT_CORE, &core);
	tell_number("open_files", (long)files.rlim_max);
	tell_number("core", (long)core.rlim_max);
	tell_number("no_new_privs", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *what;
		int (*act)(const char *argument);
	} acts[] = {
		{ "orphans", orphans }, { "daemon", daemon_writes }, { "tree", tree },
		{ "undumpable", undumpable },
		{ "bomb", bomb }, { "storm", storm }, { "memory", memory },
		{ "descriptors", descriptors }, { "die", dies }, { "wait", waits }, { "limit", limit },
	};

	for (size_t i = 0; argc > 1 && i < sizeof(acts) / sizeof(acts[0]); i++)
		if (strcmp(acts[i].what, argv[1]) == 0)
			return acts[i].act(argc > 2 ? argv[2] : "");
	return 2;
}
