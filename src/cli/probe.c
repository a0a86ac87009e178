/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/probe.h"

#include <arpa/inet.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/sys.h"
#include "inventory/agent.h"
#include "inventory/revocation.h"
#include "jail/filter.h"
#include "jail/jail.h"
#include "jail/stages.h"
#include "policy/profile.h"
#include "supervisor/agentmem.h"

enum { SETTING_MAX = 512, HELD_PORT = 7, ELF_MAGIC = 4 };

#define IN_CONTAINER                                                  \
	"start the container with --security-opt seccomp=unconfined " \
	"--security-opt apparmor=unconfined --security-opt systempaths=unconfined"
#define KERNEL_5_19 "boot Linux 5.19 or later"

/* --- in a child ------------------------------------------------------------------------------ */

struct report {
	int rc;
	struct fault f;
};

static _Noreturn void report(probe_fn *fn, const struct paths *paths, int to)
{
	struct report r = {0};

	prctl(PR_SET_PDEATHSIG, SIGKILL); /* one that hangs in a probe of a probe */
	r.rc = fn(paths, &r.f);
	/* Smaller than PIPE_BUF: whole or not at all. */
	_exit(write(to, &r, sizeof(r)) == sizeof(r) ? 0 : 1);
}

int probe_run(probe_fn *fn, const struct paths *paths, struct fault *f)
{
	struct pollfd pfd = {.events = POLLIN};
	struct report r = {.rc = -1};
	int pipefd[2], ready;
	ssize_t n = -1;
	pid_t child;

	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return fault_errno(f, NULL, "cannot make a pipe");
	child = fork();
	if (child == 0)
		report(fn, paths, pipefd[1]);
	close(pipefd[1]);
	pfd.fd = pipefd[0];
	ready = child < 0 ? -1 : TEMP_FAILURE_RETRY(poll(&pfd, 1, PROBE_TIMEOUT_MS));
	if (ready > 0)
		n = read(pipefd[0], &r, sizeof(r));
	close(pipefd[0]);
	if (child < 0)
		return fault_errno(f, NULL, "cannot fork");
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	if (ready == 0)
		return fault_set(f, NULL, "it hung for %d s", PROBE_TIMEOUT_MS / 1000);
	if (n != (ssize_t)sizeof(r))
		return fault_set(f, NULL, "trying it ended the process that tried");
	*f = r.f;
	return r.rc;
}

/* --- what would mend it ---------------------------------------------------------------------- */

static bool in_container(void)
{
	return access("/.dockerenv", F_OK) == 0 || access("/run/.containerenv", F_OK) == 0 ||
	       getenv("KUBERNETES_SERVICE_HOST") != NULL;
}

/* The value of a setting as the kernel shows it; "" where it has none. */
static void setting(const char *path, char out[SETTING_MAX])
{
	autofd int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fd_read_all(fd, out, SETTING_MAX) < 0)
		out[0] = '\0';
	out[strcspn(out, "\n")] = '\0';
}

static const struct {
	const char *path, *bad, *mend;
} namespace_settings[] = {
	{"/proc/sys/user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=15000"},
	{"/proc/sys/kernel/unprivileged_userns_clone", "0",
	 "sysctl -w kernel.unprivileged_userns_clone=1"},
	/* For warder alone; the switch of that name is for everybody. */
	{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1",
	 "printf 'abi <abi/4.0>,\\nprofile warder \"%%s\" flags=(unconfined) {\\n  userns,\\n}\\n' "
	 "\"$(command -v warder)\" >/etc/apparmor.d/warder && apparmor_parser -r "
	 "/etc/apparmor.d/warder"},
};

/* Keeps errno, which says what went wrong. */
static const char *mend_namespaces(void)
{
	const char *mend = NULL;
	char value[SETTING_MAX];
	int err = errno;

	for (size_t i = 0; mend == NULL && i < ARRAY_SIZE(namespace_settings); i++) {
		setting(namespace_settings[i].path, value);
		if (strcmp(value, namespace_settings[i].bad) == 0)
			mend = namespace_settings[i].mend;
	}
	if (mend == NULL && err == ENOSPC)
		mend = "sysctl -w user.max_user_namespaces=15000";
	if (mend == NULL && in_container())
		mend = IN_CONTAINER;
	if (mend == NULL && (err == ENOSYS || err == EINVAL))
		mend = "boot a kernel with CONFIG_USER_NS";
	errno = err;
	return mend;
}

