/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libwarder-preload.so: says why.
 *
 * The shim lives inside the agent's programs and enforces nothing: whoever
 * unloads it loses explanations, not a wall.  When connect() or an exec is
 * refused with EACCES, or a connect() fails as if the other end were at fault,
 * it asks the supervisor for the reason (preload/protocol.h) and prints that
 * one line to stderr.  Outside a sandbox the question gives
 * EINVAL and everything is as if the shim were not there.
 *
 * What it must be to be loaded into any program at any time:
 * - without a C library of its own choice: no DT_NEEDED, no constructor, no
 *   libc header, system calls by hand; what it imports (__errno_location,
 *   environ, weakly dlsym) glibc and musl both have;
 * - async-signal-safe and fit for a vfork()ed child: no allocation, no lock, and
 *   of static data only single words that every thread may overwrite;
 * - silent about itself: errno is what the call left, and stderr is written only
 *   when that can't block.
 */
#include <asm/errno.h>
#include <asm/unistd.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

#define EXPORT __attribute__((visibility("default")))
/* Keeps compilers from turning a loop into the memset() that it implements. */
#define NO_IDIOM() __asm__ volatile("" ::: "memory")

enum {
	ENV_MAX = 4096,	      /* entries; a larger environment is passed on as it is */
	PRELOAD_MAX = 1024,   /* of a combined LD_PRELOAD; a longer one is passed on as it is */
	FILE_NAME_MAX = 255,  /* NAME_MAX */
	FILE_PATH_MAX = 4096, /* PATH_MAX; longer candidates of PATH are skipped, as glibc does */
	AT_EMPTY_PATH_ = 0x1000,
	POLLOUT_ = 4,
	EAI_SYSTEM_ = -11, /* the same in glibc and musl */
};

#define RTLD_NEXT_ ((void *)-1L)

extern char **environ;
int *__errno_location(void);
void *dlsym(void *handle, const char *name) __attribute__((weak));

/* What is exported, declared because no libc header is read. */
EXPORT int connect(int fd, const void *addr, unsigned int len);
EXPORT int execve(const char *path, char *const argv[], char *const envp[]);
EXPORT int execv(const char *path, char *const argv[]);
EXPORT int execvp(const char *file, char *const argv[]);
EXPORT int execvpe(const char *file, char *const argv[], char *const envp[]);
EXPORT int execl(const char *path, const char *arg, ...);
EXPORT int execlp(const char *file, const char *arg, ...);
EXPORT int execle(const char *path, const char *arg, ...);
EXPORT int fexecve(int fd, char *const argv[], char *const envp[]);
EXPORT int posix_spawn(int *pid, const char *path, const void *actions, const void *attr,
		       char *const argv[], char *const envp[]);
EXPORT int posix_spawnp(int *pid, const char *file, const void *actions, const void *attr,
			char *const argv[], char *const envp[]);
EXPORT int getaddrinfo(const char *node, const char *service, const void *hints, void **result);

/* System calls: the kernel's own result, -errno on failure. */

static long sys5(long nr, long a, long b, long c, long d, long e)
{
#if defined(__x86_64__)
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return ret;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4)
			 : "memory");
	return x0;
#else
#error "the shim knows x86_64 and aarch64"
#endif
}

static int fail(long err)
{
	*__errno_location() = (int)-err;
	return -1;
}

/* Text.  Compilers call memset() and memcpy() by themselves; these, hidden, are theirs. */

void *memset(void *to, int byte, size_t len);
void *memcpy(void *restrict to, const void *restrict from, size_t len);

void *memset(void *to, int byte, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		((char *)to)[i] = (char)byte;
		NO_IDIOM();
	}
	return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		((char *)to)[i] = ((const char *)from)[i];
		NO_IDIOM();
	}
	return to;
}

static size_t length(const char *text)
{
	size_t n = 0;

	while (text[n]) {
		n++;
		NO_IDIOM();
	}
	return n;
}

/* What follows prefix in text, or NULL. */
static const char *after(const char *text, const char *prefix)
{
	while (*prefix)
		if (*text++ != *prefix++)
			return NULL;
	return text;
}

static bool has_slash(const char *text)
{
	for (; *text; text++)
		if (*text == '/')
			return true;
	return false;
}

/* Saying why. */

static long hypercall(long op, void *buffer, size_t len)
{
	return sys5(__NR_prctl, WARDER_PRCTL, op, (long)buffer, (long)len, 0);
}

