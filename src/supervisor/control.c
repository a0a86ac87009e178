/* SPDX-License-Identifier: Apache-2.0 */
/* Both ends of what control.h describes. */
#include "supervisor/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "record/journal.h"
#include "supervisor/state.h"

enum {
	CLIENTS_MAX = 16,	    /* connections at once; a further one is closed at once */
	CLIENT_IDLE_MS = 10 * 1000, /* without a request; then it is closed */
	BACKLOG = 16,
	REQUESTS_BURST = 16, /* of one connection, before the loop looks at anything else */
	STAT_MAX = 1024,     /* bytes of /proc/PID/stat */
	STAT_START = 22,     /* its field that has the start time, proc(5) */
};

/* A path in an already open directory, for an address that takes 108 bytes only. */
static socklen_t socket_address(int dir, struct sockaddr_un *un)
{
	*un = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(un->sun_path, sizeof(un->sun_path), "/proc/self/fd/%d/%s", dir, CONTROL_SOCKET);
	return sizeof(*un);
}

/* In ticks since boot; 0: there is no such process. */
static uint64_t start_time(pid_t pid)
{
	char path[40], text[STAT_MAX];
	autofd int fd = -1;
	const char *p;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fd_read_all(fd, text, sizeof(text)) < 0)
		return 0;
	/* The second field is a name in brackets that may hold anything. */
	p = strrchr(text, ')');
	for (int field = 2; p && field < STAT_START; field++) {
		p = strchr(p, ' ');
		p = p ? p + 1 : NULL;
	}
	return p ? strtoull(p, NULL, 10) : 0;
}

/* --- the supervisor's end --------------------------------------------------------------------- */

struct client {
	struct source src; /* fd -1: free */
	struct timer idle;
	uid_t uid;
};

struct control {
	struct source src;
	int dir; /* RUN_DIR, O_PATH */
	struct client clients[CLIENTS_MAX];
};

static void drop_client(struct supervisor *s, struct client *c)
{
	loop_remove(s, &c->src);
	timer_clear(&c->idle);
	fd_close(&c->src.fd);
}

static void client_idle(struct supervisor *s, struct timer *t)
{
	drop_client(s, (struct client *)((char *)t - offsetof(struct client, idle)));
}

static void answer(const struct client *c, struct json *j)
{
	json_close(j, '}');
	/* Whoever has gone has gone. */
	send(c->src.fd, j->buf, j->len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void begin_answer(struct supervisor *s, struct json *j, char *buf, size_t size)
{
	json_init(j, buf, size);
	json_open(j, NULL, '{');
	json_bool(j, "ok", true);
	json_str(j, "run_id", s->plan->who->run_id);
}

static void say_status(struct supervisor *s, const struct client *c, const char *text)
{
	const struct journal *journal = s->plan->journal;
	char buf[CONTROL_ANSWER_MAX];
	struct json j;

	(void)text;
	begin_answer(s, &j, buf, sizeof(buf));
	json_int(&j, "pid", s->jail->command);
	json_int(&j, "records", (int64_t)journal_records(journal));
	json_int(&j, "denials", (int64_t)journal_denials(journal));
	answer(c, &j);
}

static void kill_run(struct supervisor *s, const struct client *c, const char *text)
{
	char buf[CONTROL_ANSWER_MAX], why[CONTROL_REQUEST_MAX + 32];
	struct json j;

	/* Who asked is what the kernel says, not what the text does. */
	snprintf(why, sizeof(why), "uid %u: %s", c->uid, text[0] ? text : "no reason given");
	supervisor_end(s, END_KILLED, EXIT_KILLED, why);
	begin_answer(s, &j, buf, sizeof(buf));
	answer(c, &j);
}

static const struct {
	const char *verb;
	void (*serve)(struct supervisor *s, const struct client *c, const char *text);
} requests[] = {
	{CONTROL_STATUS, say_status},
	{CONTROL_KILL, kill_run},
};

static void say_error(const struct client *c, const char *error)
{
	char buf[CONTROL_ANSWER_MAX];
	struct json j;

	json_init(&j, buf, sizeof(buf));
	json_open(&j, NULL, '{');
	json_bool(&j, "ok", false);
	json_str(&j, "error", error);
	answer(c, &j);
}

static void serve(struct supervisor *s, const struct client *c, const char *request)
{
	size_t len = strcspn(request, " ");
	const char *text = request + len + (request[len] == ' ');

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++)
		if (strlen(requests[i].verb) == len &&
		    memcmp(requests[i].verb, request, len) == 0) {
			requests[i].serve(s, c, text);
			return;
		}
	say_error(c, "no such request");
}

static void client_ready(struct supervisor *s, struct source *src, uint32_t events)
{
	struct client *c = (struct client *)((char *)src - offsetof(struct client, src));
	char request[CONTROL_REQUEST_MAX];

	(void)events;
	for (int i = 0; i < REQUESTS_BURST && !s->over; i++) {
		ssize_t n = recv(src->fd, request, sizeof(request) - 1, MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			drop_client(s, c);
			return;
		}
		request[n] = '\0';
		timer_set(s, &c->idle, CLIENT_IDLE_MS);
		serve(s, c, request);
	}
}

/* Ours, and root's; and not ourselves: we connect for the agent, and such a connection
 * is the agent's. */
static bool is_welcome(int fd, uid_t *uid)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return false;
	*uid = peer.uid;
	return (peer.uid == 0 || peer.uid == geteuid()) && peer.pid != getpid();
}