/* A container's filter says EPERM, or ENOSYS of calls that it does not know; so does a
 * kernel that is too old. */
static const char *mend_kernel(void)
{
	if ((errno == EPERM || errno == ENOSYS) && in_container())
		return IN_CONTAINER;
	return KERNEL_5_19;
}

/* ptrace(2), "/proc/sys/kernel/yama/ptrace_scope".  1 is enough: a supervisor is its
 * agent's ancestor. */
static const char *mend_ptrace(void)
{
	char value[SETTING_MAX];
	int err = errno;

	setting("/proc/sys/kernel/yama/ptrace_scope", value);
	errno = err;
	if (strcmp(value, "2") == 0)
		return "sysctl -w kernel.yama.ptrace_scope=1";
	if (strcmp(value, "3") == 0)
		return "echo kernel.yama.ptrace_scope=1 >/etc/sysctl.d/99-warder.conf; reboot";
	return mend_kernel();
}

/* The same fault with another mend; always -1. */
static int set_mend(struct fault *f, const char *mend)
{
	snprintf(f->mend, sizeof(f->mend), "%s", mend);
	return -1;
}

/* --- namespaces ------------------------------------------------------------------------------ */

static int write_file(const char *path, const char *text)
{
	autofd int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -1;
}

/* A user namespace and more, with our own ids in it. */
static int enter(int namespaces, struct fault *f)
{
	char uid[64], gid[64];

	snprintf(uid, sizeof(uid), "%u %u 1\n", geteuid(), geteuid());
	snprintf(gid, sizeof(gid), "%u %u 1\n", getegid(), getegid());
	if (unshare(CLONE_NEWUSER | namespaces) < 0)
		return fault_errno(f, mend_namespaces(), "cannot be made");
	if (write_file("/proc/self/setgroups", "deny") < 0 ||
	    write_file("/proc/self/uid_map", uid) < 0 || write_file("/proc/self/gid_map", gid) < 0)
		return fault_errno(f, mend_namespaces(), "its ids cannot be mapped");
	return 0;
}

int probe_user_namespace(const struct paths *paths, struct fault *f)
{
	static const char name[] = "doctor";

	(void)paths;
	if (enter(0, f) < 0)
		return -1;
	/* Ubuntu lets it be made, and nothing be done in it. */
	if (unshare(CLONE_NEWUTS) < 0 || sethostname(name, strlen(name)) < 0)
		return fault_errno(f, mend_namespaces(),
				   "can be made, but its capabilities do not work");
	fault_set(f, NULL, "its capabilities work");
	return 0;
}

static const struct {
	int flag;
	const char *name, *option;
} namespaces[] = {
	{CLONE_NEWNS, "mnt", "NAMESPACES"}, {CLONE_NEWPID, "pid", "PID_NS"},
	{CLONE_NEWNET, "net", "NET_NS"},    {CLONE_NEWIPC, "ipc", "IPC_NS"},
	{CLONE_NEWUTS, "uts", "UTS_NS"},    {CLONE_NEWCGROUP, "cgroup", "CGROUPS"},
};

/* Why that one cannot be had. */
static int fault_namespace(size_t i, struct fault *f)
{
	autofree char *name = mem_printf("max_%s_namespaces", namespaces[i].name);
	autofree char *path = mem_printf("/proc/sys/user/%s", name);
	autofree char *mend = NULL;
	char value[SETTING_MAX];
	int err = errno;

	setting(path, value);
	if (strcmp(value, "0") == 0 || err == ENOSPC)
		mend = mem_printf("sysctl -w user.%s=15000", name);
	else if (in_container())
		mend = mem_strdup(IN_CONTAINER);
	else
		mend = mem_printf("boot a kernel with CONFIG_%s", namespaces[i].option);
	errno = err;
	return fault_errno(f, mend, "no %s namespace", namespaces[i].name);
}

