/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways to run a file:  exec KIND,PATH...
 * The file is run with the one argument "ran" and is expected to end with
 * status 42, as this program itself does, or 43 under the name "forbidden"; each
 * argument is one attempt and the name of its result: "ok", an errno, or how else
 * it ended.
 */
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "probe.h"

enum { RAN = 42, NOT_RUN = 200, COPIES = 20, RACES = 300 };

static char *args[] = { "probe", "ran", NULL };

static void plain(const char *path) { execv(path, args); }

static void by_descriptor(const char *path)
{
	fexecve(open(path, O_RDONLY | O_CLOEXEC), args, environ);
}

static void by_proc(const char *path)
{
	char text[64];

	snprintf(text, sizeof(text), "/proc/self/fd/%d", open(path, O_PATH));
	execv(text, args);
}

static void by_root(const char *path)
{
	char text[4200];

	snprintf(text, sizeof(text), "/proc/self/root%s", path);
	execv(text, args);
}

static void by_execveat(const char *path)
{
	execveat(open("/", O_PATH | O_DIRECTORY), path + 1, args, environ, 0);
}

/* Its bytes in memory, where there is no path to judge. */
static void by_memory(const char *path)
{
	int from = open(path, O_RDONLY), fd = memfd_create("probe", MFD_CLOEXEC);
	char buf[65536];
	ssize_t n;

	while ((n = read(from, buf, sizeof(buf))) > 0)
		if (write(fd, buf, (size_t)n) != n)
			return;
	execveat(fd, "", args, environ, AT_EMPTY_PATH);
}

/* A copy without a name: written, opened, unlinked. */
static void deleted(const char *path)
{
	char copy[4200];
	int from = open(path, O_RDONLY), to, fd;
	char buf[65536];
	ssize_t n;

	snprintf(copy, sizeof(copy), "deleted-%d", getpid());
	to = open(copy, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	while ((n = read(from, buf, sizeof(buf))) > 0)
		if (write(to, buf, (size_t)n) != n)
			return;
	close(to);
	fd = open(copy, O_PATH | O_CLOEXEC);
	unlink(copy);
	execveat(fd, "", args, environ, AT_EMPTY_PATH);
}

static void bad_arguments(const char *path)
{
	syscall(SYS_execve, path, (void *)8, NULL);
}

/* How a child ended, as a word. */
static void tell_status(const char *name, int status)
{
	char text[32];

	if (WIFEXITED(status) && (WEXITSTATUS(status) == RAN || WEXITSTATUS(status) == RAN + 1)) {
		tell_text(name, "ok");
	} else if (WIFEXITED(status) && WEXITSTATUS(status) < NOT_RUN) {
		errno = WEXITSTATUS(status);
		tell(name, -1);
	} else {
		snprintf(text, sizeof(text), "%s%d", WIFSIGNALED(status) ? "signal:" : "exit:",
			 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		tell_text(name, text);
	}
}

static int run(void (*how)(const char *), const char *path)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		how(path);
		_exit(errno);
	}
	waitpid(pid, &status, 0);
	return status;
}

static int run_vfork(const char *path)
{
	int status;
	pid_t pid = vfork();

	if (pid == 0) {
		execv(path, args);
		_exit(errno);
	}
	waitpid(pid, &status, 0);
	return status;
}

static int run_spawn(const char *path)
{
	int status, err;
	pid_t pid;

	err = posix_spawn(&pid, path, NULL, NULL, args, environ);
	if (err)
		return err << 8;
	waitpid(pid, &status, 0);
	return status;
}

static void *exec_in_thread(void *path)
{
	execv(path, args);
	_exit(errno);
}

static void in_thread(const char *path)
{
	pthread_t t;

	pthread_create(&t, NULL, exec_in_thread, (void *)path);
	pause();
}

static void tell_parallel(const char *name, const char *path)
{
	pid_t pids[COPIES];
	int status, good = 0;

	for (int i = 0; i < COPIES; i++)
		if ((pids[i] = fork()) == 0) {
			execv(path, args);
			_exit(errno);
		}
	for (int i = 0; i < COPIES; i++)
		good += waitpid(pids[i], &status, 0) > 0 && WIFEXITED(status) &&
			WEXITSTATUS(status) == RAN;
	tell_number(name, good);
}

/*
 * "race-path,ALLOWED,FORBIDDEN" and "race-argument,PATH": a thread rewrites the path, or
 * the argument "ran", while execve() is held.
 */