static struct client *free_client(struct control *control)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (control->clients[i].src.fd < 0)
			return &control->clients[i];
	return NULL;
}

/* Edge-triggered and to the end of the backlog: without a descriptor left, what
 * waits there must not wake us again and again. */
static void ready(struct supervisor *s, struct source *src, uint32_t events)
{
	int fd;

	(void)events;
	while ((fd = accept4(src->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		struct client *c = free_client(s->control);
		uid_t uid;

		if (c == NULL || !is_welcome(fd, &uid)) {
			close(fd);
			continue;
		}
		c->src.fd = fd;
		c->uid = uid;
		timer_set(s, &c->idle, CLIENT_IDLE_MS);
		if (loop_add(s, &c->src, EPOLLIN) < 0)
			drop_client(s, c);
	}
}

static void started_text(char *out, size_t size)
{
	struct timespec now;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	n = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, size - n, ".%06ldZ", now.tv_nsec / 1000);
}

static int write_state(struct supervisor *s, struct fault *f)
{
	const struct supervisor_plan *plan = s->plan;
	const struct record_identity *who = plan->who;
	autofree char *path = mem_printf("%s/%s", plan->run_dir, CONTROL_STATE);
	autofree char *buf = mem_alloc(CONTROL_STATE_MAX);
	char started[40];
	struct json j;

	started_text(started, sizeof(started));
	json_init(&j, buf, CONTROL_STATE_MAX - 1);
	json_open(&j, NULL, '{');
	json_str(&j, "schema", CONTROL_SCHEMA);
	json_str(&j, "run_id", who->run_id);
	json_str(&j, "agent_id", who->agent_id);
	json_str(&j, "owner", who->owner);
	json_str(&j, "environment", who->environment);
	json_open(&j, "requested_by", '{');
	json_str(&j, "type", who->requester_type);
	json_str(&j, "id", who->requester_id);
	json_close(&j, '}');
	json_int(&j, "pid", getpid());
	json_int(&j, "start", (int64_t)start_time(getpid()));
	json_str(&j, "started", started);
	json_str(&j, "command", plan->command);
	json_str(&j, "tier", who->tier);
	json_str(&j, "profile", plan->profile->name);
	json_str(&j, "gateway", plan->gateway->text);
	json_bool(&j, "observe", plan->observe);
	if (plan->wall_ms)
		json_int(&j, "wall_ms", plan->wall_ms);
	json_close(&j, '}');
	buf[j.len] = '\n';
	if (fd_replace_file(path, buf, j.len + 1, 0600, false) < 0)
		return fault_errno(f, NULL, "cannot write %s", path);
	return 0;
}

static int open_socket(struct control *control)
{
	struct sockaddr_un un;
	socklen_t len = socket_address(control->dir, &un);
	autofd int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	/* Nobody but us can enter the directory meanwhile; its mode is for later. */
	if (fd < 0 || bind(fd, (struct sockaddr *)&un, len) < 0 ||
	    fchmodat(control->dir, CONTROL_SOCKET, 0600, 0) < 0 || listen(fd, BACKLOG) < 0)
		return -1;
	control->src.fd = take_fd(&fd);
	return 0;
}

int control_start(struct supervisor *s, struct fault *f)
{
	const char *run_dir = s->plan->run_dir;
	struct control *control = mem_alloc(sizeof(*control));

	s->control = control;
	control->src = (struct source){.fd = -1, .ready = ready};
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		control->clients[i].src = (struct source){.fd = -1, .ready = client_ready};
		control->clients[i].idle.expired = client_idle;
	}
	control->dir = open(run_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (control->dir < 0 || open_socket(control) < 0 ||
	    loop_add(s, &control->src, EPOLLIN | EPOLLET) < 0)
		return fault_errno(f, NULL, "cannot make the control socket in %s", run_dir);
	return write_state(s, f);
}

void control_stop(struct supervisor *s)
{
	struct control *control = s->control;

	if (control == NULL)
		return;
	if (control->dir >= 0) {
		unlinkat(control->dir, CONTROL_SOCKET, 0);
		unlinkat(control->dir, CONTROL_STATE, 0);
		rmdir(s->plan->run_dir);
	}
	if (control->src.fd >= 0)
		loop_remove(s, &control->src);
	fd_close(&control->src.fd);
	fd_close(&control->dir);
	/* Last: for who asked to kill it, this says that nothing is left. */
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (control->clients[i].src.fd >= 0)
			drop_client(s, &control->clients[i]);
	free(control);
	s->control = NULL;
}

/* --- the asker's end -------------------------------------------------------------------------- */

bool control_is_alive(pid_t pid, uint64_t start)
{
	return pid > 0 && start != 0 && start_time(pid) == start;
}

static int connect_to(const char *run_dir)
{
	/* A supervisor that is stopped takes nobody out of its backlog. */
	const struct timeval patience = {.tv_sec = CONTROL_TIMEOUT_MS / 1000};
	autofd int dir = open(run_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	autofd int fd = -1;
	struct sockaddr_un un;
	socklen_t len;

	if (dir < 0)
		return -1;
	len = socket_address(dir, &un);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&un, len) < 0) {
		if (errno == EAGAIN)
			errno = ETIMEDOUT;
		return -1;
	}
	return take_fd(&fd);
}