int probe_namespaces(const struct paths *paths, struct fault *f)
{
	(void)paths;
	if (enter(0, f) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++)
		if (unshare(namespaces[i].flag) < 0)
			return fault_namespace(i, f);
	fault_set(f, NULL, "mount, pid, network, IPC, UTS, cgroup");
	return 0;
}

/* The root of a run, with nothing of the host in it. */
static int mount_all(const struct paths *paths, struct fault *f)
{
	const struct fsplan empty = {0};

	(void)paths;
	if (mounts_apply(&empty, f) < 0)
		return set_mend(f, mend_kernel());
	fault_set(f, NULL, "a root of its own, with /proc and /dev");
	return 0;
}

int probe_mounts(const struct paths *paths, struct fault *f)
{
	if (enter(CLONE_NEWNS | CLONE_NEWPID, f) < 0)
		return -1;
	return probe_run(mount_all, paths, f); /* pid 1: only it may mount its /proc */
}

/* --- the network ----------------------------------------------------------------------------- */

int probe_network(const struct paths *paths, struct fault *f)
{
	int udp, tcp;

	(void)paths;
	if (enter(CLONE_NEWNET, f) < 0 || net_up(-1, f) < 0 || net_dns_sockets(&udp, &tcp, f) < 0)
		return -1;
	fault_set(f, NULL, "a loopback of its own, with its name server's sockets");
	return 0;
}

static const char *mend_tun(int err)
{
	if (in_container())
		return "start the container with --device /dev/net/tun";
	if (err == EACCES || err == EPERM)
		return "chmod 0666 /dev/net/tun";
	return "modprobe tun; test -e /dev/net/tun || "
	       "{ mkdir -p /dev/net && mknod -m 0666 /dev/net/tun c 10 200; }";
}

int probe_tun(const struct paths *paths, struct fault *f)
{
	int tun;

	(void)paths;
	if (enter(CLONE_NEWNET, f) < 0)
		return -1;
	tun = net_open_tun(f);
	if (tun < 0)
		return set_mend(f, mend_tun(errno));
	if (net_up(tun, f) < 0)
		return -1;
	fault_set(f, NULL, "catches what is no TCP connection");
	return 0;
}

/* --- held calls ------------------------------------------------------------------------------ */

/* Loads the agent's own filter into this process. */
static int load_filter(int *killable, struct fault *f)
{
	int fd;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fault_errno(f, KERNEL_5_19, "cannot set no_new_privs");
	fd = filter_load_agent(0, killable);
	if (fd >= 0)
		return fd;
	if (errno == EBUSY)
		return fault_set(f, "start warder outside of the other sandbox",
				 "another program's listener holds this process already");
	return fault_errno(f, mend_kernel(), "cannot load a filter with a listener");
}

int probe_seccomp(const struct paths *paths, struct fault *f)
{
	int killable;

	(void)paths;
	if (load_filter(&killable, f) < 0)
		return -1;
	fault_set(f, NULL, "the agent's filter can be loaded");
	return 0;
}

int probe_held(const struct paths *paths, struct fault *f)
{
	int killable;

	(void)paths;
	if (load_filter(&killable, f) < 0)
		return -1;
	if (!killable)
		return fault_set(f, KERNEL_5_19,
				 "no WAIT_KILLABLE_RECV: signals would interrupt them");
	fault_set(f, NULL, "signals do not interrupt them");
	return 0;
}

/* What stands for an agent: a child in a user namespace of its own. */
struct helper {
	pid_t pid;
	int pidfd;
	int sock; /* to it; SOCK_SEQPACKET */
};

static int start_helper(struct helper *h, void (*body)(int sock), struct fault *f)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fault_errno(f, NULL, "cannot make a socket pair");
	h->pid = fork();
	if (h->pid == 0) {
		struct fault why;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pair[0]);
		if (enter(0, &why) == 0)
			body(pair[1]);
		_exit(1);
	}
	close(pair[1]);
	h->sock = pair[0];
	h->pidfd = h->pid > 0 ? sys_pidfd_open(h->pid, 0) : -1;
	return h->pidfd < 0 ? fault_errno(f, KERNEL_5_19, "cannot hold a child") : 0;
}