/* Whether a supervisor listens: asked once a process.  A fork inherits the answer. */
static bool active(void)
{
	enum { UNKNOWN, YES, NO };
	static int state;
	int known = __atomic_load_n(&state, __ATOMIC_RELAXED);

	if (known == UNKNOWN) {
		known = hypercall(WARDER_OP_VERSION, NULL, 0) > 0 ? YES : NO;
		__atomic_store_n(&state, known, __ATOMIC_RELAXED);
	}
	return known == YES;
}

/* Drops what a terminal would obey: C0, DEL, and C1 in UTF-8.  Returns what is left. */
static size_t strip_controls(char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		unsigned char next = i + 1 < len ? (unsigned char)text[i + 1] : 0;

		if (c < ' ' || c == 0x7f)
			continue;
		if (c == 0xc2 && next >= 0x80 && next < 0xa0) {
			i++;
			continue;
		}
		text[n++] = (char)c;
	}
	return n;
}

/* Whether text is what was said last; remembered by its hash (FNV-1a), one word
 * that a race can at worst make us say again. */
static bool said_before(const char *text, size_t len)
{
	static uint64_t last;
	uint64_t hash = 0xcbf29ce484222325;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3;
	if (__atomic_load_n(&last, __ATOMIC_RELAXED) == hash)
		return true;
	__atomic_store_n(&last, hash, __ATOMIC_RELAXED);
	return false;
}

/* A full pipe would make us block, one without a reader would raise SIGPIPE. */
static bool stderr_takes_a_line(void)
{
	struct {
		int fd;
		short events, revents;
	} p = {2, POLLOUT_, 0};
	long now[2] = {0, 0}; /* struct timespec */

	return sys5(__NR_ppoll, (long)&p, 1, (long)now, 0, 0) == 1 && p.revents == POLLOUT_;
}

/* text has WARDER_TEXT_MAX bytes, len of them the supervisor's. */
static void say(char *text, long len)
{
	size_t n;

	if (len <= 0)
		return;
	n = len < WARDER_TEXT_MAX ? (size_t)len : WARDER_TEXT_MAX - 1;
	n = strip_controls(text, n);
	if (n == 0 || !stderr_takes_a_line() || said_before(text, n))
		return;
	text[n] = '\n';
	sys5(__NR_write, 2, (long)text, (long)n + 1, 0, 0);
}

static void explain(long op)
{
	char text[WARDER_TEXT_MAX];

	say(text, hypercall(op, text, sizeof(text)));
}

/* The environment of the next program: with the shim, however it was cleaned. */

/* Whether list, the value of an LD_PRELOAD, names the shim. */
static bool names_shim(const char *list)
{
	while (*list) {
		const char *rest = after(list, WARDER_SHIM_PATH);

		if (rest && (*rest == '\0' || *rest == ':' || *rest == ' '))
			return true;
		while (*list && *list != ':' && *list != ' ')
			list++;
		while (*list == ':' || *list == ' ')
			list++;
	}
	return false;
}

/* Entries that env_with_shim() needs room for; 1 where envp is to stay as it is. */
static size_t env_room(char *const envp[])
{
	size_t n = 0;

	if (!active())
		return 1;
	for (; envp && envp[n]; n++) {
		const char *list = after(envp[n], "LD_PRELOAD=");

		if (n == ENV_MAX || (list && names_shim(list)))
			return 1;
	}
	return n + 2;
}

/* "LD_PRELOAD=shim" and, where there was one, ":" and the old list; false when too long. */
static bool join_preload(char out[PRELOAD_MAX], const char *old)
{
	static const char ours[] = "LD_PRELOAD=" WARDER_SHIM_PATH;
	size_t len = sizeof(ours) - 1, more = length(old);

	if (more > PRELOAD_MAX - len - 2)
		return false;
	memcpy(out, ours, len);
	if (more) {
		out[len++] = ':';
		memcpy(out + len, old, more);
	}
	out[len + more] = '\0';
	return true;
}

/* envp, or a copy in room (of env_room() entries) whose LD_PRELOAD is in preload. */
static char *const *env_with_shim(char *const envp[], char **room, size_t n_room,
				  char preload[PRELOAD_MAX])
{
	size_t n = 0;
	bool replaced = false;

	if (n_room < 2)
		return envp;
	/* Counted before, but another thread may have called unsetenv() since. */
	for (; n < n_room - 2 && envp[n]; n++) {
		const char *old = after(envp[n], "LD_PRELOAD=");

		room[n] = envp[n];
		if (!old || replaced) /* a second one is somebody's mistake, and stays */
			continue;
		if (!join_preload(preload, old))
			return envp;
		room[n] = preload;
		replaced = true;
	}
	if (!replaced && join_preload(preload, ""))
		room[n++] = preload;
	room[n] = NULL;
	return room;
}

