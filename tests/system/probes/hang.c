/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What would make a supervisor wait, or be busy, for as long as the agent likes:
 *
 *	hang exec THREADS ROUNDS     threads of one process exec at once; ROUNDS such processes
 *	hang flip PROCESSES          connect() to a full backlog, by THREADS each, while another
 *	                             thread flips O_NONBLOCK
 *	hang linger                  listen() as the process ends, with unsent data and SO_LINGER
 *	hang arguments THREADS PATH  exec of PATH with very many arguments
 *	hang sets PORT               connect() out with epoll sets of very many entries
 *
 * All but the first go on for LIFE seconds at most.  The controls, one result each:
 *
 *	hang would-wait              that such a connect(), and such a close(), do wait
 *	hang arrives N               as many arguments arrive as were given, whatever their pages
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "probe.h"

enum {
	LIFE = 20,
	THREADS = 32,
	MANY = 64000,
	PAGE = 4096,
	PAGES = 4096,
	WAITS_MS = 300,
	CHUNK = 65536
};
enum { FILES = 400, NUMBERS_FROM = 600, NUMBERS_TO = 1000, SAME = 15 };

static const char self[] = "/proc/self/exe";

/* --- exec ------------------------------------------------------------------------------------ */

static pthread_barrier_t together;

static void *exec_self(void *arg)
{
	char *argv[] = {"hang", "nothing", NULL};
	char *envp[] = {NULL};

	(void)arg;
	pthread_barrier_wait(&together);
	execve(self, argv, envp);
	return NULL;
}

static void exec_at_once(int threads)
{
	pthread_t thread;

	pthread_barrier_init(&together, NULL, (unsigned int)threads + 1);
	for (int i = 0; i < threads; i++)
		pthread_create(&thread, NULL, exec_self, NULL);
	pthread_barrier_wait(&together);
	pause();
}

static int by_exec(int threads, int rounds)
{
	int ran = 0;

	for (int i = 0; i < rounds; i++) {
		int status = -1;
		pid_t pid = fork();

		if (pid == 0)
			exec_at_once(threads);
		if (pid > 0)
			waitpid(pid, &status, 0);
		ran += status == 0;
	}
	tell_number("ran", ran);
	return 0;
}

/* --- connect() ------------------------------------------------------------------------------- */

static int flipped;

static void *flip(void *arg)
{
	(void)arg;
	for (;;) {
		fcntl(flipped, F_SETFL, 0);
		fcntl(flipped, F_SETFL, O_NONBLOCK);
	}
	return NULL;
}

static socklen_t full_backlog(struct sockaddr_un *un)
{
	socklen_t len = offsetof(struct sockaddr_un, sun_path) + 6;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	*un = (struct sockaddr_un){.sun_family = AF_UNIX, .sun_path = "\0full"};
	if (bind(fd, (struct sockaddr *)un, len) < 0 || listen(fd, 0) < 0)
		exit(3);
	do
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	while (connect(fd, (struct sockaddr *)un, len) == 0);
	return len;
}

static struct sockaddr_un full;
static socklen_t full_len;

static void *connect_for_ever(void *arg)
{
	for (;;)
		connect(flipped, (const struct sockaddr *)&full, full_len);
	return arg;
}

static void connect_and_flip(void)
{
	pthread_t thread;

	flipped = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&thread, NULL, connect_for_ever, NULL);
	flip(NULL);
}

static int by_flip(int processes)
{
	full_len = full_backlog(&full);
	for (int i = 0; i < processes; i++)
		if (fork() == 0)
			connect_and_flip();
	tell_text("up", "ok");
	return pause();
}

/* --- SO_LINGER ------------------------------------------------------------------------------- */

static struct sockaddr_in here;
static int lingering;

static int small_listener(void)
{
	socklen_t len = sizeof(here);
	int fd = socket(AF_INET, SOCK_STREAM, 0), size = 4096;

	here.sin_family = AF_INET;
	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&here, len) < 0 || listen(fd, 64) < 0 ||
	    getsockname(fd, (struct sockaddr *)&here, &len) < 0)
		exit(3);
	return fd;
}

/* Connected, with more sent than its peer takes. */
static int stuffed(int seconds)
{
	static char bytes[CHUNK];
	struct linger linger = {.l_onoff = 1, .l_linger = seconds};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (struct sockaddr *)&here, sizeof(here)) < 0)
		exit(3);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (write(fd, bytes, sizeof(bytes)) > 0)
		;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	return fd;
}

static void *listen_for_ever(void *arg)
{
	(void)arg;
	for (;;)
		listen(lingering, 1);
	return NULL;
}

static void end_listening(int i)
{
	pthread_t thread;

	lingering = stuffed(3600);
	pthread_create(&thread, NULL, listen_for_ever, NULL);
	usleep(2000 + i * 37 % 1000);
	_exit(0);
}

static void by_linger(void)
{
	int listener = small_listener();

	tell_text("up", "ok");
	for (int i = 0;; i++) {
		pid_t pid = fork();

		if (pid == 0)
			end_listening(i);
		accept(listener, NULL, NULL); /* held, and never read from */
		waitpid(pid, NULL, 0);
	}
}

/* --- arguments ------------------------------------------------------------------------------- */

static char *many[MANY + 2];