/* A number that the helper says, or -1: it has ended. */
static int hear(const struct helper *h)
{
	int number;

	return recv(h->sock, &number, sizeof(number), 0) == sizeof(number) ? number : -1;
}

static void say(int sock, int number)
{
	if (send(sock, &number, sizeof(number), MSG_NOSIGNAL) != sizeof(number))
		_exit(1);
}

static void give_fd(int sock)
{
	int pipefd[2];
	char c;

	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return;
	say(sock, pipefd[1]);
	if (read(pipefd[0], &c, 1) == 1)
		say(sock, c);
}

int probe_getfd(const struct paths *paths, struct fault *f)
{
	struct helper h;
	int number, fd;

	(void)paths;
	if (start_helper(&h, give_fd, f) < 0)
		return -1;
	number = hear(&h);
	fd = sys_pidfd_getfd(h.pidfd, number);
	if (fd < 0)
		return fault_errno(f, mend_ptrace(),
				   "a child's descriptor cannot be taken (pidfd_getfd)");
	if (write(fd, "w", 1) != 1 || hear(&h) != 'w')
		return fault_set(f, KERNEL_5_19, "what was taken is not the child's descriptor");
	fault_set(f, NULL, "a child's descriptors can be taken");
	return 0;
}

/* Connects, and then reads from what it is connected to. */
static void connect_held(int sock)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
				  .sin_port = htons(HELD_PORT),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), killable;
	struct fault f;
	char c = 0;

	say(sock, load_filter(&killable, &f));
	if (connect(s, (struct sockaddr *)&sin, sizeof(sin)) == 0 && read(s, &c, 1) == 1)
		say(sock, c);
}

/* As the supervisor does it: receive, read, ask, put in place, answer. */
static int hand_off(int listener, int fd, struct fault *f)
{
	struct seccomp_notif n = {0};
	struct seccomp_notif_resp resp = {0};
	struct seccomp_notif_addfd add = {.flags = SECCOMP_ADDFD_FLAG_SETFD};
	struct sockaddr_in sin;

	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &n) < 0)
		return fault_errno(f, mend_kernel(), "a held call cannot be received");
	if (agentmem_read((pid_t)n.pid, n.data.args[1], &sin, sizeof(sin)) < 0)
		return fault_errno(f, mend_ptrace(), "its caller's memory cannot be read");
	if (sin.sin_port != htons(HELD_PORT) ||
	    ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &n.id) < 0)
		return fault_set(f, mend_kernel(), "a held call is not what was made");
	add.id = resp.id = n.id;
	add.srcfd = (uint32_t)fd;
	add.newfd = (uint32_t)n.data.args[0];
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) < 0)
		return fault_errno(f, mend_kernel(), "no socket can be put in place");
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &resp) < 0)
		return fault_errno(f, mend_kernel(), "a held call cannot be answered");
	return 0;
}

int probe_handoff(const struct paths *paths, struct fault *f)
{
	struct helper h;
	int pair[2], listener;

	(void)paths;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ||
	    write(pair[0], "w", 1) != 1)
		return fault_errno(f, NULL, "cannot make a socket pair");
	if (start_helper(&h, connect_held, f) < 0)
		return -1;
	listener = sys_pidfd_getfd(h.pidfd, hear(&h));
	if (listener < 0)
		return fault_errno(f, mend_ptrace(), "cannot take the listener");
	if (hand_off(listener, pair[1], f) < 0)
		return -1;
	if (hear(&h) != 'w')
		return fault_set(f, mend_kernel(), "the socket was put in place, but is another");
	fault_set(f, NULL, "a connect was held, read, answered with a socket of ours");
	return 0;
}

static void exec_held(int sock)
{
	static char *argv[] = {"warder", "version", NULL}, *env[] = {NULL};
	char go;

	say(sock, 0);
	if (recv(sock, &go, sizeof(go), 0) > 0)
		execve("/proc/self/exe", argv, env);
}