static char flipped[4096];
static const char *choice[2];

/* For a moment each is whole: who reads both at once reads neither. */
static void *flip(void *arg)
{
	for (unsigned int i = 0;; i ^= 1) {
		strcpy(flipped, choice[i]);
		for (volatile int moment = 0; moment < 500; moment++)
			;
	}
	return arg;
}

static void start_flipping(void)
{
	pthread_t t;

	strcpy(flipped, choice[0]);
	pthread_create(&t, NULL, flip, NULL);
	usleep((unsigned int)(getpid() * 7 % 500));
}

static void flip_path(const char *path)
{
	(void)path;
	start_flipping();
	execv(flipped, args);
}

static void flip_argument(const char *path)
{
	char *flipped_args[] = { args[0], flipped, NULL };

	start_flipping();
	execv(path, flipped_args);
}

/* What ran is told by its status: what is allowed ends with 42, what is forbidden with 43. */
static void tell_race(const char *name, void (*how)(const char *), const char *path)
{
	int allowed = 0, forbidden = 0, killed = 0;
	char text[96];

	for (int i = 0; i < RACES; i++) {
		int status = run(how, path);

		allowed += WIFEXITED(status) && WEXITSTATUS(status) == RAN;
		forbidden += WIFEXITED(status) && WEXITSTATUS(status) == RAN + 1;
		killed += WIFSIGNALED(status);
	}
	snprintf(text, sizeof(text), "allowed:%d forbidden:%d killed:%d", allowed, forbidden, killed);
	tell_text(name, text);
}

static void choose(char *paths)
{
	choice[0] = paths;
	choice[1] = strchr(paths, ',') + 1;
	*strchr(paths, ',') = '\0';
}

static void race_paths(char *paths)
{
	choose(paths);
	tell_race("race-path", flip_path, NULL);
}

/* "race-link,ALLOWED,FORBIDDEN": a process turns a link from the one to the other. */
static void by_link(const char *path)
{
	(void)path;
	usleep((unsigned int)(getpid() * 7 % 500));
	execv("./race-link", args);
}

static void race_links(char *paths)
{
	pid_t pid;

	choose(paths);
	(void)!symlink(choice[0], "race-link");
	pid = fork();
	if (pid == 0)
		for (int i = 0;; i ^= 1) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			(void)!symlink(choice[i], "race-new");
			rename("race-new", "race-link");
		}
	tell_race("race-link", by_link, NULL);
	kill(pid, SIGKILL);
}

static void race_arguments(char *path)
{
	choice[0] = "ran";
	choice[1] = "evil";
	tell_race("race-argument", flip_argument, path);
}

static int is_forbidden(void)
{
	char exe[4200];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	exe[n > 0 ? n : 0] = '\0';
	return strstr(exe, "forbidden") != NULL;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *kind;
		void (*how)(const char *);
	} kinds[] = {
		{ "plain", plain }, { "fexecve", by_descriptor }, { "proc-fd", by_proc },
		{ "root", by_root }, { "execveat", by_execveat }, { "memory", by_memory },
		{ "deleted", deleted }, { "thread", in_thread }, { "bad-arguments", bad_arguments },
	};

	/* A copy under the name of what is forbidden says so; argv[0] may be anything. */
	if (argc > 1 && strcmp(argv[argc - 1], "ran") == 0)
		return is_forbidden() ? RAN + 1 : RAN;
	if (argc > 1 && strcmp(argv[argc - 1], "evil") == 0)
		return RAN + 1;
	for (int i = 1; i < argc; i++) {
		char *path = strchr(argv[i], ',') + 1;
		size_t n = (size_t)(path - argv[i]) - 1;

		if (strncmp(argv[i], "race-path", n) == 0)
			race_paths(path);
		else if (strncmp(argv[i], "race-link", n) == 0)
			race_links(path);
		else if (strncmp(argv[i], "race-argument", n) == 0)
			race_arguments(path);
		else if (strncmp(argv[i], "parallel", n) == 0)
			tell_parallel(argv[i], path);
		else if (strncmp(argv[i], "vfork", n) == 0)
			tell_status(argv[i], run_vfork(path));
		else if (strncmp(argv[i], "spawn", n) == 0)
			tell_status(argv[i], run_spawn(path));
		for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
			if (strlen(kinds[k].kind) == n && strncmp(kinds[k].kind, argv[i], n) == 0)
				tell_status(argv[i], run(kinds[k].how, path));
	}
	return 0;
}
