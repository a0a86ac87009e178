/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation.
 *
 *	supervisor == SOCK_SEQPACKET pair == broker == a pipe each == children
 *
 * A question is one message, so is an answer: nothing has to be framed.  The
 * broker stops reading questions while all its slots are busy; the socket's own
 * queue then fills and resolver_ask() says EAGAIN.  A child writes its answer
 * in one atomic write (it is shorter than PIPE_BUF); the broker puts the id on
 * it, so that a child taken over by a hostile DNS answer can lie about its own
 * question only.
 *
 * The end of the broker is the end of its socket: the supervisor may have lost
 * the right to kill it by then (another uid, a filter).  The parent-death signal
 * is a second string.
 */
#include "gateway/resolver.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/sys.h"

enum {
	BROKER_SOCK = 3,  /* the broker's one descriptor beside /dev/null; a child's pipe */
	NOBODY = 65534,	  /* the kernel's overflow uid: owns nothing */
	STOP_MS = 200, /* for the broker's own end; then it is killed */
};

struct question {
	uint32_t id;
	char name[ADDR_NAME_MAX + 1]; /* as long as the message says, NUL included */
};

struct resolver {
	int fd;
	pid_t pid;
};

/* A look-up under way in the broker; pid 0: a free slot. */
struct lookup {
	pid_t pid;
	int fd; /* the read end of the child's pipe */
	uint32_t id;
	int64_t deadline; /* ms of CLOCK_MONOTONIC */
};

_Static_assert(sizeof(struct resolver_answer) <= PIPE_BUF, "a child answers in one write");

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* The child: one look-up. */

static bool has_addr(const struct resolver_answer *a, const struct addr *one)
{
	for (uint32_t i = 0; i < a->n; i++)
		if (addr_equal(&a->addrs[i], one))
			return true;
	return false;
}

static void look_up(const char *name, struct resolver_answer *a)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_ADDRCONFIG,
	};
	struct addrinfo *list = NULL;

	a->error = getaddrinfo(name, NULL, &hints, &list);
	if (a->error)
		return;
	for (struct addrinfo *ai = list; ai && a->n < RESOLVER_ADDRS_MAX; ai = ai->ai_next) {
		struct addr one;
		uint16_t port;

		if (addr_from_sockaddr(ai->ai_addr, ai->ai_addrlen, &one, &port) &&
		    !has_addr(a, &one))
			a->addrs[a->n++] = one;
	}
	freeaddrinfo(list);
	if (a->n == 0)
		a->error = EAI_NONAME;
}

static _Noreturn void child_main(const struct question *q, int out, pid_t broker)
{
	struct resolver_answer a = {0};
	ssize_t n;

	/* Must still write its answer; mustn't hold the supervisor's socket or the
	 * pipes of other look-ups.  The tether is asked for after the fork, so the
	 * broker may be gone already. */
	if (dup3(out, BROKER_SOCK, O_CLOEXEC) < 0 ||
	    syscall(SYS_close_range, BROKER_SOCK + 1, ~0U, 0) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != broker)
		_exit(1);
	look_up(q->name, &a);
	n = write(BROKER_SOCK, &a, sizeof(a));
	_exit(n == (ssize_t)sizeof(a) ? 0 : 1);
}

/* The broker. */

/* Whether a, from a process that reads what strangers sent, is an answer. */
static bool answer_is_sane(const struct resolver_answer *a)
{
	if (a->error)
		return a->n == 0;
	if (a->n == 0 || a->n > RESOLVER_ADDRS_MAX)
		return false;
	for (uint32_t i = 0; i < a->n; i++)
		if (a->addrs[i].family != 4 && a->addrs[i].family != 6)
			return false;
	return true;
}