/* Seizes it and sees the stop at the end of an exec, before its first instruction. */
int probe_ptrace(const struct paths *paths, struct fault *f)
{
	struct helper h;
	int status;

	(void)paths;
	if (start_helper(&h, exec_held, f) < 0)
		return -1;
	hear(&h);
	if (ptrace(PTRACE_SEIZE, h.pid, NULL, PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL) < 0)
		return fault_errno(f, mend_ptrace(), "a child cannot be traced");
	if (send(h.sock, "g", 1, MSG_NOSIGNAL) != 1 || waitpid(h.pid, &status, __WALL) != h.pid ||
	    status >> 8 != (SIGTRAP | PTRACE_EVENT_EXEC << 8))
		return fault_set(f, mend_kernel(), "a traced child does not stop at its exec");
	fault_set(f, NULL, "what was started can be verified");
	return 0;
}

/* --- files ----------------------------------------------------------------------------------- */

static int fault_landlock(struct fault *f)
{
	char lsm[SETTING_MAX];
	autofree char *mend = NULL;

	if (errno != EOPNOTSUPP)
		return fault_errno(f, mend_kernel(), "this kernel has none");
	setting("/sys/kernel/security/lsm", lsm);
	mend = mem_printf("boot with lsm=landlock%s%s on the kernel's command line",
			  lsm[0] ? "," : "", lsm);
	return fault_set(f, mend, "this kernel was started without it");
}