/* The exec family, on the raw call. */

static long exec_raw(const char *path, char *const argv[], char *const envp[])
{
	return sys5(__NR_execve, (long)path, (long)argv, (long)envp, 0, 0);
}

static int exec_failed(long err)
{
	if (err == -EACCES)
		explain(WARDER_OP_WHY);
	return fail(err);
}

/* What execvp() does with a text file that has no "#!". */
static long exec_script(const char *path, char *const argv[], char *const envp[])
{
	size_t n = 0;

	while (argv && argv[n])
		n++;

	const char *shell[n + 3];
	size_t to = 0;

	shell[to++] = "/bin/sh";
	shell[to++] = path;
	for (size_t i = 1; i < n; i++)
		shell[to++] = argv[i];
	shell[to] = NULL;
	return exec_raw(shell[0], (char *const *)shell, envp);
}

static long exec_or_script(const char *path, char *const argv[], char *const envp[])
{
	long err = exec_raw(path, argv, envp);

	return err == -ENOEXEC ? exec_script(path, argv, envp) : err;
}

static const char *search_path(void)
{
	for (char **e = environ; e && *e; e++) {
		const char *value = after(*e, "PATH=");

		if (value)
			return value;
	}
	return "/bin:/usr/bin";
}

/* Whether a candidate that failed so leaves the others to be tried (as glibc has it). */
static bool search_goes_on(long err)
{
	return err == -EACCES || err == -ENOENT || err == -ESTALE || err == -ENOTDIR ||
	       err == -ENODEV || err == -ETIMEDOUT;
}

static long exec_search(const char *file, char *const argv[], char *const envp[])
{
	size_t file_len = length(file);
	const char *dir = search_path();
	long err = -ENOENT;
	bool refused = false;
	char path[FILE_PATH_MAX];

	if (file_len > FILE_NAME_MAX)
		return -ENAMETOOLONG;
	for (;;) {
		size_t len = 0;

		while (dir[len] && dir[len] != ':')
			len++;
		if (len + 1 + file_len < sizeof(path)) {
			size_t at = len;

			memcpy(path, dir, len);
			if (len) /* an empty component is the working directory */
				path[at++] = '/';
			memcpy(path + at, file, file_len + 1);
			err = exec_or_script(path, argv, envp);
			refused |= err == -EACCES;
			if (!search_goes_on(err))
				return err;
		}
		if (!dir[len])
			return refused ? -EACCES : err;
		dir += len + 1;
	}
}

int execve(const char *path, char *const argv[], char *const envp[])
{
	size_t n = env_room(envp);
	char *room[n], preload[PRELOAD_MAX];

	return exec_failed(exec_raw(path, argv, env_with_shim(envp, room, n, preload)));
}

int execv(const char *path, char *const argv[])
{
	return execve(path, argv, environ);
}

int execvpe(const char *file, char *const argv[], char *const envp[])
{
	size_t n = env_room(envp);
	char *room[n], preload[PRELOAD_MAX];
	long err = -ENOENT;

	envp = env_with_shim(envp, room, n, preload);
	if (has_slash(file))
		err = exec_or_script(file, argv, envp);
	else if (*file)
		err = exec_search(file, argv, envp);
	return exec_failed(err);
}

int execvp(const char *file, char *const argv[])
{
	return execvpe(file, argv, environ);
}

int fexecve(int fd, char *const argv[], char *const envp[])
{
	size_t n = env_room(envp);
	char *room[n], preload[PRELOAD_MAX];

	if (fd < 0 || !argv || !envp)
		return fail(-EINVAL);
	envp = env_with_shim(envp, room, n, preload);
	return exec_failed(
		sys5(__NR_execveat, fd, (long)"", (long)argv, (long)envp, AT_EMPTY_PATH_));
}

/* The number of arguments of an execl(), counted on a copy. */
static size_t count_args(const char *first, va_list *ap)
{
	size_t n = 0;
	va_list copy;

	va_copy(copy, *ap);
	for (const char *arg = first; arg; arg = va_arg(copy, const char *))
		n++;
	va_end(copy);
	return n;
}