/* Blocks while the supervisor is busy: it has as many answers as it can take. */
static void send_answer(int sock, const struct resolver_answer *a)
{
	while (send(sock, a, sizeof(*a), MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			_exit(0); /* nobody is there to answer to */
}

static void send_error(int sock, uint32_t id, int error)
{
	struct resolver_answer a = {.id = id, .error = error};

	send_answer(sock, &a);
}

static void end_lookup(struct lookup *l)
{
	kill(l->pid, SIGKILL);
	while (waitpid(l->pid, NULL, 0) < 0 && errno == EINTR)
		;
	fd_close(&l->fd);
	l->pid = 0;
}

/* The child has written, or died without a word. */
static void finish_lookup(int sock, struct lookup *l)
{
	struct resolver_answer a;
	ssize_t n = read(l->fd, &a, sizeof(a));

	if (n == (ssize_t)sizeof(a) && answer_is_sane(&a)) {
		a.id = l->id;
		send_answer(sock, &a);
	} else {
		send_error(sock, l->id, EAI_FAIL);
	}
	end_lookup(l);
}

static bool start_lookup(struct lookup *l, const struct question *q)
{
	pid_t broker = getpid();
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return false;
	l->pid = fork();
	if (l->pid == 0)
		child_main(q, ends[1], broker);
	close(ends[1]);
	if (l->pid < 0) {
		close(ends[0]);
		l->pid = 0;
		return false;
	}
	l->fd = ends[0];
	l->id = q->id;
	l->deadline = now_ms() + RESOLVER_TIMEOUT_MS;
	return true;
}

/* Reads one question into a free slot; exits at the end of the socket. */
static void take_question(int sock, struct lookup *slot)
{
	struct question q;
	ssize_t n = recv(sock, &q, sizeof(q), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= (ssize_t)offsetof(struct question, name))
		_exit(0); /* each child goes by its parent-death signal */
	((char *)&q)[n - 1] = '\0';
	if (!start_lookup(slot, &q))
		send_error(sock, q.id, EAI_AGAIN);
}

static int poll_timeout(const struct lookup *lookups)
{
	int64_t now = now_ms(), first = INT64_MAX;

	for (size_t i = 0; i < RESOLVER_CHILDREN_MAX; i++)
		if (lookups[i].pid && lookups[i].deadline < first)
			first = lookups[i].deadline;
	if (first == INT64_MAX)
		return -1;
	return first > now ? (int)(first - now) : 0;
}

static void expire_lookups(int sock, struct lookup *lookups)
{
	int64_t now = now_ms();

	for (size_t i = 0; i < RESOLVER_CHILDREN_MAX; i++) {
		if (!lookups[i].pid || lookups[i].deadline > now)
			continue;
		send_error(sock, lookups[i].id, EAI_AGAIN);
		end_lookup(&lookups[i]);
	}
}

static struct lookup *free_slot(struct lookup *lookups)
{
	for (size_t i = 0; i < RESOLVER_CHILDREN_MAX; i++)
		if (!lookups[i].pid)
			return &lookups[i];
	return NULL;
}

static _Noreturn void serve(int sock)
{
	struct lookup lookups[RESOLVER_CHILDREN_MAX] = {0};

	for (;;) {
		struct pollfd p[1 + RESOLVER_CHILDREN_MAX];
		struct lookup *slot = free_slot(lookups);

		/* Without a free slot only the end of the socket counts. */
		p[0] = (struct pollfd){.fd = sock, .events = slot ? POLLIN : 0};
		for (size_t i = 0; i < RESOLVER_CHILDREN_MAX; i++)
			p[1 + i] = (struct pollfd){
				.fd = lookups[i].pid ? lookups[i].fd : -1,
				.events = POLLIN,
			};
		if (poll(p, ARRAY_SIZE(p), poll_timeout(lookups)) < 0) {
			if (errno == EINTR)
				continue;
			_exit(1);
		}
		if (!slot && (p[0].revents & (POLLHUP | POLLERR)))
			_exit(0);
		for (size_t i = 0; i < RESOLVER_CHILDREN_MAX; i++)
			if (p[1 + i].revents)
				finish_lookup(sock, &lookups[i]);
		expire_lookups(sock, lookups);
		if (slot && p[0].revents)
			take_question(sock, slot);
	}
}

/* The stages by which the broker becomes small.  Each returns 0 or an errno. */

/* Must still answer to its socket's end; mustn't fall to a Ctrl-C or a service
 * manager's SIGTERM that the supervisor lives through. */
static int stage_signals(void)
{
	static const int ignored[] = {SIGINT,  SIGQUIT, SIGTSTP, SIGTTIN,
				      SIGTTOU, SIGHUP,	SIGTERM, SIGPIPE};
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL); /* fails for KILL, STOP and libc's own: as it should */
	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? errno : 0;
}

/* Must still have its socket; mustn't hold a journal, a
 * terminal or a listener that the supervisor had open. */
static int stage_descriptors(int *sock)
{
	int null;

	/* Out of the way first: it may have the number of a standard one. */
	*sock = fcntl(*sock, F_DUPFD_CLOEXEC, BROKER_SOCK + 1);
	if (*sock < 0 || dup3(*sock, BROKER_SOCK, O_CLOEXEC) < 0)
		return errno;
	*sock = BROKER_SOCK;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return errno;
	for (int fd = 0; fd < BROKER_SOCK; fd++)
		if (dup2(null, fd) < 0)
			return errno;
	if (syscall(SYS_close_range, BROKER_SOCK + 1, ~0U, 0) < 0)
		return errno;
	return chdir("/") < 0 ? errno : 0;
}

/* Wiped where it stands, too: /proc/PID/environ shows the bytes themselves. */
static int stage_environment(void)
{
	extern char **environ;

	for (char **e = environ; e && *e; e++)
		explicit_bzero(*e, strlen(*e));
	return clearenv() ? ENOMEM : 0;
}

/* Must still read /etc/resolv.conf and open sockets; mustn't be root. */
static int stage_privileges(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};

	/* In a user namespace 65534 may be nobody's (EINVAL), and setgroups() denied (EPERM);
	 * without capabilities its root is enough. */
	if (geteuid() == 0 &&
	    ((setgroups(0, NULL) < 0 && errno != EPERM) ||
	     (setresgid(NOBODY, NOBODY, NOBODY) < 0 && errno != EINVAL) ||
	     (setresuid(NOBODY, NOBODY, NOBODY) < 0 && errno != EINVAL)))
		return errno;
	if (syscall(SYS_capset, &header, none) < 0)
		return errno;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? errno : 0;
}

