/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's surface: one line for each call that an agent has no business
 * with.  surface [HOST-PID [outside]]: every attempt is made in a child of its
 * own, since some of them, where they succeed, change what comes after.  The
 * arguments are such that a success harms nobody: most are refused by the call
 * itself, once it is let through at all.
 */
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <linux/userfaultfd.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "probe.h"

enum { X32_BIT = 0x40000000, NR32_GETPID = 20, NO_FD = -1, NOBODY = 0x7ffffff0 };

/* The kernel looks at the lower half of an int only. */
#define HIGH(n) ((1L << 32) | (long)(n))

static pid_t victim = 1; /* pid 1 inside; outside a child that stands for it */
static pid_t host_pid;   /* the supervisor's number outside */

static char scratch[4096];

static long set_ns(void) { return setns(open("/proc/self/ns/uts", O_RDONLY), CLONE_NEWUTS); }

static long perf(void)
{
	struct perf_event_attr a = { .type = PERF_TYPE_SOFTWARE, .size = sizeof(a),
				     .config = PERF_COUNT_SW_CPU_CLOCK, .exclude_kernel = 1 };

	return syscall(SYS_perf_event_open, &a, 0, -1, -1, 0);
}

/* A second filter with a listener of its own. */
static long listener(void)
{
	static const unsigned char program[] = { 6, 0, 0, 0, 0, 0, 0xff, 0x7f }; /* return ALLOW */
	struct {
		unsigned short len;
		const void *filter;
	} prog = { 1, program };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog);
}

static long transfer(long nr, pid_t pid)
{
	static char there[8];
	struct iovec local = { scratch, 8 }, remote = { there, 8 };

	return syscall(nr, pid, &local, 1, &remote, 1, 0);
}

static long own_memory_read(void) { return transfer(SYS_process_vm_readv, getpid()); }
static long own_memory_write(void) { return transfer(SYS_process_vm_writev, getpid()); }
static long memory_read(void) { return transfer(SYS_process_vm_readv, victim); }
static long memory_write(void) { return transfer(SYS_process_vm_writev, victim); }

static long opens_of(pid_t pid, const char *name, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return open(path, flags);
}

static long memory_file(void) { return opens_of(victim, "mem", O_RDONLY); }
static long environment_file(void) { return opens_of(victim, "environ", O_RDONLY); }
static long root_of(void) { return opens_of(victim, "root", O_RDONLY | O_DIRECTORY); }
static long trace_victim(void) { return ptrace(PTRACE_SEIZE, victim, 0, 0); }
static long compares(void) { return syscall(SYS_kcmp, getpid(), getpid(), 0, 0, 0); }

static long steals_fd(void)
{
	return syscall(SYS_pidfd_getfd, (int)syscall(SYS_pidfd_open, victim, 0), 0, 0);
}

static long takes_own_fd(void)
{
	return syscall(SYS_pidfd_getfd, (int)syscall(SYS_pidfd_open, getpid(), 0), 0, 0);
}

/* A signal that pid 1 of a namespace would have to survive. */
static long kills_victim(void)
{
	struct pollfd pfd = { .fd = (int)syscall(SYS_pidfd_open, victim, 0), .events = POLLIN };

	if (kill(victim, SIGKILL) < 0)
		return -1;
	errno = EALREADY; /* it took no notice */
	return poll(&pfd, 1, 100) == 1 ? 0 : -1;
}

static long kills_host(void) { return kill(host_pid, 0); }

static long limits_host(void)
{
	struct rlimit r;

	return prlimit(host_pid, RLIMIT_NOFILE, NULL, &r);
}

static long owner_signal(void) { return fcntl(open("/dev/null", O_RDONLY), F_SETOWN, host_pid); }

#ifdef __x86_64__
static long by_int80(void)
{
	long ret;

	__asm__ volatile("int $0x80" : "=a"(ret) : "a"(NR32_GETPID)
			 : "memory", "r8", "r9", "r10", "r11");
	errno = (int)-ret;
	return (int)ret < 0 ? -1 : 0;
}
#endif

#define CALL(name, nr, ...) { name, NULL, nr, { __VA_ARGS__ } }
#define HERE ((long)scratch)
#define TEXT(s) ((long)(s))

