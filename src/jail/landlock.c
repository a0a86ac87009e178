/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second wall for files, from the same plan as the mounts: landlock(7).
 *
 * It holds where mounts do not reach: a descriptor of the host's that came in by
 * some way leads nowhere, and what was passed in for reading cannot be opened
 * again for writing.  Rules only add rights, so what is protected or hidden
 * inside a tree is the mounts' alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/sys.h"
#include "jail/fsplan.h"

enum {
	FS_ABI1_BITS = 13, /* LANDLOCK_ACCESS_FS_EXECUTE .. MAKE_SYM */
};

#define LOOK (LANDLOCK_ACCESS_FS_READ_DIR)
#define READ (LOOK | LANDLOCK_ACCESS_FS_READ_FILE)
#define RUN (READ | LANDLOCK_ACCESS_FS_EXECUTE)
#define CHANGE                                                                                   \
	(READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                  \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |                          \
	 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |                            \
	 LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER | \
	 SYS_LANDLOCK_FS_TRUNCATE)
#define DEVICE (READ | LANDLOCK_ACCESS_FS_WRITE_FILE | SYS_LANDLOCK_FS_IOCTL_DEV)
/* What a rule about something that is no directory may name. */
#define OF_FILES                                                      \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | \
	 LANDLOCK_ACCESS_FS_READ_FILE | SYS_LANDLOCK_FS_TRUNCATE | SYS_LANDLOCK_FS_IOCTL_DEV)

struct walls {
	int ruleset;
	uint64_t handled; /* of access_fs */
	struct fault *f;
};

/* What each ABI can hold; landlock(7), "Landlock ABI versions". */
static struct sys_landlock_ruleset ruleset_of(int abi)
{
	struct sys_landlock_ruleset r = {.handled_access_fs = (1ULL << FS_ABI1_BITS) - 1};

	if (abi >= 2)
		r.handled_access_fs |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		r.handled_access_fs |= SYS_LANDLOCK_FS_TRUNCATE;
	if (abi >= 4) /* they are the supervisor's; the agent itself makes none */
		r.handled_access_net = SYS_LANDLOCK_NET_CONNECT_TCP | SYS_LANDLOCK_NET_BIND_TCP;
	if (abi >= 5)
		r.handled_access_fs |= SYS_LANDLOCK_FS_IOCTL_DEV;
	if (abi >= 6)
		r.scoped = SYS_LANDLOCK_SCOPE_ABSTRACT_UNIX | SYS_LANDLOCK_SCOPE_SIGNAL;
	return r;
}

/* An older kernel refuses a structure that is larger than its own, unless the rest is 0. */
static size_t size_of(int abi)
{
	return abi >= 6	  ? sizeof(struct sys_landlock_ruleset)
	       : abi >= 4 ? offsetof(struct sys_landlock_ruleset, scoped)
			  : offsetof(struct sys_landlock_ruleset, handled_access_net);
}

static int allow_fd(struct walls *w, int fd, uint64_t access, const char *what)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fault_errno(w->f, NULL, "cannot look at %s", what);
	access &= w->handled & (S_ISDIR(st.st_mode) ? ~0ULL : OF_FILES);
	if (access == 0 || sys_landlock_add_path(w->ruleset, fd, access) == 0)
		return 0;
	return fault_errno(w->f, NULL, "cannot add a Landlock rule for %s", what);
}

static int allow(struct walls *w, const char *path, uint64_t access)
{
	autofd int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return fault_errno(w->f, NULL, "cannot open %s for Landlock", path);
	return allow_fd(w, fd, access, path);
}

static uint64_t access_of(const struct fsplan *plan, enum fs_kind kind)
{
	switch (kind) {
	case FS_READ:
	case FS_FILE:
		return RUN;
	case FS_WRITE:
	case FS_TMPFS:
		return CHANGE | (plan->exec_writable ? LANDLOCK_ACCESS_FS_EXECUTE : 0);
	default:
		return 0;
	}
}

/*
 * stdin, stdout and stderr by their other names (/dev/stderr), as far as they are
 * open: a script that writes there opens the file again.  Pipes and sockets need
 * no rule; what is no file of a file system takes none (EBADFD).
 */
static int allow_stdio(struct walls *w)
{
	static const uint64_t by_mode[] = {
		[O_RDONLY] = LANDLOCK_ACCESS_FS_READ_FILE,
		[O_WRONLY] = LANDLOCK_ACCESS_FS_WRITE_FILE | SYS_LANDLOCK_FS_TRUNCATE,
		[O_RDWR] = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
			   SYS_LANDLOCK_FS_TRUNCATE,
	};

	for (int fd = 0; fd <= 2; fd++) {
		int flags = fcntl(fd, F_GETFL);
		struct stat st;
		uint64_t access;

		if (flags < 0 || (flags & O_ACCMODE) > O_RDWR || fstat(fd, &st) < 0 ||
		    (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode)))
			continue;
		access = w->handled & (by_mode[flags & O_ACCMODE] | SYS_LANDLOCK_FS_IOCTL_DEV);
		if (sys_landlock_add_path(w->ruleset, fd, access) < 0 && errno != EBADFD)
			return fault_errno(w->f, NULL,
					   "cannot add a Landlock rule for descriptor %d", fd);
	}
	return 0;
}

static int add_rules(struct walls *w, const struct fsplan *plan)
{
	if (allow(w, "/", LOOK) < 0 || allow(w, "/proc", READ) < 0 ||
	    allow(w, "/dev", DEVICE) < 0 || allow(w, "/dev/shm", access_of(plan, FS_TMPFS)) < 0)
		return -1;
	for (size_t i = 0; i < plan->n; i++) {
		uint64_t access = access_of(plan, plan->v[i].kind);

		if (access && allow(w, plan->v[i].path, access) < 0)
			return -1;
	}
	return allow_stdio(w);
}

int landlock_apply(const struct fsplan *plan, struct fault *f)
{
	int abi = sys_landlock_create(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct sys_landlock_ruleset ruleset;
	autofd int fd = -1;
	struct walls w;

	if (abi < 1)
		return 0;
	ruleset = ruleset_of(abi);
	fd = sys_landlock_create(&ruleset, size_of(abi), 0);
	if (fd < 0)
		return fault_errno(f, "see `warder doctor`", "cannot make a Landlock ruleset");
	w = (struct walls){.ruleset = fd, .handled = ruleset.handled_access_fs, .f = f};
	if (add_rules(&w, plan) < 0)
		return -1;
	if (sys_landlock_restrict_self(fd) < 0)
		return fault_errno(f, "see `warder doctor`", "cannot enforce the Landlock ruleset");
	return abi;
}