/* Each in another page than the one before. */
static char **spread(void)
{
	char *pages = mmap(NULL, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (int i = 0; i < PAGES; i++)
		memset(pages + (size_t)i * PAGE, 'a', 40);
	for (int i = 0; i < MANY; i++)
		many[i] = pages + (size_t)(i * 7 % PAGES) * PAGE;
	return many;
}

static void *exec_for_ever(void *arg)
{
	for (;;)
		execve(arg, many, NULL);
	return NULL;
}

static int by_arguments(int threads, char *path)
{
	pthread_t thread;

	spread();
	for (int i = 0; i < threads; i++)
		pthread_create(&thread, NULL, exec_for_ever, path);
	tell_text("up", "ok");
	return pause();
}

/* Some next to one another, some far apart, long ones, and one at the very end of what
 * can be read.  Who execs itself with them counts and sums them. */
static unsigned long sum(char **v, int n)
{
	unsigned long total = 0;

	for (int i = 0; i < n; i++)
		for (const char *p = v[i];; p++) {
			total = total * 31 + (unsigned char)*p;
			if (*p == '\0')
				break;
		}
	return total;
}

static int arrives(int n)
{
	size_t size = (size_t)n * 64 + (size_t)4 * PAGE;
	char *area =
		mmap(NULL, size + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *at = area, total[32];
	int i = 3;

	munmap(area + size, PAGE);
	many[0] = "hang";
	many[1] = "arrived";
	many[2] = total;
	for (; i < n - 1; i++) {
		size_t len = i % 97 == 0 ? 300 : i % 89 == 0 ? 0 : (size_t)(i % 50);

		if (i % 101 == 0)
			at += 200;
		memset(at, 'b' + i % 20, len);
		many[i] = at;
		at += len + 1;
		if (i % 503 == 0)
			many[i] = many[i - 1]; /* twice the same */
	}
	memset(area + size - 6000, 'z', 5999);
	many[i++] = area + size - 6000;
	snprintf(total, sizeof(total), "%lu", sum(many + 3, i - 3));
	execve(self, many, environ);
	return tell("arrives", -1);
}

static int arrived(int argc, char **argv)
{
	bool same = sum(argv + 3, argc - 3) == strtoul(argv[2], NULL, 10);

	tell_number("arrived", same ? argc : -1);
	return 0;
}

/* --- epoll sets ------------------------------------------------------------------------------ */

/* An entry is a file and a number, and stays while the file is open by another one. */
static int large_set(void)
{
	int set = epoll_create1(0), files[FILES], pipes[2];

	for (int i = 0; i < FILES; i++) {
		if (pipe(pipes) < 0)
			exit(3);
		files[i] = pipes[0];
		close(pipes[1]);
	}
	for (int i = 0; i < FILES; i++)
		for (int number = NUMBERS_FROM; number < NUMBERS_TO; number++) {
			struct epoll_event e = {.events = EPOLLIN};

			if (dup2(files[i], number) < 0 ||
			    epoll_ctl(set, EPOLL_CTL_ADD, number, &e) < 0)
				exit(3);
		}
	for (int number = NUMBERS_FROM; number < NUMBERS_TO; number++)
		close(number);
	return set;
}

static void by_sets(int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((in_port_t)port)};
	int set = large_set();

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (int i = 0; i < SAME; i++)
		dup(set);
	tell_text("up", "ok");
	for (;;) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

		connect(fd, (struct sockaddr *)&to, sizeof(to));
		close(fd);
		usleep(1000);
	}
}

/* --- the controls ---------------------------------------------------------------------------- */

static void interrupted(int sig)
{
	(void)sig;
}

static void tell_wait(const char *name, const struct timespec *from)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	tell_text(name,
		  (now.tv_sec - from->tv_sec) * 1000 + (now.tv_nsec - from->tv_nsec) / 1000000 >=
				  WAITS_MS
			  ? "waits"
			  : "does not wait");
}

static int would_wait(void)
{
	const struct itimerval later = {.it_value.tv_usec = (WAITS_MS + 100) * 1000};
	struct sigaction sa = {.sa_handler = interrupted};
	struct sockaddr_un un;
	socklen_t len = full_backlog(&un);
	struct timespec from;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &later, NULL);
	clock_gettime(CLOCK_MONOTONIC, &from);
	connect(fd, (struct sockaddr *)&un, len);
	tell_wait("connect", &from);
	small_listener();
	fd = stuffed(1);
	clock_gettime(CLOCK_MONOTONIC, &from);
	close(fd);
	tell_wait("close", &from);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int n = argc > 2 ? atoi(argv[2]) : 0;

	if (strcmp(what, "nothing") == 0)
		return 0;
	if (strcmp(what, "arrived") == 0)
		return arrived(argc, argv);
	alarm(LIFE);
	if (strcmp(what, "exec") == 0 && argc == 4)
		return by_exec(n, atoi(argv[3]));
	if (strcmp(what, "flip") == 0 && argc == 3)
		return by_flip(n);
	if (strcmp(what, "linger") == 0)
		by_linger();
	if (strcmp(what, "arguments") == 0 && argc == 4)
		return by_arguments(n, argv[3]);
	if (strcmp(what, "sets") == 0 && argc == 3)
		by_sets(n);
	if (strcmp(what, "arrives") == 0 && n > 3 && n <= MANY)
		return arrives(n);
	if (strcmp(what, "would-wait") == 0)
		return would_wait();
	return 2;
}