/* Leaves *ap behind the NULL that ends them, where execle() has its environment. */
static void take_args(const char *first, va_list *ap, const char **argv)
{
	for (const char *arg = first; arg; arg = va_arg(*ap, const char *))
		*argv++ = arg;
	*argv = NULL;
}

int execl(const char *path, const char *arg, ...)
{
	va_list ap;

	va_start(ap, arg);

	const char *argv[count_args(arg, &ap) + 1];

	take_args(arg, &ap, argv);
	va_end(ap);
	return execve(path, (char *const *)argv, environ);
}

int execlp(const char *file, const char *arg, ...)
{
	va_list ap;

	va_start(ap, arg);

	const char *argv[count_args(arg, &ap) + 1];

	take_args(arg, &ap, argv);
	va_end(ap);
	return execvpe(file, (char *const *)argv, environ);
}

int execle(const char *path, const char *arg, ...)
{
	char *const *envp;
	va_list ap;

	va_start(ap, arg);

	const char *argv[count_args(arg, &ap) + 1];

	take_args(arg, &ap, argv);
	envp = va_arg(ap, char *const *);
	va_end(ap);
	return execve(path, (char *const *)argv, envp);
}

/* What is too much to do by hand is the C library's. */

/* The next definition of name, found once; NULL where there is no dlsym() (glibc
 * before 2.34 in a program without libdl). */
static void *next_function(void **cache, const char *name)
{
	void *found = __atomic_load_n(cache, __ATOMIC_RELAXED);

	if (!found && dlsym) {
		found = dlsym(RTLD_NEXT_, name);
		__atomic_store_n(cache, found, __ATOMIC_RELAXED);
	}
	return found;
}

typedef int spawn_fn(int *, const char *, const void *, const void *, char *const[], char *const[]);
typedef int getaddrinfo_fn(const char *, const char *, const void *, void **);

/* These return the error instead of setting errno. */
static int spawn(spawn_fn *next, int *pid, const char *path, const void *actions, const void *attr,
		 char *const argv[], char *const envp[])
{
	size_t n = env_room(envp);
	char *room[n], preload[PRELOAD_MAX];
	int err;

	if (!next)
		return ENOSYS;
	err = next(pid, path, actions, attr, argv, env_with_shim(envp, room, n, preload));
	if (err == EACCES)
		explain(WARDER_OP_WHY_CHILD);
	return err;
}

int posix_spawn(int *pid, const char *path, const void *actions, const void *attr,
		char *const argv[], char *const envp[])
{
	static void *cache;
	spawn_fn *next = (spawn_fn *)next_function(&cache, "posix_spawn");

	return spawn(next, pid, path, actions, attr, argv, envp);
}

int posix_spawnp(int *pid, const char *file, const void *actions, const void *attr,
		 char *const argv[], char *const envp[])
{
	static void *cache;
	spawn_fn *next = (spawn_fn *)next_function(&cache, "posix_spawnp");

	return spawn(next, pid, file, actions, attr, argv, envp);
}

/* Tells the supervisor which name the next connects will mean, and the reader
 * at once when it is one that no rule allows. */
static void announce_name(const char *name)
{
	char text[WARDER_TEXT_MAX];
	size_t len = length(name);

	if (len == 0 || len >= sizeof(text) || !active())
		return;
	memset(text, 0, sizeof(text)); /* the stack's old bytes are nobody's business */
	memcpy(text, name, len);
	say(text, hypercall(WARDER_OP_NAME, text, sizeof(text)));
}

int getaddrinfo(const char *node, const char *service, const void *hints, void **result)
{
	static void *cache;
	getaddrinfo_fn *next = (getaddrinfo_fn *)next_function(&cache, "getaddrinfo");

	if (!next) {
		fail(-ENOSYS);
		return EAI_SYSTEM_;
	}
	if (node)
		announce_name(node);
	return next(node, service, hints, result);
}

/* What looks like the other end's doing, and may be the gateway's, or the sandbox's. */
static bool may_be_ours(long err)
{
	return err == -ECONNREFUSED || err == -ETIMEDOUT || err == -ECONNRESET ||
	       err == -EHOSTUNREACH || err == -ENETUNREACH;
}

int connect(int fd, const void *addr, unsigned int len)
{
	long err = sys5(__NR_connect, fd, (long)addr, (long)len, 0, 0);

	if (err == -EACCES)
		explain(WARDER_OP_WHY);
	else if (may_be_ours(err))
		explain(WARDER_OP_FAILED);
	return err < 0 ? fail(err) : 0;
}
