/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/runs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/jsonfile.h"
#include "base/mem.h"
#include "base/sys.h"
#include "supervisor/control.h"

enum {
	/* Of a supervisor, as far as they are waited for: init and the resolver are two. */
	CHILDREN_MAX = 16,
	CHILDREN_TEXT_MAX = 512,
};

/* --- reading --------------------------------------------------------------------------------- */

/* Sets life, pid and pidfd.  The descriptor first: what lives after it is opened is what
 * it means. */
static int look(struct run_entry *r, struct fault *f)
{
	uint64_t start = (uint64_t)json_integer_value(json_object_get(r->state, "start"));

	r->pid = (pid_t)json_integer_value(json_object_get(r->state, "pid"));
	r->life = RUN_DEAD;
	if (r->pid <= 0)
		return 0;
	r->pidfd = sys_pidfd_open(r->pid, 0);
	if (r->pidfd < 0 && errno != ESRCH)
		return fault_errno(f, NULL, "cannot hold the supervisor of %s", r->id);
	if (r->pidfd >= 0 && control_is_alive(r->pid, start))
		r->life = RUN_ALIVE;
	else
		fd_close(&r->pidfd);
	return 0;
}

static bool is_young(const char *dir)
{
	struct stat st;

	return stat(dir, &st) == 0 && time(NULL) - st.st_mtime < RUNS_STARTING_S;
}

static int read_entry(struct run_entry *r, struct fault *f)
{
	autofree char *path = mem_printf("%s/%s", r->dir, CONTROL_STATE);
	struct jsonfile j;

	if (jsonfile_load(&j, path, CONTROL_STATE_MAX, f) < 0) {
		if (errno == EACCES)
			return -1;
		r->life = is_young(r->dir) ? RUN_STARTING : RUN_DEAD;
		return 0;
	}
	r->state = json_incref(j.root);
	jsonfile_free(&j);
	return look(r, f);
}

static int runs_only(const struct dirent *e)
{
	return strncmp(e->d_name, "run_", 4) == 0;
}

/* A descriptor a run: as many as we may have. */
static void want_descriptors(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return;
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
}

int runs_read(const char *runtime_dir, struct run_list *l, struct fault *f)
{
	autofree char *dir = mem_printf("%s/runs", runtime_dir);
	struct dirent **names = NULL;
	int n, rc = 0;

	*l = (struct run_list){0};
	want_descriptors();
	n = scandir(dir, &names, runs_only, alphasort);
	if (n < 0)
		return errno == ENOENT ? 0 : fault_errno(f, NULL, "cannot read %s", dir);
	l->v = mem_alloc((size_t)n * sizeof(*l->v));
	for (int i = 0; i < n; i++) {
		struct run_entry *r = &l->v[l->n];

		if (rc == 0) {
			*r = (struct run_entry){.id = mem_strdup(names[i]->d_name), .pidfd = -1};
			r->dir = mem_printf("%s/%s", dir, r->id);
			l->n++;
			rc = read_entry(r, f);
		}
		free(names[i]);
	}
	free(names);
	if (rc < 0)
		runs_free(l);
	return rc;
}

void runs_free(struct run_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		fd_close(&l->v[i].pidfd);
		json_decref(l->v[i].state);
		free(l->v[i].id);
		free(l->v[i].dir);
	}
	free(l->v);
	*l = (struct run_list){0};
}

int64_t runs_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

const char *run_text(const struct run_entry *r, const char *key)
{
	const char *s = json_string_value(json_object_get(r->state, key));

	return s ? s : "";
}

/* --- ending ---------------------------------------------------------------------------------- */

/* pidfd_open(2): readable once the process has ended. */
static bool wait_pidfd(int pidfd, int timeout_ms)
{
	struct pollfd pfd = {.fd = pidfd, .events = POLLIN};

	return TEMP_FAILURE_RETRY(poll(&pfd, 1, timeout_ms)) > 0;
}

bool run_wait_end(const struct run_entry *r, int timeout_ms)
{
	return r->pidfd < 0 || wait_pidfd(r->pidfd, timeout_ms);
}

/* Init is among them: it ends only when no process of its namespace is left.  Where the
 * kernel does not tell (CONFIG_PROC_CHILDREN) there are none. */
static size_t hold_children(pid_t pid, int pidfds[CHILDREN_MAX])
{
	autofree char *path = mem_printf("/proc/%d/task/%d/children", (int)pid, (int)pid);
	autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[CHILDREN_TEXT_MAX];
	ssize_t len = fd < 0 ? -1 : fd_read_all(fd, text, sizeof(text));
	size_t n = 0;

	if (len < 0)
		return 0;
	for (char *next = text; n < CHILDREN_MAX;) {
		char *end;
		long child = strtol(next, &end, 10);

		if (end == next)
			break;
		next = end;
		pidfds[n] = sys_pidfd_open((pid_t)child, 0);
		if (pidfds[n] >= 0)
			n++;
	}
	return n;
}

bool run_force(const struct run_entry *r)
{
	int children[CHILDREN_MAX];
	struct fault f;
	size_t n;
	bool gone;

	if (r->pidfd < 0)
		return true;
	n = hold_children(r->pid, children);
	sys_pidfd_send_signal(r->pidfd, SIGKILL);
	gone = wait_pidfd(r->pidfd, RUNS_FORCE_MS);
	for (size_t i = 0; i < n; i++) {
		gone = wait_pidfd(children[i], gone ? RUNS_FORCE_MS : 0) && gone;
		fd_close(&children[i]);
	}
	return gone && run_clear(r, &f) == 0;
}

int run_clear(const struct run_entry *r, struct fault *f)
{
	static const char *const files[] = {CONTROL_STATE, CONTROL_SOCKET};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		autofree char *path = mem_printf("%s/%s", r->dir, files[i]);

		if (unlink(path) < 0 && errno != ENOENT)
			return fault_errno(f, NULL, "cannot remove %s", path);
	}
	if (rmdir(r->dir) < 0 && errno != ENOENT)
		return fault_errno(f, NULL, "cannot remove %s", r->dir);
	return 0;
}
