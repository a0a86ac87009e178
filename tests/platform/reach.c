/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a supervisor reaches of a child in a user namespace that it owns, also
 * when the child makes itself non-dumpable; and a call that carries a message
 * without a descriptor: a notified prctl() with a magic number.
 */
#include <sys/socket.h>

#include "notify.h"
#include "protocol.h"

/* Words and not a word: what the supervisor must find at the address. */
static const char secret_text[] = "what the supervisor reads";

/* After exec in the namespace: tells where its text is, then waits. */
static int child_main(const char *mode)
{
	struct {
		uint64_t address;
		int32_t fd;
	} told = { (uint64_t)(uintptr_t)secret_text, dup2(1, 77) };
	char go;

	if (strcmp(mode, "blind") == 0 && prctl(PR_SET_DUMPABLE, 0) < 0)
		return 1;
	if (write(1, &told, sizeof(told)) != sizeof(told))
		return 1;
	return read(0, &go, 1) == 1 ? 0 : 1;
}

static void test_reach(const char *mode)
{
	struct {
		uint64_t address;
		int32_t fd;
	} told;
	int in[2], out[2], pidfd, got, status;
	char text[sizeof(secret_text)] = "";
	pid_t pid;

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		tap_bail("pipe");
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!enter_namespaces(CLONE_NEWUSER | CLONE_NEWNET))
			_exit(98);
		dup2(in[0], 0);
		dup2(out[1], 1);
		/* The exec is what puts the memory under the new namespace's rule. */
		execl("/proc/self/exe", "reach", mode, NULL);
		_exit(97);
	}
	close(in[0]);
	close(out[1]);
	if (read(out[0], &told, sizeof(told)) != sizeof(told)) {
		waitpid(pid, &status, 0);
		tap_skip("reaching into a child user namespace", "no user namespaces here");
		return;
	}
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	got = (int)syscall(SYS_pidfd_getfd, pidfd, told.fd, 0);
	tap_ok(got >= 0, "pidfd_getfd of a %s child in a user namespace that we own", mode);
	tap_ok(copy_in(pid, text, told.address, sizeof(text)) && strcmp(text, secret_text) == 0,
	       "process_vm_readv of the %s child", mode);
	if (write(in[1], "", 1) != 1 || waitpid(pid, &status, 0) != pid)
		tap_bail("waitpid");
	tap_ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the %s child lived on", mode);
	close(in[1]);
	close(out[0]);
	close(pidfd);
	close(got);
}

/* Asks as the shim does, and other things besides. */
static int ask(void *arg)
{
	char text[WARDER_TEXT_MAX] = "";

	(void)arg;
	if (prctl(WARDER_PRCTL, WARDER_OP_WHY, text, sizeof(text), 0) != 6 || strcmp(text, "answer"))
		return 1;
	/* Another first argument must pass beside the filter. */
	return prctl(PR_SET_NAME, "asker", 0, 0, 0) == 0 ? 0 : 2;
}

static void test_prctl(void)
{
	struct notified n = { .calls = { SYS_prctl }, .first_arg = WARDER_PRCTL, .body = ask };
	char buffer[WARDER_TEXT_MAX];
	struct seccomp_notif req;
	int seen = 0, status;

	tap_ok(prctl(WARDER_PRCTL, WARDER_OP_WHY, buffer, sizeof(buffer), 0) < 0 && errno == EINVAL,
	       "prctl with the magic number is EINVAL where nobody answers");
	if (!notified_start(&n))
		tap_bail("filter");
	while (notified_next(&n, &req, 2000)) {
		static const char answer[] = "answer";
		struct iovec local = { (void *)answer, sizeof(answer) - 1 };
		struct iovec remote = { (void *)(uintptr_t)req.data.args[2], local.iov_len };

		seen++;
		notified_answer(&n, req.id, 0, process_vm_writev(req.pid, &local, 1, &remote, 1, 0),
				0);
	}
	status = notified_end(&n);
	tap_ok(seen == 1 && status == 0,
	       "a notified prctl carries a question in and an answer out; others pass (%d)", status);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return child_main(argv[1]);
	test_reach("plain");
	test_reach("blind");
	test_prctl();
	return tap_done();
}
