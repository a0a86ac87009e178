/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's surface: one line for each call that an agent has no business
 * with.  surface [HOST-PID]: every attempt is made in a child of its own, since
 * some of them, where they succeed, change what comes after.
 */
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
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

enum { X32_BIT = 0x40000000, NR32_GETPID = 20, HIGH = 1 };

static pid_t victim = 1; /* pid 1 inside; outside a child that stands for it */
static pid_t host_pid;   /* the supervisor's number outside */

static char scratch[4096];

static long io_uring(void) { return syscall(SYS_io_uring_setup, 1, scratch); }
static long io_uring_enter(void) { return syscall(SYS_io_uring_enter, 0, 0, 0, 0, NULL, 0); }
/* Too small a struct: EINVAL wherever there is such a call. */
static long clone3_call(void) { return syscall(SYS_clone3, scratch, 0); }
static long new_user(void) { return unshare(CLONE_NEWUSER); }
static long new_mount(void) { return unshare(CLONE_NEWUSER | CLONE_NEWNS); }
static long new_net(void) { return unshare(CLONE_NEWUSER | CLONE_NEWNET); }
static long clone_user(void) { return syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0); }
static long set_ns(void) { return setns(open("/proc/self/ns/user", O_RDONLY), CLONE_NEWUSER); }
static long mounts(void) { return mount("none", "/tmp", "tmpfs", 0, NULL); }
static long unmounts(void) { return umount2("/proc", MNT_DETACH); }
static long pivots(void) { return syscall(SYS_pivot_root, "/", "/"); }
static long opens_tree(void) { return syscall(SYS_open_tree, AT_FDCWD, "/", 1); }
static long fs_open(void) { return syscall(SYS_fsopen, "tmpfs", 0); }
static long change_root(void) { return chroot("/"); }
static long bpf_call(void) { return syscall(SYS_bpf, BPF_PROG_GET_NEXT_ID, scratch, 64); }

static long perf(void)
{
	struct perf_event_attr a = { .type = PERF_TYPE_SOFTWARE, .size = sizeof(a),
				     .config = PERF_COUNT_SW_CPU_CLOCK, .exclude_kernel = 1 };

	return syscall(SYS_perf_event_open, &a, 0, -1, -1, 0);
}

static long trace_me(void) { return ptrace(PTRACE_TRACEME, 0, 0, 0); }
static long trace_victim(void) { return ptrace(PTRACE_SEIZE, victim, 0, 0); }
static long keyctl_call(void) { return syscall(SYS_keyctl, 0, -3, 1); }
static long add_key(void) { return syscall(SYS_add_key, "user", "probe", "x", 1, -1); }
static long fault_fd(void) { return syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY); }
static long kexec(void) { return syscall(SYS_kexec_load, 0, 0, NULL, 0); }
static long module(void) { return syscall(SYS_init_module, scratch, 0, ""); }
static long swap_off(void) { return syscall(SYS_swapoff, "/nothing"); }
static long set_time(void) { return syscall(SYS_settimeofday, NULL, NULL); }
static long set_name(void) { return sethostname("probe", 5); }
static long quota(void) { return syscall(SYS_quotactl, 0, NULL, 0, NULL); }
static long fan(void) { return syscall(SYS_fanotify_init, 0, 0); }
static long by_handle(void) { return syscall(SYS_open_by_handle_at, -1, scratch, 0); }
static long log_read(void) { return syscall(SYS_syslog, 3, scratch, sizeof(scratch)); }
static long no_random(void) { return personality(ADDR_COMPAT_LAYOUT | READ_IMPLIES_EXEC); }
static long compares(void) { return syscall(SYS_kcmp, getpid(), getpid(), 0, 0, 0); }

static long high_word(void) /* the kernel looks at the lower half of an int only */
{
	return syscall(SYS_unshare, (long)HIGH << 32 | CLONE_NEWUSER);
}

static long type_in(void) { return ioctl(0, TIOCSTI, "x"); }
static long type_in_high(void) { return syscall(SYS_ioctl, 0, (long)HIGH << 32 | TIOCSTI, "x"); }

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

static long memory_read(void)
{
	struct iovec local = { scratch, 8 }, remote = { scratch, 8 };

	return process_vm_readv(victim, &local, 1, &remote, 1, 0);
}

