/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes one of the calls that the shim intercepts, for shim.t.
 *
 *	shim_probe CALL [PATH]
 *
 * A call that fails prints "CALL: -1 ERRNO" (posix_spawn: its own result) and
 * exits 1.  A command that is run gets the arguments "one" "two" and, where
 * there is an environment to pass, only "ONLY=this".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

int fexecve(int fd, char *const argv[], char *const envp[]);

static char *args[] = {"argv0", "one", "two", NULL};
static char *only[] = {"ONLY=this", NULL};

static int do_connect(const char *path)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(1)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), ret = 0;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (int n = path ? atoi(path) : 1; n > 0; n--)
		ret = connect(fd, (struct sockaddr *)&to, sizeof(to));
	return ret;
}

static int do_execve(const char *path)
{
	return execve(path, args, only);
}

static int do_execv(const char *path)
{
	return execv(path, args);
}

static int do_execvp(const char *path)
{
	return execvp(path, args);
}

static int do_execvpe(const char *path)
{
	return execvpe(path, args, only);
}

static int do_execl(const char *path)
{
	return execl(path, "argv0", "one", "two", (char *)NULL);
}

static int do_execlp(const char *path)
{
	return execlp(path, "argv0", "one", "two", (char *)NULL);
}

static int do_execle(const char *path)
{
	return execle(path, "argv0", "one", "two", (char *)NULL, only);
}

static int do_fexecve(const char *path)
{
	/* Not O_CLOEXEC: a script's interpreter is to open it again. */
	return fexecve(open(path, O_RDONLY), args, only);
}

static int do_vfork(const char *path)
{
	int status;
	pid_t pid = vfork();

	if (pid == 0) {
		execve(path, args, only);
		_exit(errno);
	}
	waitpid(pid, &status, 0);
	errno = WEXITSTATUS(status);
	return errno ? -1 : 0;
}

static int spawned(int err, pid_t pid)
{
	int status = 0;

	if (!err && waitpid(pid, &status, 0) < 0)
		err = errno;
	errno = err;
	return err ? -1 : status;
}

static int do_spawn(const char *path)
{
	pid_t pid = -1;

	return spawned(posix_spawn(&pid, path, NULL, NULL, args, only), pid);
}

static int do_spawnp(const char *path)
{
	pid_t pid = -1;

	return spawned(posix_spawnp(&pid, path, NULL, NULL, args, only), pid);
}

static int do_getaddrinfo(const char *name)
{
	struct addrinfo *list = NULL;
	int err = getaddrinfo(name, "80", NULL, &list);

	if (!err)
		freeaddrinfo(list);
	errno = 0;
	return err ? -1 : 0;
}

static const struct {
	const char *name;
	int (*run)(const char *path);
} calls[] = {
	{"connect", do_connect},
	{"execve", do_execve},
	{"execv", do_execv},
	{"execvp", do_execvp},
	{"execvpe", do_execvpe},
	{"execl", do_execl},
	{"execlp", do_execlp},
	{"execle", do_execle},
	{"fexecve", do_fexecve},
	{"vfork", do_vfork},
	{"posix_spawn", do_spawn},
	{"posix_spawnp", do_spawnp},
	{"getaddrinfo", do_getaddrinfo},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(calls) / sizeof(calls[0]); i++) {
		int ret;

		if (strcmp(argv[1], calls[i].name) != 0)
			continue;
		errno = 0;
		ret = calls[i].run(argv[2]);
		if (ret == 0)
			return 0;
		printf("%s: %d %d\n", argv[1], ret, errno);
		return 1;
	}
	return 2;
}