/* A reset or an end is a supervisor that would not or could not answer. */
static int read_answer(int fd, char answer[CONTROL_ANSWER_MAX])
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	int rc = TEMP_FAILURE_RETRY(poll(&pfd, 1, CONTROL_TIMEOUT_MS));
	ssize_t n;

	if (rc == 0)
		errno = ETIMEDOUT;
	if (rc <= 0)
		return -1;
	n = recv(fd, answer, CONTROL_ANSWER_MAX - 1, MSG_DONTWAIT);
	if (n == 0)
		errno = EACCES;
	if (n <= 0)
		return -1;
	answer[n] = '\0';
	return 0;
}

int control_ask(const char *run_dir, const char *verb, const char *text,
		char answer[CONTROL_ANSWER_MAX], struct fault *f)
{
	autofd int fd = connect_to(run_dir);
	char request[CONTROL_REQUEST_MAX];
	int err;

	snprintf(request, sizeof(request), "%s%s%s", verb, text ? " " : "", text ? text : "");
	if (fd < 0 || fd_send(fd, -1, request, strlen(request)) < 0 ||
	    read_answer(fd, answer) < 0) {
		err = errno;
		fault_errno(f, NULL, "the supervisor of %s does not answer", run_dir);
		errno = err;
		return -1;
	}
	return take_fd(&fd);
}