static long memory_write(void)
{
	struct iovec local = { scratch, 8 }, remote = { scratch, 8 };

	return process_vm_writev(victim, &local, 1, &remote, 1, 0);
}

static long memory_file(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", victim);
	return open(path, O_RDWR);
}

static long steals_fd(void)
{
	return syscall(SYS_pidfd_getfd, (int)syscall(SYS_pidfd_open, victim, 0), 0, 0);
}

/* A signal that pid 1 of a namespace would have to survive. */
static long kills_victim(void)
{
	if (kill(victim, SIGKILL) < 0)
		return -1;
	usleep(100000);
	if (kill(victim, 0) == 0) {
		errno = EALREADY; /* it took no notice */
		return -1;
	}
	return 0;
}

static long kills_host(void) { return kill(host_pid, 0); }

static long limits_host(void)
{
	struct rlimit r;

	return prlimit(host_pid, RLIMIT_NOFILE, NULL, &r);
}

static long owner_signal(void)
{
	int fd = open("/dev/null", O_RDONLY);

	return fcntl(fd, F_SETOWN, host_pid);
}

static long socket_raw(void) { return socket(AF_INET, SOCK_RAW, 1); }
static long socket_icmp(void) { return socket(AF_INET, SOCK_DGRAM, 1); }
static long socket_packet(void) { return socket(AF_PACKET, SOCK_RAW, 0); }
static long socket_vsock(void) { return socket(AF_VSOCK, SOCK_STREAM, 0); }
static long socket_alg(void) { return socket(AF_ALG, SOCK_SEQPACKET, 0); }
static long socket_route(void) { return socket(AF_NETLINK, SOCK_RAW, 0); }
static long socket_diag(void) { return socket(AF_NETLINK, SOCK_RAW, 4); }
static long socket_high(void) { return syscall(SYS_socket, (long)HIGH << 32 | AF_INET, SOCK_RAW, 1); }

#ifdef __x86_64__
static long by_int80(void)
{
	long ret;

	__asm__ volatile("int $0x80" : "=a"(ret) : "a"(NR32_GETPID)
			 : "memory", "r8", "r9", "r10", "r11");
	errno = (int)-ret;
	return (int)ret < 0 ? -1 : 0;
}

static long by_x32(void) { return syscall(X32_BIT | SYS_getpid); }
#endif

static long getpid_call(void) { return syscall(SYS_getpid); } /* the control of those two */

#define ROW(f) { #f, f }
static const struct {
	const char *name;
	long (*attempt)(void);
} rows[] = {
	ROW(io_uring), ROW(io_uring_enter), ROW(clone3_call), ROW(new_user), ROW(new_mount),
	ROW(new_net), ROW(clone_user), ROW(high_word), ROW(set_ns), ROW(mounts), ROW(unmounts),
	ROW(pivots), ROW(opens_tree), ROW(fs_open), ROW(change_root), ROW(bpf_call), ROW(perf),
	ROW(trace_me), ROW(trace_victim), ROW(keyctl_call), ROW(add_key), ROW(fault_fd), ROW(kexec),
	ROW(module), ROW(swap_off), ROW(set_time), ROW(set_name), ROW(quota), ROW(fan),
	ROW(by_handle), ROW(log_read), ROW(no_random), ROW(compares), ROW(type_in),
	ROW(type_in_high), ROW(listener), ROW(memory_read), ROW(memory_write), ROW(memory_file),
	ROW(steals_fd), ROW(kills_host), ROW(limits_host), ROW(owner_signal), ROW(socket_raw),
	ROW(socket_icmp), ROW(socket_packet), ROW(socket_vsock), ROW(socket_alg), ROW(socket_route),
	ROW(socket_diag), ROW(socket_high),
#ifdef __x86_64__
	ROW(by_int80), ROW(by_x32),
#endif
	ROW(getpid_call), ROW(kills_victim),
};

static void attempt(size_t i)
{
	pid_t self = getpid(), pid = fork();
	char text[16];
	int status;

	if (pid == 0) {
		long rc = rows[i].attempt();

		if (getpid() == self) /* a clone that succeeded */
			_exit(0);
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
		signal(SIGCHLD, SIG_DFL);
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		attempt(i);
	if (argc > 2)
		kill(victim, SIGKILL);
	return 0;
}
