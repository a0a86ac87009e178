/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec, verified after the fact.  The supervisor seizes the notified thread
 * with TRACEEXEC, interrupts it, lets the call continue and waits:
 *
 *	the exec succeeded	PTRACE_EVENT_EXEC comes first: compare, detach
 *	the exec failed		PTRACE_EVENT_STOP comes, no EXEC: detach
 *
 * so that it never waits for a stop that does not come.  Both stops use the
 * pending interrupt up: after detach the thread runs on.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>

#include "notify.h"

enum {
	EXEC_STOP = SIGTRAP | PTRACE_EVENT_EXEC << 8,
	INTERRUPT_STOP = SIGTRAP | PTRACE_EVENT_STOP << 8,
	FLIP_TRIES_MAX = 4000,
	MARK = 42, /* exit status of this program run as `exec mark` */
};

/* What the child is to exec, and what the supervisor saw of it. */
struct attempt {
	const char *path;
	bool from_thread;
	int error; /* errno of an exec that failed, by the child */
	pid_t caller;

	int stop; /* first stop, status >> 8 */
	pid_t stopped;
	unsigned long message;
	bool same_file;
	bool answered;
};

static char own_path[4096];

static int exec_now(struct attempt *a)
{
	char *argv[] = { (char *)"exec", (char *)"mark", NULL };

	a->caller = (pid_t)syscall(SYS_gettid);
	execv(a->path, argv);
	a->error = errno;
	return 7;
}

static void *exec_thread(void *arg)
{
	_exit(exec_now(arg));
}

static int exec_body(void *arg)
{
	struct attempt *a = arg;
	pthread_t thread;

	if (!a->from_thread)
		return exec_now(a);
	pthread_create(&thread, NULL, exec_thread, a);
	for (;;)
		pause();
}

static bool is_file(pid_t pid, const char *path)
{
	char link[64];
	struct stat exe, want;

	snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	return stat(link, &exe) == 0 && stat(path, &want) == 0 && exe.st_dev == want.st_dev &&
	       exe.st_ino == want.st_ino;
}

/* The supervisor's part for one notified exec; the thread is detached after it. */
static void supervise(struct notified *n, const struct seccomp_notif *req, struct attempt *a)
{
	pid_t tid = (pid_t)req->pid;
	int status;

	if (ptrace(PTRACE_SEIZE, tid, NULL, PTRACE_O_TRACEEXEC) < 0)
		tap_bail("PTRACE_SEIZE");
	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) < 0)
		tap_bail("PTRACE_INTERRUPT");
	a->answered = notified_go_on(n, req->id);
	/* A thread's exec makes it the leader: the stop comes under the leader's id. */
	do
		a->stopped = waitpid(-1, &status, __WALL);
	while (a->stopped < 0 && errno == EINTR);
	if (!WIFSTOPPED(status)) {
		printf("# %d ended with %#x instead of stopping\n", (int)a->stopped, status);
		return;
	}
	a->stop = status >> 8;
	ptrace(PTRACE_GETEVENTMSG, a->stopped, NULL, &a->message);
	a->same_file = is_file(a->stopped, own_path);
	if (ptrace(PTRACE_DETACH, a->stopped, NULL, NULL) < 0)
		tap_bail("PTRACE_DETACH");
}

static int run(struct attempt *a)
{
	struct notified n = { .calls = { SYS_execve, SYS_execveat },
			      .filter_flags = SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
			      .body = exec_body,
			      .arg = a };
	struct seccomp_notif req;

	if (!notified_start(&n))
		return -1;
	if (!notified_next(&n, &req, 5000))
		tap_bail("no notification");
	supervise(&n, &req, a);
	alarm(10); /* a pending trap that was not cleared would leave the child stopped for good */
	return notified_end(&n);
}