static const struct {
	const char *name;
	long (*attempt)(void); /* else the call */
	long nr, args[6];
} rows[] = {
	CALL("getpid", SYS_getpid, 0), /* the control of the foreign numbers */
	CALL("io_uring_setup", SYS_io_uring_setup, 1, 0),
	CALL("io_uring_enter", SYS_io_uring_enter, NO_FD),
	CALL("io_uring_register", SYS_io_uring_register, NO_FD),
	/* Too small a struct: EINVAL wherever there is such a call. */
	CALL("clone3", SYS_clone3, HERE, 0),

	CALL("unshare_user", SYS_unshare, CLONE_NEWUSER),
	CALL("unshare_mount", SYS_unshare, CLONE_NEWUSER | CLONE_NEWNS),
	CALL("unshare_net", SYS_unshare, CLONE_NEWUSER | CLONE_NEWNET),
	CALL("unshare_pid", SYS_unshare, CLONE_NEWUSER | CLONE_NEWPID),
	CALL("clone_user", SYS_clone, CLONE_NEWUSER | SIGCHLD),
	CALL("clone_user_high", SYS_clone, HIGH(CLONE_NEWUSER | SIGCHLD)),
	{ "setns", set_ns, 0, { 0 } },
	CALL("mount", SYS_mount, TEXT("none"), TEXT("/nothing"), TEXT("tmpfs"), 0, 0),
	CALL("umount", SYS_umount2, TEXT("/nothing"), MNT_DETACH),
	CALL("pivot_root", SYS_pivot_root, TEXT("/"), TEXT("/")),
	CALL("chroot", SYS_chroot, TEXT("/")),
	CALL("open_tree", SYS_open_tree, AT_FDCWD, TEXT("/"), 1),
	CALL("fsopen", SYS_fsopen, TEXT("tmpfs"), 0),
	CALL("fspick", SYS_fspick, AT_FDCWD, TEXT("/"), 0),
	CALL("fsmount", SYS_fsmount, NO_FD, 0, 0),
	CALL("fsconfig", SYS_fsconfig, NO_FD, 0, 0, 0, 0),
	CALL("move_mount", SYS_move_mount, NO_FD, TEXT(""), NO_FD, TEXT(""), 0),
	CALL("mount_setattr", SYS_mount_setattr, NO_FD, TEXT(""), 0, HERE, 32),

	CALL("trace_me", SYS_ptrace, PTRACE_TRACEME),
	{ "trace_victim", trace_victim, 0, { 0 } },
	{ "own_memory_read", own_memory_read, 0, { 0 } },
	{ "own_memory_write", own_memory_write, 0, { 0 } },
	{ "memory_read", memory_read, 0, { 0 } },
	{ "memory_write", memory_write, 0, { 0 } },
	{ "kcmp", compares, 0, { 0 } },
	{ "takes_own_fd", takes_own_fd, 0, { 0 } },
	{ "steals_fd", steals_fd, 0, { 0 } },
	CALL("process_madvise", SYS_process_madvise, NO_FD, 0, 0, 0, 0),
	CALL("process_mrelease", SYS_process_mrelease, NO_FD, 0),
	CALL("migrate_pages", SYS_migrate_pages, 0, 0, 0, 0),
	CALL("move_pages", SYS_move_pages, 0, 0, 0, 0, 0, 0),
	{ "memory_file", memory_file, 0, { 0 } },
	{ "environment_file", environment_file, 0, { 0 } },
	{ "root_of", root_of, 0, { 0 } },
	{ "kills_host", kills_host, 0, { 0 } },
	{ "limits_host", limits_host, 0, { 0 } },
	{ "owner_signal", owner_signal, 0, { 0 } },

	CALL("bpf", SYS_bpf, BPF_PROG_GET_NEXT_ID, HERE, 64),
	{ "perf_event_open", perf, 0, { 0 } },
	CALL("userfaultfd", SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY),
	CALL("memfd_secret", SYS_memfd_secret, 0),
	{ "listener", listener, 0, { 0 } },
	CALL("keyctl", SYS_keyctl, 0, -3, 1),
	CALL("add_key", SYS_add_key, TEXT("user"), TEXT("probe"), TEXT("x"), 1, -1),
	CALL("request_key", SYS_request_key, TEXT("user"), TEXT("probe"), 0, -1),
	CALL("personality", SYS_personality, ADDR_COMPAT_LAYOUT | READ_IMPLIES_EXEC),
	CALL("personality_high", SYS_personality, HIGH(ADDR_COMPAT_LAYOUT | READ_IMPLIES_EXEC)),
	CALL("name_to_handle_at", SYS_name_to_handle_at, AT_FDCWD, TEXT("/"), HERE, HERE, 0),
	CALL("open_by_handle_at", SYS_open_by_handle_at, NO_FD, HERE, 0),
	CALL("fanotify_init", SYS_fanotify_init, 0, 0),
	CALL("fanotify_mark", SYS_fanotify_mark, NO_FD, 0, 0, 0, 0),

	CALL("kexec_load", SYS_kexec_load, 0, NOBODY, 0, 0),
	CALL("init_module", SYS_init_module, HERE, 0, TEXT("")),
	CALL("finit_module", SYS_finit_module, NO_FD, TEXT(""), 0),
	CALL("delete_module", SYS_delete_module, TEXT("nothing"), O_NONBLOCK),
	CALL("swapon", SYS_swapon, TEXT("/nothing"), 0),
	CALL("swapoff", SYS_swapoff, TEXT("/nothing")),
	CALL("acct", SYS_acct, TEXT("/nothing")),
	CALL("reboot", SYS_reboot, 0, 0, 0, 0), /* without its magic: EINVAL */
	CALL("settimeofday", SYS_settimeofday, 0, 0),
	CALL("clock_settime", SYS_clock_settime, NOBODY, 0),
	CALL("adjtimex", SYS_adjtimex, HERE),
	CALL("sethostname", SYS_sethostname, TEXT("probe"), 5),
	CALL("setdomainname", SYS_setdomainname, TEXT("probe"), 5),
	CALL("quotactl", SYS_quotactl, 0, 0, 0, 0),
	CALL("syslog", SYS_syslog, 3, HERE, sizeof(scratch)),
#ifdef __x86_64__
	CALL("iopl", SYS_iopl, 0),
	CALL("ioperm", SYS_ioperm, 0, 1, 0),
	CALL("modify_ldt", SYS_modify_ldt, 0, HERE, 0),
	{ "int80", by_int80, 0, { 0 } },
	CALL("x32", X32_BIT | SYS_getpid, 0),
#endif
	CALL("no_such_call", 470, 0),

	/* stdin is no terminal here: ENOTTY is what a let-through call would say. */
	CALL("TIOCSTI", SYS_ioctl, 0, TIOCSTI, TEXT("x")),
	CALL("TIOCSTI_high", SYS_ioctl, 0, HIGH(TIOCSTI), TEXT("x")),
	CALL("TIOCLINUX", SYS_ioctl, 0, TIOCLINUX, HERE),
	CALL("TIOCLINUX_high", SYS_ioctl, 0, HIGH(TIOCLINUX), HERE),
	CALL("TIOCCONS", SYS_ioctl, 0, TIOCCONS),
	CALL("TIOCSETD", SYS_ioctl, 0, TIOCSETD, HERE),
	CALL("TIOCGWINSZ", SYS_ioctl, 0, TIOCGWINSZ, HERE),
	CALL("SIOCSIFFLAGS", SYS_ioctl, 0, SIOCSIFFLAGS, HERE),
	CALL("SIOCSIFFLAGS_high", SYS_ioctl, 0, HIGH(SIOCSIFFLAGS), HERE),
	CALL("SIOCGSKNS", SYS_ioctl, 0, 0x894c, HERE),
	CALL("SIOCETHTOOL", SYS_ioctl, 0, SIOCETHTOOL, HERE),
	CALL("SIOCGIWNAME", SYS_ioctl, 0, 0x8b01, HERE),
	CALL("SIOCGIFCONF_file", SYS_ioctl, 0, SIOCGIFCONF, HERE),
	CALL("SIOCATMARK_file", SYS_ioctl, 0, SIOCATMARK, HERE),
	CALL("FIONCLEX", SYS_ioctl, 0, FIONCLEX),

	CALL("socket_stream", SYS_socket, AF_INET, SOCK_STREAM, 0),
	CALL("socket_tcp", SYS_socket, AF_INET, SOCK_STREAM, IPPROTO_TCP),
	CALL("socket_udp", SYS_socket, AF_INET6, SOCK_DGRAM, IPPROTO_UDP),
	CALL("socket_mptcp", SYS_socket, AF_INET, SOCK_STREAM, IPPROTO_MPTCP),
	CALL("socket_mptcp_high", SYS_socket, AF_INET6, SOCK_STREAM, HIGH(IPPROTO_MPTCP)),
	CALL("socket_sctp", SYS_socket, AF_INET, SOCK_STREAM, IPPROTO_SCTP),
	CALL("socket_udplite", SYS_socket, AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE),
	CALL("socket_raw", SYS_socket, AF_INET, SOCK_RAW, 1),
	CALL("socket_raw_high", SYS_socket, HIGH(AF_INET), HIGH(SOCK_RAW), 1),
	CALL("socket_packet", SYS_socket, AF_PACKET, SOCK_RAW, 0),
	CALL("socket_vsock", SYS_socket, AF_VSOCK, SOCK_STREAM, 0),
	CALL("socket_alg", SYS_socket, AF_ALG, SOCK_SEQPACKET, 0),
	CALL("socket_route", SYS_socket, AF_NETLINK, SOCK_RAW, 0),
	CALL("socket_diag", SYS_socket, AF_NETLINK, SOCK_RAW, 4),

	/* The last one: what it kills may be everything. */
	{ "kills_victim", kills_victim, 0, { 0 } },
};

static long act(size_t i)
{
	const long *a = rows[i].args;

	if (rows[i].attempt)
		return rows[i].attempt();
	return syscall(rows[i].nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void attempt(size_t i)
{
	pid_t pid = fork();
	char text[16];
	int status;

	if (pid == 0) {
		pid_t self = getpid();
		long rc = act(i);

		/* After a clone that succeeded there are two of us: the parent speaks. */
		if (getpid() == self)
			tell(rows[i].name, rc);
		_exit(0);
	}
	waitpid(pid, &status, WUNTRACED | __WALL);
	if (WIFEXITED(status))
		return;
	snprintf(text, sizeof(text), "signal:%d", WTERMSIG(status));
	tell_text(rows[i].name, text);
}

int main(int argc, char **argv)
{
	host_pid = argc > 1 ? atoi(argv[1]) : getppid();
	if (argc > 2) { /* outside: something that may be killed */
		victim = fork();
		if (victim == 0) {
			pause();
			_exit(0);
		}
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		attempt(i);
	if (argc > 2)
		kill(victim, SIGKILL);
	return 0;
}