int probe_landlock(const struct paths *paths, struct fault *f)
{
	const struct fsplan empty = {0};
	autofree char *self = realpath("/proc/self/exe", NULL);
	int abi = sys_landlock_create(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	(void)paths;
	if (abi < 1)
		return fault_landlock(f);
	if (self == NULL)
		return fault_set(f, "mount /proc", "cannot find warder itself");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fault_errno(f, KERNEL_5_19, "cannot set no_new_privs");
	if (landlock_apply(&empty, f) < 0)
		return -1;
	/* What no rule names. */
	if (open(self, O_RDONLY | O_CLOEXEC) >= 0 || errno != EACCES)
		return fault_set(f, KERNEL_5_19, "its rules do not hold");
	fault_set(f, NULL, "ABI %d", abi);
	return 0;
}

/* --- all of it ------------------------------------------------------------------------------- */

/* A sandbox up to where the command would start. */
static int try_sandbox(const struct profile *p, const struct fsplan *fs, struct fault *f)
{
	static char *argv[] = {"/bin/true", NULL}, *env[] = {NULL};
	autofd int tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	const struct jail_plan plan = {
		.profile = p,
		.fs = fs,
		.argv = argv,
		.env = env,
		.hostname = "doctor",
		.uid = geteuid(),
		.gid = getegid(),
		.want_tun = tun >= 0,
	};
	struct jail jail;
	bool same;

	if (jail_begin(&plan, &jail, f) < 0 || jail_wait(&jail, f) < 0)
		return -1;
	same = (jail.tun >= 0) == plan.want_tun;
	jail_end(&jail);
	if (!same)
		return fault_set(f, mend_tun(ENODEV), "/dev/net/tun can be opened, but not used");
	fault_set(f, NULL, "was built, with the profile \"%s\"", p->name);
	return 0;
}

static int try_in(const struct paths *paths, char *workspace, struct fault *f)
{
	const struct profile_context where = {.config_dir = paths->config,
					      .share_dir = paths->share,
					      .workspace = workspace,
					      .home = workspace};
	const struct fsplan_context ctx = {.workspace = workspace,
					   .home = workspace,
					   .cwd = workspace,
					   .ro = &(struct strlist){0},
					   .rw = &(struct strlist){0},
					   .program = "/proc/self/exe",
					   .hostname = "doctor",
					   .uid = geteuid(),
					   .gid = getegid()};
	struct profile *p = profile_load("default", &where, f);
	struct fsplan fs = {0};
	int rc = p ? fsplan_make(p, &ctx, &fs, f) : -1;

	if (rc == 0)
		rc = try_sandbox(p, &fs, f);
	fsplan_undo(&fs);
	fsplan_free(&fs);
	profile_free(p);
	return rc;
}

int probe_sandbox(const struct paths *paths, struct fault *f)
{
	char workspace[] = "/tmp/warder-doctor.XXXXXX";
	int rc;

	if (mkdtemp(workspace) == NULL)
		return fault_errno(f, NULL, "cannot make a workspace in /tmp");
	rc = try_in(paths, workspace, f);
	if (rmdir(workspace) < 0 && rc == 0)
		rc = fault_errno(f, NULL, "cannot remove the workspace %s", workspace);
	return rc;
}

/* --- warder's own places --------------------------------------------------------------------- */

/* Which of warder's directories, and why not. */
static int fault_directory(struct fault *f, const char *dir, const char *what)
{
	autofree char *chown = mem_printf("chown -R %u: %s", geteuid(), dir);
	const char *mend = errno == ENOSPC || errno == EDQUOT ? "make room there" : chown;

	return fault_errno(f, mend, "cannot %s in %s", what, dir);
}

/* Whether a line can be written and synced there. */
int probe_journal(const struct paths *paths, struct fault *f)
{
	autofree char *path = mem_printf("%s/journal/doctor.XXXXXX", paths->log);
	autofree char *ledger = mem_printf("%s/ledger.jsonl", paths->log);
	autofd int fd = -1;

	if (paths_make(paths->log, "journal", 0, f) < 0)
		return -1;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return fault_directory(f, paths->log, "make a journal");
	unlink(path);
	if (fd_write_all(fd, path, strlen(path)) < 0 || fdatasync(fd) < 0)
		return fault_directory(f, paths->log, "write a journal");
	if (access(ledger, R_OK | W_OK) < 0 && errno != ENOENT)
		return fault_directory(f, paths->log, "write the ledger");
	fault_set(f, NULL, "%s", paths->log);
	return 0;
}

/* Whether a supervisor can be reached there. */
int probe_runtime(const struct paths *paths, struct fault *f)
{
	autofree char *dir = mem_printf("%s/runs/doctor.XXXXXX", paths->runtime);
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	autofd int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	autofd int dirfd = -1;
	int rc;

	if (paths_make(paths->runtime, "runs", 0, f) < 0)
		return -1;
	if (mkdtemp(dir) == NULL)
		return fault_directory(f, paths->runtime, "make a directory");
	dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	snprintf(un.sun_path, sizeof(un.sun_path), "/proc/self/fd/%d/control", dirfd);
	rc = bind(sock, (struct sockaddr *)&un, sizeof(un));
	if (rc < 0)
		fault_directory(f, paths->runtime, "make a socket");
	unlinkat(dirfd, "control", 0);
	rmdir(dir);
	if (rc == 0)
		fault_set(f, NULL, "%s", paths->runtime);
	return rc;
}

int probe_revocations(const struct paths *paths, struct fault *f)
{
	const struct revocation_key nobody = {0};
	char name[300], why[256];
	int rc;

	if (paths_make(paths->state, "revoked.d", 1, f) < 0)
		return -1;
	rc = revocation_check(paths->state, &nobody, name, why, f);
	if (rc < 0)
		return -1;
	fault_set(f, NULL, "%s/revoked.d%s", paths->state,
		  rc ? "; ALL agents are revoked: `warder reinstate --all`" : "");
	return 0;
}

int probe_inventory(const struct paths *paths, struct fault *f)
{
	struct strlist ids = {0};
	int rc = agent_list(paths->config, &ids, f);

	for (size_t i = 0; rc == 0 && i < ids.n; i++) {
		struct agent *a = agent_load(paths->config, ids.v[i], f);

		rc = a ? 0 : -1;
		agent_free(a);
	}
	if (rc == 0)
		fault_set(f, NULL, "%s/agents.d: %zu agent%s", paths->config, ids.n,
			  ids.n == 1 ? "" : "s");
	strlist_free(&ids);
	return rc;
}

int probe_shim(const struct paths *paths, struct fault *f)
{
	autofree char *path = mem_printf("%s/libwarder-preload.so", paths->libexec);
	autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
	char head[ELF_MAGIC];

	if (fd < 0)
		return fault_errno(f, "make install", "cannot read %s", path);
	if (read(fd, head, sizeof(head)) != sizeof(head) || memcmp(head, ELFMAG, SELFMAG) != 0)
		return fault_set(f, "make install", "%s is no shared library", path);
	fault_set(f, NULL, "%s", path);
	return 0;
}
