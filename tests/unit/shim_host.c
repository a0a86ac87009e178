/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A dummy supervisor for shim.t: answers the hypercall of preload/protocol.h
 * and refuses every connect() and, of commands, those with "/denied" in their path, with EACCES.
 *
 *	shim_host COMMAND [ARG...]
 *
 * WHY and NAME give the text in $SHIM_TEXT, FAILED that in $SHIM_FAILED; a number in $SHIM_ERRNO
 * is what connect() fails with instead.  Exits with the command's status.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "../../preload/protocol.h"

static int filter(void)
{
	const struct scmp_arg_cmp magic = {
		.arg = 0, .op = SCMP_CMP_MASKED_EQ, .datum_a = UINT32_MAX, .datum_b = WARDER_PRCTL};
	const char *number = getenv("SHIM_ERRNO");
	uint16_t err = number ? (uint16_t)atoi(number) : EACCES;
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

	if (!ctx || seccomp_rule_add_array(ctx, SCMP_ACT_NOTIFY, SCMP_SYS(prctl), 1, &magic) < 0 ||
	    seccomp_rule_add(ctx, SCMP_ACT_ERRNO(err), SCMP_SYS(connect), 0) < 0 ||
	    seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, SCMP_SYS(execve), 0) < 0 ||
	    seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, SCMP_SYS(execveat), 0) < 0 ||
	    seccomp_load(ctx) < 0)
		return -1;
	return seccomp_notify_fd(ctx);
}

static ssize_t read_agent(pid_t pid, uint64_t from, void *to, size_t len)
{
	struct iovec l = {to, len}, r = {(void *)(uintptr_t)from, len};

	return process_vm_readv(pid, &l, 1, &r, 1, 0);
}

static int64_t hypercall(const struct seccomp_notif *req)
{
	uint64_t op = req->data.args[1], buffer = req->data.args[2], len = req->data.args[3];
	const char *text = getenv(op == WARDER_OP_FAILED ? "SHIM_FAILED" : "SHIM_TEXT");
	struct iovec l, r;
	char name[WARDER_TEXT_MAX];

	if (op == WARDER_OP_VERSION)
		return WARDER_PROTOCOL_VERSION;
	if (op == WARDER_OP_NAME) {
		if (read_agent(req->pid, buffer, name, sizeof(name)) != sizeof(name) ||
		    strcmp(name, "denied.example") != 0)
			return 0;
	} else if (op != WARDER_OP_WHY && op != WARDER_OP_WHY_CHILD && op != WARDER_OP_FAILED) {
		return -EINVAL;
	}
	if (!text)
		return 0;
	l = (struct iovec){(char *)text, strlen(text) < len ? strlen(text) : len};
	r = (struct iovec){(void *)(uintptr_t)buffer, l.iov_len};
	return process_vm_writev(req->pid, &l, 1, &r, 1, 0);
}

static bool is_denied(const struct seccomp_notif *req)
{
	bool at = req->data.nr == SYS_execveat;
	char path[64] = "";

	/* Short reads at the end of a mapping don't matter for what is tested. */
	if (at && (int)req->data.args[4] & AT_EMPTY_PATH) {
		char link[64];

		snprintf(link, sizeof(link), "/proc/%u/fd/%d", req->pid, (int)req->data.args[0]);
		if (readlink(link, path, sizeof(path) - 1) < 0)
			return true;
	} else {
		for (size_t i = 0; i < sizeof(path) - 1; i++)
			if (read_agent(req->pid, req->data.args[at] + i, path + i, 1) != 1 ||
			    !path[i])
				break;
	}
	return strstr(path, "/denied") != NULL;
}

static void answer(int listener, struct seccomp_notif *req, struct seccomp_notif_resp *resp)
{
	memset(req, 0, sizeof(*req));
	memset(resp, 0, sizeof(*resp));
	if (seccomp_notify_receive(listener, req) < 0)
		return;
	resp->id = req->id;
	if (req->data.nr == SYS_prctl) {
		resp->val = hypercall(req);
		resp->error = resp->val < 0 ? (int32_t)resp->val : 0;
		if (resp->error)
			resp->val = 0;
	} else if (is_denied(req)) {
		resp->error = -EACCES;
	} else {
		resp->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	}
	seccomp_notify_respond(listener, resp);
}

static int serve(int listener, pid_t child)
{
	int pidfd = (int)syscall(SYS_pidfd_open, child, 0), status;
	struct seccomp_notif *req;
	struct seccomp_notif_resp *resp;

	if (pidfd < 0 || seccomp_notify_alloc(&req, &resp) < 0)
		return 99;
	for (;;) {
		struct pollfd p[2] = {{pidfd, POLLIN, 0}, {listener, POLLIN, 0}};

		if (poll(p, 2, -1) < 0)
			return 99;
		if (p[1].revents & POLLIN)
			answer(listener, req, resp);
		else if (p[0].revents)
			break;
	}
	if (waitpid(child, &status, 0) < 0)
		return 99;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	int ends[2], listener = -1;
	pid_t child;
	char byte;

	if (argc < 2 || !getenv("SHIM_TEXT") ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return 98;
	child = fork();
	if (child == 0) {
		const char *preload = getenv("SHIM_PRELOAD");

		listener = filter();
		if (listener < 0 || fd_send(ends[1], listener, "x", 1) < 0)
			_exit(98);
		if (preload) /* only the command, not us */
			setenv("LD_PRELOAD", preload, 1);
		execv(argv[1], argv + 1);
		_exit(97);
	}
	close(ends[1]);
	if (child < 0 || fd_recv(ends[0], &listener, &byte, 1) != 1 || listener < 0)
		return 98;
	return serve(listener, child);
}