static struct attempt *shared_attempt(const char *path)
{
	struct attempt *a = mmap(NULL, sizeof(*a), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (a == MAP_FAILED)
		tap_bail("mmap");
	a->path = path;
	return a;
}

static void test_success(void)
{
	struct attempt *a = shared_attempt(own_path);
	int status = run(a);

	tap_ok(a->answered, "PTRACE_SEIZE and INTERRUPT leave the notification valid");
	tap_ok(a->stop == EXEC_STOP, "a successful exec gives PTRACE_EVENT_EXEC first (%#x)",
	       a->stop);
	tap_ok(a->same_file, "/proc/PID/exe is the new file at that stop");
	tap_ok(status == MARK, "detach clears the pending interrupt: the program runs to its end");
}

static void test_failure(void)
{
	static const struct {
		const char *path;
		int error;
	} rows[] = {
		{ "/nonexistent/program", ENOENT },
		{ "/etc/passwd", EACCES },
		{ "/", EACCES },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct attempt *a = shared_attempt(rows[i].path);
		int status = run(a);

		tap_ok(a->stop == INTERRUPT_STOP && status == 7 && a->error == rows[i].error,
		       "a failed exec of %s gives PTRACE_EVENT_STOP (%#x), then goes on with errno %d",
		       rows[i].path, a->stop, a->error);
	}
}

static void test_thread(void)
{
	struct attempt *a = shared_attempt(own_path);
	int status;

	a->from_thread = true;
	status = run(a);
	tap_ok(a->stop == EXEC_STOP && a->caller != a->stopped,
	       "an exec from a thread stops under the leader's id (%d by %d)", (int)a->stopped,
	       (int)a->caller);
	tap_ok(a->message == (unsigned long)a->caller,
	       "PTRACE_GETEVENTMSG gives the id that it had (%lu)", a->message);
	tap_ok(status == MARK, "and the program runs to its end (%d)", status);

	a = shared_attempt("/nonexistent/program");
	a->from_thread = true;
	status = run(a);
	tap_ok(a->stop == INTERRUPT_STOP && a->stopped == a->caller && status == 7,
	       "a failed exec from a thread stops under the thread's id");
}

/* The racer: the path's last byte goes between this program and a copy of it. */
struct flip {
	char path[4096];
	size_t at;
	char good, evil;
	atomic_bool stop;
};

static void *flipper(void *arg)
{
	struct flip *f = arg;

	while (!atomic_load_explicit(&f->stop, memory_order_relaxed)) {
		__atomic_store_n(&f->path[f->at], f->evil, __ATOMIC_RELAXED);
		__atomic_store_n(&f->path[f->at], f->good, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* vfork: the parent's flipper goes on in the same memory while the child execs. */
static int flip_body(void *arg)
{
	struct flip *f = arg;
	char *argv[] = { (char *)"exec", (char *)"mark", NULL };
	pthread_t thread;

	pthread_create(&thread, NULL, flipper, f);
	while (!atomic_load(&f->stop)) {
		pid_t pid = vfork();
		int status;

		if (pid == 0) {
			execv(f->path, argv);
			_exit(7);
		}
		waitpid(pid, &status, 0);
	}
	pthread_join(thread, NULL);
	return 0;
}

/* Approves the good path only; returns whether the stop showed another file. */
static bool flip_once(struct notified *n, struct flip *f)
{
	struct seccomp_notif req;
	char path[4096] = "";
	pid_t stopped;
	bool caught;
	int status;

	if (!notified_next(n, &req, 5000))
		tap_bail("no notification");
	if (!copy_in((pid_t)req.pid, path, req.data.args[0], f->at + 2) ||
	    path[f->at] != f->good) {
		notified_answer(n, req.id, EACCES, 0, 0);
		return false;
	}
	if (ptrace(PTRACE_SEIZE, (pid_t)req.pid, NULL, PTRACE_O_TRACEEXEC) < 0)
		tap_bail("PTRACE_SEIZE");
	ptrace(PTRACE_INTERRUPT, (pid_t)req.pid, NULL, NULL);
	notified_go_on(n, req.id);
	stopped = waitpid((pid_t)req.pid, &status, __WALL);
	caught = WIFSTOPPED(status) && status >> 8 == EXEC_STOP && !is_file(stopped, own_path);
	if (caught)
		kill(stopped, SIGKILL);
	ptrace(PTRACE_DETACH, stopped, NULL, NULL);
	return caught;
}

static void test_flip(void)
{
	char directory[] = "/tmp/warder-exec-XXXXXX", command[9000];
	struct flip *f = mmap(NULL, sizeof(*f), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			      -1, 0);
	struct notified n = { .calls = { SYS_execve },
			      .filter_flags = SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
			      .body = flip_body,
			      .arg = f };
	int tries = 0;
	bool caught = false;

	if (f == MAP_FAILED || !mkdtemp(directory))
		tap_bail("mkdtemp");
	snprintf(command, sizeof(command), "ln -s '%s' %s/a && cp '%s' %s/b", own_path, directory,
		 own_path, directory);
	if (system(command) != 0)
		tap_bail("copying");
	f->at = (size_t)snprintf(f->path, sizeof(f->path), "%s/a", directory) - 1;
	f->good = 'a';
	f->evil = 'b';
	if (!notified_start(&n))
		tap_bail("filter");
	while (!caught && tries++ < FLIP_TRIES_MAX)
		caught = flip_once(&n, f);
	kill(n.pid, SIGKILL);
	notified_end(&n);
	while (waitpid(-1, NULL, __WALL | WNOHANG) > 0)
		;
	tap_ok(caught, "another file than the approved one is seen at the exec stop (%d tries)",
	       tries);
	snprintf(command, sizeof(command), "rm -r %s", directory);
	if (system(command) != 0)
		printf("# %s is left\n", directory);
}

int main(int argc, char **argv)
{
	struct notified probe = { .calls = { SYS_execve },
				  .filter_flags = SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
				  .body = exec_body,
				  .arg = &(struct attempt){ .path = "/nonexistent" } };
	ssize_t len;

	if (argc > 1 && strcmp(argv[1], "mark") == 0)
		return MARK;
	len = readlink("/proc/self/exe", own_path, sizeof(own_path) - 1);
	if (len <= 0)
		tap_bail(argv[0]);
	own_path[len] = '\0';
	if (!notified_start(&probe)) {
		/* An interrupt would cancel a call that waits interruptibly. */
		tap_skip("exec verified by ptrace", "this kernel has no WAIT_KILLABLE_RECV");
		return tap_done();
	}
	kill(probe.pid, SIGKILL);
	notified_end(&probe);

	test_success();
	test_failure();
	test_thread();
	test_flip();
	return tap_done();
}