/* After the change of uid, which resets both. */
static int stage_tether(pid_t supervisor)
{
	struct rlimit none = {0, 0};

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return errno;
	return getppid() == supervisor ? 0 : ESRCH;
}

static _Noreturn void broker_main(int sock, pid_t supervisor)
{
	int err = stage_signals();

	if (!err)
		err = stage_descriptors(&sock);
	if (!err)
		err = stage_environment();
	if (!err)
		err = stage_privileges();
	if (!err)
		err = stage_tether(supervisor);
	if (send(sock, &err, sizeof(err), MSG_NOSIGNAL) != (ssize_t)sizeof(err) || err)
		_exit(1);
	serve(sock);
}

/* The supervisor's side. */

struct resolver *resolver_start(struct fault *f)
{
	pid_t supervisor = getpid();
	struct resolver *r = mem_alloc(sizeof(*r));
	int ends[2];

	r->fd = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
		fault_errno(f, "", "cannot make the resolver's socket");
		free(r);
		return NULL;
	}
	r->fd = ends[0];
	r->pid = fork();
	if (r->pid == 0)
		broker_main(ends[1], supervisor); /* closes all but its own end */
	close(ends[1]);
	if (r->pid < 0) {
		fault_errno(f, "", "cannot start the resolver");
		resolver_stop(r);
		return NULL;
	}
	return r;
}

int resolver_confined(struct resolver *r, struct fault *f)
{
	int err = ECHILD;
	ssize_t n;

	do
		n = recv(r->fd, &err, sizeof(err), 0);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)sizeof(err) && err == 0)
		return 0;
	errno = err;
	return fault_errno(f, "", "cannot confine the resolver");
}

int resolver_fd(const struct resolver *r)
{
	return r->fd;
}

int resolver_pid(const struct resolver *r)
{
	return r->pid;
}

int resolver_ask(struct resolver *r, uint32_t id, const char *name)
{
	struct question q = {.id = id};
	size_t len = strnlen(name, sizeof(q.name));

	if (len == 0 || len >= sizeof(q.name)) {
		errno = EINVAL;
		return -1;
	}
	memcpy(q.name, name, len);
	if (send(r->fd, &q, offsetof(struct question, name) + len + 1,
		 MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		if (errno != EAGAIN && errno != ENOBUFS)
			errno = EPIPE;
		else
			errno = EAGAIN;
		return -1;
	}
	return 0;
}

int resolver_read(struct resolver *r, struct resolver_answer *a)
{
	ssize_t n = recv(r->fd, a, sizeof(*a), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	if (n != (ssize_t)sizeof(*a) || !answer_is_sane(a))
		return -1; /* the end, or a broker that is no longer ours */
	return 1;
}

void resolver_close(struct resolver *r)
{
	if (r)
		fd_close(&r->fd);
}

void resolver_stop(struct resolver *r)
{
	if (!r)
		return;
	resolver_close(r);
	if (r->pid > 0) {
		/* Ours and not reaped: the number is certainly the broker's. */
		struct pollfd pfd = {.fd = sys_pidfd_open(r->pid, 0), .events = POLLIN};

		if (pfd.fd < 0 || poll(&pfd, 1, STOP_MS) <= 0)
			kill(r->pid, SIGKILL);
		waitpid(r->pid, NULL, 0);
		fd_close(&pfd.fd);
	}
	free(r);
}
