/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/transplant.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "supervisor/agentmem.h"

enum { LINE_MAX_BYTES = 256, LINK_MAX_BYTES = 64 };

/* Whether the descriptor is an epoll set. */
static bool is_set(pid_t tid, int fd)
{
	char name[32], link[LINK_MAX_BYTES];

	snprintf(name, sizeof(name), "fd/%d", fd);
	return agentproc_link(tid, name, link, sizeof(link)) > 0 &&
	       strcmp(link, "anon_inode:[eventpoll]") == 0;
}

/* The sets of the thread's process; their number. */
static size_t find_sets(pid_t tid, int sets[TRANSPLANT_SETS_MAX])
{
	char path[40];
	struct dirent *e;
	size_t n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)tid);
	dir = opendir(path);
	for (int i = 0; dir && i < TRANSPLANT_FDS_MAX && n < TRANSPLANT_SETS_MAX; i++) {
		int fd;

		e = readdir(dir);
		if (e == NULL)
			break;
		fd = e->d_name[0] == '.' ? -1 : atoi(e->d_name);
		if (fd >= 0 && is_set(tid, fd))
			sets[n++] = fd;
	}
	if (dir)
		closedir(dir);
	return n;
}

/* What the set has of the file `st` under that number; proc(5), fdinfo. */
static bool find_entry(pid_t tid, int set, int agent_fd, const struct stat *st,
		       struct epoll_event *e)
{
	char path[48], line[LINE_MAX_BYTES];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)tid, set);
	file = fopen(path, "re");
	while (file && !found && fgets(line, sizeof(line), file)) {
		unsigned long long data, ino;
		unsigned int events, dev;
		int fd;

		found = sscanf(line, "tfd: %d events: %x data: %llx pos:%*d ino:%llx sdev:%x", &fd,
			       &events, &data, &ino, &dev) == 5 &&
			fd == agent_fd && ino == st->st_ino;
		if (found)
			*e = (struct epoll_event){.events = events, .data.u64 = data};
	}
	if (file)
		fclose(file);
	return found;
}

/* A set knows its entries by file and number, and so do the agent's later calls: the
 * number has to be the agent's.  What of ours has it meanwhile makes room. */
static void add(struct supervisor *s, int set, int agent_fd, int to, struct epoll_event *e)
{
	int ours = fcntl(agent_fd, F_DUPFD_CLOEXEC, agent_fd + 1);

	if (ours < 0 && errno != EBADF)
		return;
	if (dup3(to, agent_fd, O_CLOEXEC) == agent_fd)
		epoll_ctl(set, EPOLL_CTL_ADD, agent_fd, e);
	if (ours < 0) {
		close(agent_fd);
		return;
	}
	dup3(ours, agent_fd, O_CLOEXEC);
	close(ours);
	watch_again(s); /* its F_NOTIFY ends with any close(), fcntl(2) */
}

static void into_set(struct supervisor *s, const struct request *rq, int number, int agent_fd,
		     const struct stat *st, int to)
{
	autotaken int set = -1;
	struct epoll_event e;

	if (!find_entry(rq->tid, number, agent_fd, st, &e))
		return;
	set = notify_take_fd(s, rq, number);
	if (set == agent_fd) {
		int moved = fcntl(set, F_DUPFD_CLOEXEC, agent_fd + 1);

		fd_close(&set);
		set = moved;
	}
	if (set < 0)
		set = -1;
	else if (to == agent_fd)
		epoll_ctl(set, EPOLL_CTL_ADD, to, &e);
	else
		add(s, set, agent_fd, to, &e);
}

/* What else the machine is busy with is not the agent's doing. */
static int64_t cpu_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* The kernel looks at each entry of the set, and finds none of this number; kcmp(2). */
static void walk(pid_t tid, int set)
{
	struct kcmp_epoll_slot none = {.efd = (uint32_t)set, .tfd = INT_MAX};

	syscall(SYS_kcmp, tid, tid, KCMP_EPOLL_TFD, set, &none);
}

void transplant(struct supervisor *s, const struct request *rq, int agent_fd, int from, int to)
{
	static bool given_up;
	int64_t began = cpu_ms(), from_here;
	int sets[TRANSPLANT_SETS_MAX];
	struct stat st;
	size_t n;

	if (given_up || fstat(from, &st) < 0)
		return;
	n = find_sets(rq->tid, sets);
	for (size_t i = 0; i < n && !given_up; i++) {
		from_here = cpu_ms();
		walk(rq->tid, sets[i]);
		given_up = cpu_ms() - from_here > TRANSPLANT_WALK_MS;
		if (!given_up)
			into_set(s, rq, sets[i], agent_fd, &st, to);
		given_up = given_up || cpu_ms() - began > TRANSPLANT_CPU_MS;
	}
}
