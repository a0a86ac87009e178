/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Built and run at build time: writes the seccomp filters as BPF bytes, so
 * that a start loads a ready filter (0.15 ms) instead of compiling one
 * (1.5 ms), and the program needs no libseccomp.
 *
 * The agent's filter is an allow-list.  Its default action, and that for a
 * foreign architecture (i386 and x32 on x86-64), is to *notify*: whatever is
 * not on the list is refused by the supervisor, who writes it down.  So the
 * tables below name only what runs at native speed and what is refused
 * without a word.
 *
 * Every test is of a scalar argument.  int arguments are compared under a
 * 32-bit mask: the kernel ignores the upper half of the register, and so must
 * the filter (a plain comparison let TIOCSTI through in others' sandboxes).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jail/filter.h"
#include "../preload/protocol.h"

#define INT_MASK 0xffffffffULL
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* What an agent may do without being asked. */
static const char *const allowed[] = {
	/* bytes through descriptors */
	"read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "preadv2",
	"pwritev2", "close", "close_range", "lseek", "_llseek", "dup", "dup2", "dup3", "pipe", "pipe2",
	"fcntl", "fcntl64", "flock", "fsync", "fdatasync", "sync", "syncfs", "sync_file_range",
	"ftruncate", "fallocate", "fadvise64", "readahead", "splice", "tee", "vmsplice", "sendfile",
	"copy_file_range", "io_setup", "io_destroy", "io_submit", "io_cancel", "io_getevents",
	"io_pgetevents",
	/* looking at files, and changing what an open descriptor or metadata says */
	"stat", "fstat", "lstat", "newfstatat", "statx", "access", "faccessat", "faccessat2",
	"readlink", "readlinkat", "getdents", "getdents64", "getcwd", "chdir", "fchdir",
	"chown", "fchown", "lchown", "fchownat", "utime", "utimes", "utimensat", "futimesat", "umask",
	"statfs", "fstatfs", "getxattr", "lgetxattr", "fgetxattr", "setxattr", "lsetxattr",
	"fsetxattr", "listxattr", "llistxattr", "flistxattr", "removexattr", "lremovexattr",
	"fremovexattr", "inotify_init", "inotify_init1", "inotify_add_watch", "inotify_rm_watch",
	"memfd_create",
	/* memory */
	"mmap", "mprotect", "munmap", "mremap", "msync", "brk", "madvise", "mincore", "mlock", "mlock2",
	"munlock", "mlockall", "munlockall", "membarrier", "pkey_alloc", "pkey_free", "pkey_mprotect",
	"mbind", "get_mempolicy", "set_mempolicy",
	/* processes of its own pid namespace */
	"fork", "vfork", "exit", "exit_group", "wait4", "waitid", "kill", "tkill", "tgkill",
	"pidfd_open", "pidfd_send_signal", "getpid", "getppid", "gettid", "getpgid", "setpgid",
	"getpgrp", "getsid", "setsid", "getuid", "geteuid", "getgid", "getegid", "getresuid",
	"getresgid", "getgroups", "setuid", "setgid", "setreuid", "setregid", "setresuid",
	"setresgid", "setfsuid", "setfsgid", "setgroups", "capget", "capset", "arch_prctl",
	"set_tid_address", "set_robust_list", "get_robust_list", "rseq", "futex", "futex_waitv",
	"sched_yield", "sched_getaffinity", "sched_setaffinity", "sched_getparam", "sched_setparam",
	"sched_getscheduler", "sched_setscheduler", "sched_get_priority_max",
	"sched_get_priority_min", "sched_rr_get_interval", "sched_getattr", "sched_setattr",
	"getpriority", "setpriority", "ioprio_get", "ioprio_set", "getrlimit", "setrlimit",
	"prlimit64", "getrusage", "times", "uname", "sysinfo", "getcpu", "seccomp",
	"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "restart_syscall",
	"getrandom",
	/* signals */
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigtimedwait",
	"rt_sigqueueinfo", "rt_tgsigqueueinfo", "rt_sigsuspend", "sigaltstack", "pause", "signalfd",
	"signalfd4",
	/* time and waiting */
	"clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time",
	"alarm", "getitimer", "setitimer", "timer_create", "timer_settime", "timer_gettime",
	"timer_getoverrun", "timer_delete", "timerfd_create", "timerfd_settime", "timerfd_gettime",
	"poll", "ppoll", "select", "pselect6", "epoll_create", "epoll_create1", "epoll_ctl",
	"epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd", "eventfd2",
	/* IPC of its own ipc namespace */
	"shmget", "shmat", "shmdt", "shmctl", "semget", "semop", "semtimedop", "semctl", "msgget",
	"msgsnd", "msgrcv", "msgctl", "mq_open", "mq_unlink", "mq_timedsend", "mq_timedreceive",
	"mq_notify", "mq_getsetattr",
	/* sockets that exist already */
	"accept", "accept4", "getsockname", "getpeername", "getsockopt", "setsockopt",
	"shutdown", "recvfrom", "recvmsg", "recvmmsg",
};

/* Only where the profile says exec.ptrace. */
static const char *const allowed_ptrace[] = {"ptrace", "process_vm_readv", "process_vm_writev",
					     "kcmp", "pidfd_getfd"};

/* Refused without a record: what the C library tries and falls back from. */
static const struct {
	const char *name;
	int err;
} quiet[] = {
	{"clone3", ENOSYS},  /* its flags are behind a pointer; glibc falls back to clone */
	{"openat2", ENOSYS}, /* its mode is; whoever uses it falls back to openat */
};

/* What the supervisor needs once it runs; anything else ends it, and with it the run. */
static const char *const supervisor[] = {
	"read", "write", "readv", "writev", "pread64", "pwrite64", "close", "close_range",
	"lseek", "fcntl", "dup", "dup3", "openat", "openat2", "open", "stat", "fstat", "lstat",
	"newfstatat", "statx", "statfs", "fstatfs", "access", "faccessat", "faccessat2",
	"readlink", "readlinkat", "getcwd", "getdents64", "ftruncate", "fsync", "fdatasync",
	"flock", "unlink", "unlinkat", "rmdir", "mkdir", "rename", "renameat", "renameat2",
	"fchmod", "ioctl", "poll", "ppoll", "epoll_create1", "epoll_ctl", "epoll_wait",
	"epoll_pwait", "signalfd4", "timer_settime", "kcmp", "socket", "connect", "accept4",
	"getsockname", "getpeername", "getsockopt", "setsockopt", "listen", "bind", "sendto",
	"sendmsg", "recvfrom", "recvmsg", "shutdown", "mmap", "munmap", "mremap", "mprotect",
	"brk", "madvise", "futex", "getrandom", "clock_gettime", "clock_nanosleep",
	"gettimeofday", "time", "getpid", "gettid", "getppid", "getuid", "geteuid", "getgid",
	"getegid", "getpgrp", "getpgid", "getsid", "setresuid", "setresgid", "capset", "capget",
	"kill", "tgkill", "tkill", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
	"rt_sigtimedwait", "sigaltstack", "waitid", "wait4", "pidfd_open", "pidfd_getfd",
	"pidfd_send_signal", "process_vm_readv", "process_vm_writev", "ptrace", "exit",
	"exit_group", "restart_syscall", "prctl", "sched_yield", "umask", "uname", "sysinfo",
	"getrusage", "prlimit64", "rseq", "set_robust_list",
};

/* What the pid namespace's init needs: to reap, to report, to end. */
static const char *const init_calls[] = {"wait4", "waitid", "sendmsg", "kill", "exit", "exit_group",
					 "rt_sigreturn", "restart_syscall"};

static void fail(const char *what, int rc)
{
	fprintf(stderr, "gen-filter: %s: %s\n", what, strerror(-rc));
	exit(1);
}

static void rule(scmp_filter_ctx ctx, uint32_t action, const char *name, unsigned int n,
		 const struct scmp_arg_cmp *args)
{
	int nr = seccomp_syscall_resolve_name(name);
	int rc;

	if (nr < 0) /* not on this architecture */
		return;
	rc = seccomp_rule_add_array(ctx, action, nr, n, args);
	if (rc < 0)
		fail(name, rc);
}

static void allow(scmp_filter_ctx ctx, const char *name)
{
	rule(ctx, SCMP_ACT_ALLOW, name, 0, NULL);
}

static void allow_if(scmp_filter_ctx ctx, const char *name, struct scmp_arg_cmp cmp)
{
	rule(ctx, SCMP_ACT_ALLOW, name, 1, &cmp);
}

/* ioctls of 16 bits whose number agrees with base under mask. */
struct ioctl_block {
	uint32_t base, mask;
};

/* The highest bit tells the two of them apart, all further ones are 0 in both. */
enum { IOCTL_TELLS = 0x8000 };
static const struct ioctl_block terminals = {0x5400, 0xffc0};
static const struct ioctl_block sockets = {0x8900, 0xfd00}; /* and 0x8b00, wireless */

static bool terminal_refused(uint32_t request)
{
	/* They type into the terminal of whoever started us, or take its console; or give
	 * it a line discipline, for which the kernel loads a driver. */
	return request == 0x5412 /* TIOCSTI */ || request == 0x541c /* TIOCLINUX */ ||
	       request == 0x541d /* TIOCCONS */ || request == 0x5423 /* TIOCSETD */ ||
	       request == 0x540c /* TIOCEXCL: would outlive the run */;
}

static void allow_ioctl(scmp_filter_ctx ctx, uint32_t mask, uint32_t request)
{
	allow_if(ctx, "ioctl", SCMP_CMP(1, SCMP_CMP_MASKED_EQ, mask, request));
}

/* libseccomp has no masked "not equal", so the outside of a block is a rule a bit. */
static void allow_outside(scmp_filter_ctx ctx, const struct ioctl_block *b)
{
	for (uint32_t bit = IOCTL_TELLS >> 1; bit != 0; bit >>= 1)
		if (b->mask & bit)
			allow_ioctl(ctx, IOCTL_TELLS | bit,
				    (b->base & IOCTL_TELLS) | ((b->base & bit) ^ bit));
}

static void agent_ioctls(scmp_filter_ctx ctx)
{
	/* What is a socket's own: whom it signals (FIOSETOWN, SIOCSPGRP and the like, as
	 * F_SETOWN), its urgent mark, its last time stamp, its queue.  The others are the
	 * network's in which it lives, which may be the host's: on_ioctl.c. */
	static const uint32_t of_socket[] = {0x8901, 0x8902, 0x8903, 0x8904,
					     0x8905, 0x8906, 0x8907, 0x894b};

	for (uint32_t bit = 1U << 31; bit != IOCTL_TELLS; bit >>= 1)
		allow_ioctl(ctx, bit, bit);
	allow_outside(ctx, &terminals);
	allow_outside(ctx, &sockets);
	for (uint32_t v = terminals.base; (v & terminals.mask) == terminals.base; v++)
		if (!terminal_refused(v))
			allow_ioctl(ctx, INT_MASK, v);
	for (size_t i = 0; i < COUNT(of_socket); i++)
		allow_ioctl(ctx, INT_MASK, of_socket[i]);
}

/* SOCK_NONBLOCK and SOCK_CLOEXEC travel in the type. */
#define TYPE_MASK (INT_MASK & ~(scmp_datum_t)(SOCK_NONBLOCK | SOCK_CLOEXEC))

enum { ANY_PROTOCOL = -1 };

static void allow_socket(scmp_filter_ctx ctx, const char *name, int family, int type, int protocol)
{
	struct scmp_arg_cmp args[] = {
		SCMP_A0(SCMP_CMP_MASKED_EQ, INT_MASK, (scmp_datum_t)family),
		SCMP_A1(SCMP_CMP_MASKED_EQ, TYPE_MASK, (scmp_datum_t)type),
		SCMP_A2(SCMP_CMP_MASKED_EQ, INT_MASK, (scmp_datum_t)protocol),
	};

	rule(ctx, SCMP_ACT_ALLOW, name, protocol == ANY_PROTOCOL ? 2 : 3, args);
}

static void agent_sockets(scmp_filter_ctx ctx)
{
	/* No MPTCP, SCTP, UDP-Lite: kernel that nobody needs, and streams that are not
	 * what the supervisor and Landlock know as TCP. */
	static const struct {
		int family, type, protocol;
	} internet[] = {
		{AF_INET, SOCK_STREAM, 0},	      {AF_INET, SOCK_STREAM, IPPROTO_TCP},
		{AF_INET, SOCK_DGRAM, 0},	      {AF_INET, SOCK_DGRAM, IPPROTO_UDP},
		{AF_INET, SOCK_DGRAM, IPPROTO_ICMP},  {AF_INET6, SOCK_STREAM, 0},
		{AF_INET6, SOCK_STREAM, IPPROTO_TCP}, {AF_INET6, SOCK_DGRAM, 0},
		{AF_INET6, SOCK_DGRAM, IPPROTO_UDP},  {AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6},
	};

	for (size_t i = 0; i < COUNT(internet); i++)
		allow_socket(ctx, "socket", internet[i].family, internet[i].type,
			     internet[i].protocol);
	/* No datagrams: their sends name a path in memory the agent can rewrite. */
	allow_socket(ctx, "socket", AF_UNIX, SOCK_STREAM, ANY_PROTOCOL);
	allow_socket(ctx, "socket", AF_UNIX, SOCK_SEQPACKET, ANY_PROTOCOL);
	allow_socket(ctx, "socketpair", AF_UNIX, SOCK_STREAM, ANY_PROTOCOL);
	allow_socket(ctx, "socketpair", AF_UNIX, SOCK_SEQPACKET, ANY_PROTOCOL);
	allow_socket(ctx, "socket", AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	allow_socket(ctx, "socket", AF_NETLINK, SOCK_DGRAM, NETLINK_ROUTE);
	/* No address of the internet is as short: inet(6)_bind() give EINVAL. */
	allow_if(ctx, "bind", SCMP_A2(SCMP_CMP_MASKED_EQ, INT_MASK, sizeof(struct sockaddr_nl)));
}

/* MSG_FASTOPEN would connect a handed-off socket, that lives in the host's
 * network, to an address of the agent's choice. */
static void agent_sends(scmp_filter_ctx ctx, bool notify_send)
{
	struct scmp_arg_cmp sendto[] = {
		SCMP_A3(SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, 0),
		SCMP_A4(SCMP_CMP_EQ, 0, 0), /* no destination: both halves of the pointer */
	};

	rule(ctx, SCMP_ACT_ALLOW, "sendto", notify_send ? 2 : 1, sendto);
	if (notify_send)
		return; /* sendmsg and sendmmsg: the supervisor looks, the missing route holds */
	allow_if(ctx, "sendmsg", SCMP_A2(SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, 0));
	allow_if(ctx, "sendmmsg", SCMP_A3(SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, 0));
}

/* Opens that cannot change a file run at native speed; the others are looked
 * at by the supervisor, so that a refused one is on record.  Mounts and
 * Landlock are what refuses it. */
static void agent_opens(scmp_filter_ctx ctx)
{
	const scmp_datum_t changing = O_ACCMODE | O_CREAT | O_TRUNC;

	allow_if(ctx, "open", SCMP_A1(SCMP_CMP_MASKED_EQ, changing, 0));
	allow_if(ctx, "openat", SCMP_A2(SCMP_CMP_MASKED_EQ, changing, 0));
	/* A set-user-ID file would outlive the sandbox; on_file.c has the calls with a path. */
	allow_if(ctx, "fchmod", SCMP_A1(SCMP_CMP_MASKED_EQ, S_ISUID | S_ISGID, 0));
}

static void agent_scalars(scmp_filter_ctx ctx)
{
	const scmp_datum_t namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
					CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
	static const uint32_t personas[] = {0, 0xffffffff, PER_LINUX32, UNAME26,
					    PER_LINUX32 | UNAME26, ADDR_NO_RANDOMIZE};

	allow_if(ctx, "clone", SCMP_A0(SCMP_CMP_MASKED_EQ, namespaces | CLONE_PTRACE, 0));
	allow_if(ctx, "unshare",
		 SCMP_A0(SCMP_CMP_MASKED_EQ, ~(scmp_datum_t)(CLONE_FS | CLONE_FILES | CLONE_SYSVSEM),
			 0));
	for (size_t i = 0; i < COUNT(personas); i++)
		allow_if(ctx, "personality", SCMP_A0(SCMP_CMP_MASKED_EQ, INT_MASK, personas[i]));
	/* A register whose upper half is not clear only misses the supervisor here. */
	allow_if(ctx, "prctl", SCMP_A0(SCMP_CMP_NE, WARDER_PRCTL, 0));
}

static scmp_filter_ctx new_filter(uint32_t action, uint32_t foreign)
{
	scmp_filter_ctx ctx = seccomp_init(action);
	int rc;

	if (ctx == NULL)
		fail("seccomp_init", -ENOMEM);
	rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, foreign);
	if (rc == 0)
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (rc < 0)
		fail("seccomp_attr_set", rc);
	return ctx;
}

static scmp_filter_ctx agent_filter(unsigned int variant)
{
	scmp_filter_ctx ctx = new_filter(SCMP_ACT_NOTIFY, SCMP_ACT_NOTIFY);

	for (size_t i = 0; i < COUNT(allowed); i++)
		allow(ctx, allowed[i]);
	if (variant & FILTER_PTRACE)
		for (size_t i = 0; i < COUNT(allowed_ptrace); i++)
			allow(ctx, allowed_ptrace[i]);
	for (size_t i = 0; i < COUNT(quiet); i++)
		rule(ctx, SCMP_ACT_ERRNO((uint16_t)quiet[i].err), quiet[i].name, 0, NULL);
	agent_sockets(ctx);
	agent_sends(ctx, variant & FILTER_NOTIFY_SEND);
	agent_opens(ctx);
	agent_scalars(ctx);
	agent_ioctls(ctx);
	return ctx;
}

static scmp_filter_ctx list_filter(const char *const *names, size_t n)
{
	scmp_filter_ctx ctx = new_filter(SCMP_ACT_KILL_PROCESS, SCMP_ACT_KILL_PROCESS);

	for (size_t i = 0; i < n; i++)
		allow(ctx, names[i]);
	return ctx;
}

static size_t print_filter(const char *name, scmp_filter_ctx ctx)
{
	int fd = memfd_create("bpf", MFD_CLOEXEC);
	int rc = fd < 0 ? -errno : seccomp_export_bpf(ctx, fd);
	struct sock_filter insn;
	size_t n = 0;

	if (rc < 0)
		fail("seccomp_export_bpf", rc);
	lseek(fd, 0, SEEK_SET);
	printf("static const struct sock_filter %s[] = {\n", name);
	for (; read(fd, &insn, sizeof(insn)) == (ssize_t)sizeof(insn); n++)
		printf("\t{0x%04x, %u, %u, 0x%08x},\n", insn.code, insn.jt, insn.jf, insn.k);
	printf("};\n\n");
	close(fd);
	seccomp_release(ctx);
	return n;
}

/* One string of names, each ended by a NUL, in the order of their numbers:
 * read only when a refusal is written down, and free of relocations. */
static void print_names(const char *name, uint32_t arch)
{
	printf("static const char %s[] =\n", name);
	for (int nr = 0; nr < FILTER_NAMES_MAX; nr++) {
		char *s = arch ? seccomp_syscall_resolve_num_arch(arch, nr) : NULL;

		printf("\t\"%s\\0\"\n", s != NULL ? s : "");
		free(s);
	}
	printf("\t;\n\n");
}

int main(void)
{
	uint32_t native = seccomp_arch_native();
	char name[64];

	printf("/* Made by gen-filter.c at build time. */\n");
	for (unsigned int variant = 0; variant < FILTER_VARIANTS; variant++) {
		snprintf(name, sizeof(name), "filter_agent_%u", variant);
		print_filter(name, agent_filter(variant));
	}
	print_filter("filter_supervisor", list_filter(supervisor, COUNT(supervisor)));
	print_filter("filter_init", list_filter(init_calls, COUNT(init_calls)));
	print_names("filter_names_native", native);
	print_names("filter_names_compat", native == SCMP_ARCH_X86_64 ? SCMP_ARCH_X86 : 0);
	return 0;
}
