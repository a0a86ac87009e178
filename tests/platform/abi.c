/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libseccomp with NOTIFY as the default action and as the action for a foreign
 * ABI: what a program tries in a way that the filter does not list is not only
 * refused but seen, an int 0x80 and an x32 call included.
 */
#include <seccomp.h>
#include <sys/mman.h>

#include "notify.h"

enum {
	X32_BIT = 0x40000000,
	NR32_GETPPID = 64, /* of i386 */
	UNLISTED = SYS_sysinfo,
};

/* What the child calls; each is answered with a number of its own. */
static long by_libc(void)
{
	return syscall(UNLISTED, NULL);
}

#ifdef __x86_64__
static long by_int80(void)
{
	long ret;

	__asm__ volatile("int $0x80" : "=a"(ret) : "a"(NR32_GETPPID) : "memory", "r8", "r9", "r10",
			 "r11");
	return (int)ret;
}

static long by_x32(void)
{
	long ret;

	__asm__ volatile("syscall" : "=a"(ret) : "a"((long)X32_BIT | SYS_getppid) : "rcx", "r11",
			 "memory");
	return ret;
}
#endif

static const struct {
	const char *what;
	long (*call)(void);
	uint32_t arch;
	int nr;
} rows[] = {
	{ "a call that no rule lists", by_libc, SCMP_ARCH_NATIVE, UNLISTED },
#ifdef __x86_64__
	{ "an int 0x80 call", by_int80, AUDIT_ARCH_I386, NR32_GETPPID },
	{ "an x32 call", by_x32, AUDIT_ARCH_X86_64, X32_BIT | SYS_getppid },
#endif
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]), ANSWER = 1000 };

static int load(void)
{
	static const int allowed[] = { SYS_read, SYS_write, SYS_close, SYS_exit_group, SYS_exit };
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_NOTIFY);
	int fd = -1;

	if (!ctx || seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_NOTIFY) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		if (seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0) < 0)
			return -1;
	if (seccomp_load(ctx) == 0)
		fd = seccomp_notify_fd(ctx);
	/* The context stays: to free it takes calls that are notified by now. */
	return fd;
}

/* Its exit status has a bit for each row that got its answer. */
static int child(int to_parent, int to_child)
{
	int right = 0, fd = load();
	char go;

	if (fd < 0 || write(to_parent, &fd, sizeof(fd)) != sizeof(fd) ||
	    read(to_child, &go, 1) != 1)
		return 64;
	close(fd);
	for (int i = 0; i < ROWS; i++)
		right |= (rows[i].call() == ANSWER + i) << i;
	return right;
}

int main(void)
{
	struct notified n = { 0 };
	struct seccomp_notif req;
	int to_parent[2], to_child[2], number, seen = 0, status;

	if (pipe(to_parent) < 0 || pipe(to_child) < 0)
		tap_bail("pipe");
	n.pid = fork();
	if (n.pid == 0)
		_exit(child(to_parent[1], to_child[0]));
	close(to_parent[1]);
	if (read(to_parent[0], &number, sizeof(number)) != sizeof(number))
		tap_bail("libseccomp loads NOTIFY as default and bad-arch action");
	tap_ok(true, "libseccomp loads NOTIFY as default and bad-arch action");
	n.pidfd = (int)syscall(SYS_pidfd_open, n.pid, 0);
	n.listener = (int)syscall(SYS_pidfd_getfd, n.pidfd, number, 0);
	if (n.listener < 0 || write(to_child[1], "", 1) != 1)
		tap_bail("pidfd_getfd");
	while (seen < ROWS && notified_next(&n, &req, 5000)) {
		tap_ok(req.data.arch == (rows[seen].arch == SCMP_ARCH_NATIVE ?
						 seccomp_arch_native() :
						 rows[seen].arch) &&
			       req.data.nr == rows[seen].nr,
		       "%s is notified, with arch %#x and number %#x", rows[seen].what,
		       req.data.arch, (unsigned int)req.data.nr);
		notified_answer(&n, req.id, 0, ANSWER + seen, 0);
		seen++;
	}
	status = notified_end(&n);
	tap_ok(seen == ROWS && status == (1 << ROWS) - 1,
	       "and every one of them gets the answer (%d seen, %#x)", seen, status);
	return tap_done();
}
