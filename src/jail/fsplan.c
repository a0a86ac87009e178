/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation.  The agent's root is an empty tmpfs to which the plan adds.
 * A path means the same inside and outside: what is bound is bound where it
 * stands, so a mount point beneath a bind is there already.  Everything is found
 * out here, where an error can still name the profile's key; what was found is
 * checked again when it is mounted, by opening it without following a symlink,
 * because a workspace may be writable for another agent just now.
 *
 * What is protected must not be reachable by another name.  So the directories
 * between the writable tree's root and a protected path are pinned (a mount point
 * cannot be renamed or removed), and a symlink among them is refused.
 *
 * What FS_PROTECT makes is removed at the end, unless another run counts on it:
 * each run holds a shared flock(2) on what it protects, and only who gets the
 * exclusive one removes.
 */
#include "jail/fsplan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/sys.h"

enum {
	LINKS_MAX = 40,	 /* symlinks followed for one path, as the kernel; then ELOOP */
	MAKE_TRIES = 16, /* against runs that end meanwhile; then the start fails */
};

struct builder {
	const struct profile *p;
	const struct fsplan_context *ctx;
	struct fsplan *plan;
	struct fault *f;
};

bool fsplan_beneath(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	if (strcmp(dir, "/") == 0)
		return path[0] == '/';
	return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static struct fs_op *add(struct fsplan *plan, enum fs_kind kind, const char *path,
			 const char *source, bool directory)
{
	struct fs_op *op;

	plan->v = mem_grow(plan->v, plan->n + 1, sizeof(*plan->v));
	op = &plan->v[plan->n++];
	*op = (struct fs_op){.kind = kind,
			     .path = mem_strdup(path),
			     .source = source ? mem_strdup(source) : NULL,
			     .directory = directory,
			     .lock = -1};
	return op;
}

static void free_op(struct fs_op *op)
{
	fd_close(&op->lock);
	free(op->path);
	free(op->source);
}

/* What the agent meets at path so far: the deepest op that path is beneath; NULL: nothing. */
static const struct fs_op *covering(const struct fsplan *plan, const char *path)
{
	const struct fs_op *best = NULL;

	for (size_t i = 0; i < plan->n; i++) {
		const struct fs_op *op = &plan->v[i];
		size_t had = best ? strlen(best->path) : 0, len = strlen(op->path);

		if (op->kind == FS_LINK || !fsplan_beneath(path, op->path))
			continue;
		if (len > had || (best && len == had && op->kind > best->kind))
			best = op;
	}
	return best;
}

/* Whether the agent can change the host's directory at path. */
static bool is_writable(const struct fsplan *plan, const char *path)
{
	const struct fs_op *op = covering(plan, path);

	return op != NULL && (op->kind == FS_WRITE || op->kind == FS_PIN);
}

/* --- paths of the host ---------------------------------------------------------------------- */

/* Appends one component to the canonical path cur; ".." takes one away.  False: too long. */
static bool step(char cur[PATH_MAX], const char *part, size_t len)
{
	size_t n = strlen(cur);

	if (len == 0 || (len == 1 && part[0] == '.'))
		return true;
	if (len == 2 && strncmp(part, "..", 2) == 0) {
		char *slash = strrchr(cur, '/');

		if (slash)
			*slash = '\0';
		return true;
	}
	if (n + 1 + len >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return false;
	}
	snprintf(cur + n, PATH_MAX - n, "/%.*s", (int)len, part);
	return true;
}

/*
 * The canonical path of an absolute one, as realpath(3); the symlinks that were
 * met on the way are added to links (may be NULL).  NULL with errno.
 */
static char *resolve(const char *path, struct strlist *links)
{
	char cur[PATH_MAX] = "", text[PATH_MAX];
	autofree char *rest = mem_strdup(path);
	size_t at = 0;
	int followed = 0;

	while (rest[at] != '\0') {
		size_t len = strcspn(rest + at, "/"), was = strlen(cur);
		ssize_t n;
		char *longer;

		if (!step(cur, rest + at, len))
			return NULL;
		at += len + (rest[at + len] == '/');
		if (strlen(cur) <= was)
			continue;
		n = readlink(cur, text, sizeof(text) - 1);
		if (n < 0 && errno == EINVAL)
			continue; /* there, and no symlink */
		if (n < 0)
			return NULL;
		if (++followed > LINKS_MAX) {
			errno = ELOOP;
			return NULL;
		}
		text[n] = '\0';
		if (links)
			strlist_add(links, cur);
		cur[text[0] == '/' ? 0 : was] = '\0';
		longer = mem_printf("%s/%s", text, rest + at);
		free(rest);
		rest = longer;
		at = 0;
	}
	return mem_strdup(cur[0] ? cur : "/");
}

/* The directory of path and its last component, which the caller owns; slashes at
 * the end are taken off. */
static void split(const char *path, char **parent, char **last)
{
	size_t len = strlen(path);
	const char *slash;

	while (len > 1 && path[len - 1] == '/')
		len--;
	slash = memrchr(path, '/', len);
	*parent = slash > path ? mem_strndup(path, (size_t)(slash - path)) : mem_strdup("/");
	*last = mem_strndup(slash + 1, len - (size_t)(slash + 1 - path));
}

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The symlinks that lead to something visible are made again. */
static void add_links(struct builder *b, const struct strlist *links)
{
	char text[PATH_MAX];

	for (size_t i = 0; i < links->n; i++) {
		ssize_t n = readlink(links->v[i], text, sizeof(text) - 1);

		if (n < 0)
			continue;
		text[n] = '\0';
		add(b->plan, FS_LINK, links->v[i], text, false);
	}
}

static bool is_missing(int err)
{
	return err == ENOENT || err == ENOTDIR || err == EACCES;
}

/* Takes a leading '?' off the text; resolves.  NULL: *skip says whether that is fine. */
static char *find(struct builder *b, const char *key, const char *text, struct strlist *links,
		  bool *skip)
{
	bool optional = text[0] == '?';
	char *path = NULL;

	/* Of the many that may be missing most are: one call tells. */
	if (!optional || access(text + 1, F_OK) == 0)
		path = resolve(text + optional, links);
	*skip = path == NULL && optional && is_missing(errno);
	if (path == NULL && !*skip)
		fault_errno(b->f,
			    "make it, take it out, or write it with a \"?\" in front if it may "
			    "be missing",
			    "profile %s: %s: %s", b->p->name, key, text + optional);
	return path;
}

/* --- what is shown --------------------------------------------------------------------------- */

/* Warder makes these itself; what is the host's of them would be a way out. */
static int check_source(struct builder *b, const char *key, const char *path)
{
	static const char *const ours[] = {"/proc", "/dev", "/run/warder"};

	if (strcmp(path, "/") == 0)
		return fault_set(b->f, "name the directories that it needs",
				 "%s: all of / cannot be shown to an agent", key);
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		if (fsplan_beneath(path, ours[i]))
			return fault_set(b->f, "take it out: the sandbox has its own",
					 "%s: %s cannot be shown to an agent", key, path);
	return 0;
}

static int show(struct builder *b, const char *key, const char *text, enum fs_kind kind)
{
	struct strlist links = {0};
	bool skip;
	autofree char *path = find(b, key, text, &links, &skip);
	int rc = path ? check_source(b, key, path) : skip ? 0 : -1;

	if (path && rc == 0) {
		add(b->plan, kind, path, path, is_directory(path));
		add_links(b, &links);
	}
	strlist_free(&links);
	return rc;
}

static int show_all(struct builder *b, const char *key, const struct strlist *l, enum fs_kind kind)
{
	for (size_t i = 0; i < l->n; i++)
		if (show(b, key, l->v[i], kind) < 0)
			return -1;
	return 0;
}

/* What the profile shows read-only, and whoever starts the run wants writable. */
static void take_out_read(struct fsplan *plan, const char *path)
{
	for (size_t i = 0; i < plan->n; i++)
		if (plan->v[i].kind == FS_READ && strcmp(plan->v[i].path, path) == 0) {
			free_op(&plan->v[i]);
			plan->v[i--] = plan->v[--plan->n];
		}
}

/* The paths of --ro and --rw are relative to where the launcher stands. */
static char *from_cwd(const struct builder *b, const char *path)
{
	return path[0] == '/' ? mem_strdup(path) : mem_printf("%s/%s", b->ctx->cwd, path);
}

/* Nothing is optional here. */
static int show_options(struct builder *b, const char *key, const struct strlist *l,
			enum fs_kind kind)
{
	for (size_t i = 0; i < l->n; i++) {
		autofree char *path = from_cwd(b, l->v[i]);
		autofree char *real = resolve(path, NULL);

		if (real == NULL)
			return fault_errno(b->f, "name a path that exists", "%s %s", key, l->v[i]);
		if (kind == FS_WRITE)
			take_out_read(b->plan, real);
		if (show(b, key, path, kind) < 0)
			return -1;
	}
	return 0;
}

/* An option that shows nothing after all is not passed over in silence. */
static int check_options(struct builder *b, const char *key, const struct strlist *l)
{
	for (size_t i = 0; i < l->n; i++) {
		autofree char *path = from_cwd(b, l->v[i]);
		autofree char *real = resolve(path, NULL);
		const struct fs_op *op = real ? covering(b->plan, real) : NULL;

		if (op && (op->kind == FS_HIDE || op->kind == FS_TMPFS))
			return fault_set(b->f, "leave the option out, or take another profile",
					 "%s %s: profile %s has something else in its place", key,
					 l->v[i], b->p->name);
	}
	return 0;
}

static bool is_bind(const struct fs_op *op)
{
	return op->kind == FS_READ || op->kind == FS_WRITE || op->kind == FS_PROTECT ||
	       op->kind == FS_PIN;
}

/* A private file system; its mount point is made where nothing of the host is. */
static int add_tmpfs(struct builder *b, const char *text, mode_t mode)
{
	struct strlist links = {0};
	autofree char *path = resolve(text, &links);
	const struct fs_op *under;

	if (path == NULL)
		path = mem_strdup(text);
	under = covering(b->plan, path);
	if (under && is_bind(under) && !is_directory(path)) {
		strlist_free(&links);
		return fault_set(b->f, "make the directory, or take it out",
				 "profile %s: filesystem.tmpfs: %s does not exist", b->p->name,
				 path);
	}
	add(b->plan, FS_TMPFS, path, NULL, true)->mode = mode;
	add_links(b, &links);
	strlist_free(&links);
	return 0;
}

static int add_tmpfses(struct builder *b)
{
	for (size_t i = 0; i < b->p->fs.tmpfs.n; i++) {
		const char *text = b->p->fs.tmpfs.v[i];

		if (text[0] == '?' && !is_directory(text + 1))
			continue;
		if (add_tmpfs(b, text + (text[0] == '?'), 01777) < 0)
			return -1;
	}
	return 0;
}

/* Programs want a home that they can write to; the real one is not shown but by name. */
static int add_home(struct builder *b)
{
	const struct fs_op *under;

	b->plan->home = resolve(b->ctx->home, NULL);
	if (b->plan->home == NULL)
		b->plan->home = mem_strdup(b->ctx->home);
	under = covering(b->plan, b->plan->home);
	if (strcmp(b->plan->home, "/") == 0 || (under && under->kind != FS_TMPFS))
		return 0;
	return add_tmpfs(b, b->ctx->home, 0700);
}

/* --- what stays in its place ------------------------------------------------------------------ */

/* Keeps the directories between the root of a writable tree and path from being moved
 * away, and with them what stands at path: mounts of their own cannot be. */
static void pin_parents(struct builder *b, const char *path)
{
	autofree char *dir = NULL;
	autofree char *last = NULL;

	split(path, &dir, &last);
	while (is_writable(b->plan, dir)) {
		autofree char *child = dir;

		free(last);
		split(child, &dir, &last);
		/* What stands in a directory that is not the agent's stays where it is. */
		if (!is_writable(b->plan, dir))
			break;
		add(b->plan, FS_PIN, child, child, true);
	}
}

/* A symlink that the agent could replace leads wherever it wants. */
static int check_links(struct builder *b, const char *key, const struct strlist *links)
{
	for (size_t i = 0; i < links->n; i++)
		if (is_writable(b->plan, links->v[i]))
			return fault_set(b->f, "name what it points to, or make it no symlink",
					 "profile %s: %s: %s is a symlink, which could be replaced",
					 b->p->name, key, links->v[i]);
	return 0;
}

/* --- what is not shown ------------------------------------------------------------------------ */

/* What nothing shows, or what is private, needs no mask. */
static bool shows_host(const struct fsplan *plan, const char *path)
{
	const struct fs_op *op = covering(plan, path);

	return op != NULL && op->kind != FS_TMPFS;
}

static void hide_at(struct builder *b, const char *path, bool directory)
{
	if (!shows_host(b->plan, path))
		return;
	pin_parents(b, path);
	add(b->plan, FS_HIDE, path, NULL, directory);
}

static int hide(struct builder *b, const char *text)
{
	struct strlist links = {0};
	bool skip;
	autofree char *path = find(b, "filesystem.hide", text, &links, &skip);
	int rc = path ? check_links(b, "filesystem.hide", &links) : skip ? 0 : -1;

	if (path && rc == 0)
		hide_at(b, path, is_directory(path));
	strlist_free(&links);
	return rc;
}

static int hide_all(struct builder *b)
{
	for (size_t i = 0; i < b->p->fs.hide.n; i++)
		if (hide(b, b->p->fs.hide.v[i]) < 0)
			return -1;
	return 0;
}

/* Inventory, journals and revocations are never the agent's, wherever they were put. */
static int hide_own(struct builder *b)
{
	for (size_t i = 0; i < ARRAY_SIZE(b->ctx->own); i++) {
		autofree char *path = b->ctx->own[i] ? resolve(b->ctx->own[i], NULL) : NULL;

		if (path == NULL)
			continue;
		if (fsplan_beneath(b->plan->workspace, path))
			return fault_set(b->f, "work in another directory, or move warder's own",
					 "the workspace %s is inside warder's own directory %s",
					 b->plan->workspace, path);
		hide_at(b, path, true);
	}
	return 0;
}

/* --- what is protected -------------------------------------------------------------------------
 */

/* The descriptor of a directory that is what its path says, whoever renames meanwhile. */
static int open_exactly(const char *path, uint64_t flags)
{
	return sys_openat2(AT_FDCWD, path, flags, RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

/* Makes it empty.  1 made, 0 there already, -1 with errno. */
static int make_empty(int dirfd, const char *name, bool directory)
{
	autofd int fd = -1;

	if (directory)
		return mkdirat(dirfd, name, 0755) == 0 ? 1 : errno == EEXIST ? 0 : -1;
	fd = openat(dirfd, name, O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	return fd >= 0 ? 1 : errno == EEXIST ? 0 : -1;
}

/* Holds it against the end of other runs.  False: it went away meanwhile. */
static bool lock_shared(int dirfd, const char *name, int *lock)
{
	struct stat held, now;

	*lock = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (*lock < 0)
		return errno != ENOENT; /* not to be opened: then nobody made it for a run */
	flock(*lock, LOCK_SH | LOCK_NB);
	if (fstat(*lock, &held) == 0 && fstatat(dirfd, name, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
	    held.st_dev == now.st_dev && held.st_ino == now.st_ino)
		return true;
	fd_close(lock);
	return false;
}

static int protect_at(struct builder *b, const char *parent, const char *name, bool directory,
		      bool optional)
{
	autofree char *path = mem_printf("%s/%s", strcmp(parent, "/") == 0 ? "" : parent, name);
	autofd int dirfd = open_exactly(parent, O_PATH | O_DIRECTORY);
	const struct fs_op *had = covering(b->plan, path);
	struct fs_op *op;
	struct stat st;
	int lock = -1, made = 0;

	if (had->kind == FS_PROTECT && strcmp(had->path, path) == 0)
		return 0; /* named twice */
	for (int tries = 0; dirfd >= 0 && tries < MAKE_TRIES; tries++) {
		if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			if (errno != ENOENT)
				break;
			if (optional)
				return 0;
			made = make_empty(dirfd, name, directory);
			if (made < 0)
				break;
			continue;
		}
		if (S_ISLNK(st.st_mode))
			return fault_set(b->f, "protect what it points to, or make it no symlink",
					 "profile %s: filesystem.protect: %s is a symlink, which "
					 "could be replaced",
					 b->p->name, path);
		if (!lock_shared(dirfd, name, &lock))
			continue;
		op = add(b->plan, FS_PROTECT, path, path, S_ISDIR(st.st_mode));
		op->lock = lock;
		op->made = made > 0;
		pin_parents(b, path);
		return 0;
	}
	return fault_errno(b->f, "see to its permissions, or take it out",
			   "profile %s: filesystem.protect: %s", b->p->name, path);
}

/* Its directory is there.  A file in that place (a worktree's .git) says where the directory
 * is instead, and is protected itself. */
static int protect_in(struct builder *b, const char *dir, const char *name, bool directory,
		      bool optional)
{
	autofree char *up = NULL;
	autofree char *file = NULL;

	if (!is_writable(b->plan, dir))
		return 0; /* or private: nothing is to be done */
	if (is_directory(dir))
		return protect_at(b, dir, name, directory, optional);
	split(dir, &up, &file);
	return is_writable(b->plan, up) ? protect_at(b, up, file, false, true) : 0;
}

static int protect(struct builder *b, const char *text)
{
	bool optional = text[0] == '?', directory = text[strlen(text) - 1] == '/';
	autofree char *parent = NULL;
	autofree char *name = NULL;
	autofree char *real = NULL;
	autofree char *path = NULL;
	struct strlist links = {0};
	int rc = 0;

	split(text + optional, &parent, &name);
	real = resolve(parent, &links);
	path = mem_printf("%s/%s", real ? real : parent, name);
	/* The way there must not be the agent's to change. */
	if (real) {
		rc = check_links(b, "filesystem.protect", &links);
		if (rc == 0)
			rc = protect_in(b, real, name, directory, optional);
	}
	if (rc == 0 && access(path, F_OK) < 0 && is_writable(b->plan, path))
		strlist_add(&b->plan->absent, path);
	strlist_free(&links);
	return rc;
}

/*
 * What is made and removed in the agent's tree is made and removed as the agent's
 * user: root would do it to whatever a process of that user put there meanwhile.
 * False: root does not become that user.
 */
static bool become_agent(const struct fsplan *plan)
{
	if (geteuid() != 0 || plan->uid == 0)
		return true;
	return setegid(plan->gid) == 0 && seteuid(plan->uid) == 0;
}

static void become_root_again(const struct fsplan *plan)
{
	if (getuid() != 0 || plan->uid == 0)
		return;
	if (seteuid(0) < 0 || setegid(0) < 0)
		_exit(125); /* cannot be: the real and saved ids are root's */
}

static int protect_all(struct builder *b)
{
	int rc = become_agent(b->plan)
			 ? 0
			 : fault_errno(b->f, NULL, "cannot become uid %u", b->plan->uid);

	for (size_t i = 0; rc == 0 && i < b->p->fs.protect.n; i++)
		rc = protect(b, b->p->fs.protect.v[i]);
	become_root_again(b->plan);
	return rc;
}

/* --- what is warder's own -----------------------------------------------------------------------
 */

/* Where a file like /etc/resolv.conf stands; also where its symlink leads to nothing. */
static char *place_of(const char *path)
{
	char text[PATH_MAX];
	char *real = resolve(path, NULL);
	ssize_t n;

	if (real)
		return real;
	n = readlink(path, text, sizeof(text) - 1);
	if (n <= 0)
		return NULL;
	text[n] = '\0';
	if (strstr(text, "..") == NULL)
		return text[0] == '/' ? mem_strdup(text) : mem_printf("/etc/%s", text);
	return strncmp(text, "../", 3) == 0 && strstr(text + 3, "..") == NULL
		       ? mem_printf("/%s", text + 3)
		       : NULL;
}

static void add_file(struct builder *b, const char *path, const char *content)
{
	autofree char *at = place_of(path);
	const struct fs_op *under;

	if (at == NULL) {
		if (covering(b->plan, path))
			return; /* none there, and no room for one: the C library's defaults serve
				 */
		at = mem_strdup(path);
	}
	under = covering(b->plan, at);
	if (under == NULL || !is_bind(under) || access(at, F_OK) == 0)
		add(b->plan, FS_FILE, at, content, false);
}

static int add_own(struct builder *b)
{
	autofree char *hosts = mem_printf("127.0.0.1\tlocalhost %s\n::1\tlocalhost ip6-localhost\n",
					  b->ctx->hostname);
	autofree char *program = realpath(b->ctx->program, NULL);
	autofree char *shim = b->ctx->shim ? realpath(b->ctx->shim, NULL) : NULL;

	add_file(b, "/etc/resolv.conf", "nameserver 127.0.0.1\n");
	add_file(b, "/etc/hosts", hosts);
	if (program == NULL)
		return fault_errno(b->f, NULL, "warder itself (%s)", b->ctx->program);
	add(b->plan, FS_READ, "/run/warder/bin/warder", program, false);
	if (shim)
		add(b->plan, FS_READ, "/run/warder/lib/libwarder-preload.so", shim, false);
	return 0;
}

/* --- the whole ----------------------------------------------------------------------------------
 */

/* Parents before children: '/' sorts before any other byte. */
static int by_path(const void *a, const void *b)
{
	const struct fs_op *x = a, *y = b;
	const unsigned char *p = (const unsigned char *)x->path,
			    *q = (const unsigned char *)y->path;

	while (*p != '\0' && *p == *q)
		p++, q++;
	if (*p != *q)
		return *p == '\0' ? -1 : *q == '\0' ? 1 : *p == '/' ? -1 : *q == '/' ? 1 : *p - *q;
	return (int)x->kind - (int)y->kind;
}

/* Whether its nearest ancestor shows it already. */
static bool is_redundant(const struct fs_op *op, const struct fs_op *up)
{
	if (up == NULL)
		return false;
	switch (op->kind) {
	case FS_LINK:
		return is_bind(up);
	case FS_READ:
		return up->kind == FS_READ && strcmp(op->path, op->source) == 0;
	case FS_WRITE:
		return up->kind == FS_WRITE;
	default:
		return false;
	}
}

/* Whether the next op has the same path. */
static bool is_same_path(const struct fsplan *plan, size_t i)
{
	return i + 1 < plan->n && strcmp(plan->v[i].path, plan->v[i + 1].path) == 0;
}

/* Sorts; of several at one path keeps the strictest; takes out what another shows. */
static void tidy(struct fsplan *plan)
{
	struct fsplan kept = {0};

	if (plan->n == 0)
		return;
	qsort(plan->v, plan->n, sizeof(*plan->v), by_path);
	kept.v = mem_alloc(plan->n * sizeof(*kept.v));
	for (size_t i = 0; i < plan->n; i++) {
		struct fs_op *op = &plan->v[i];

		if (op->kind == FS_PIN && is_same_path(plan, i) && op[1].kind == FS_WRITE)
			op[1].kind = FS_PIN; /* writable already, but a mount of its own */
		if (is_same_path(plan, i) || is_redundant(op, covering(&kept, op->path)))
			free_op(op);
		else
			kept.v[kept.n++] = *op;
	}
	free(plan->v);
	plan->v = kept.v;
	plan->n = kept.n;
}

/* What is shown read-only inside something writable stays in its place. */
static void pin_what_is_read(struct builder *b)
{
	for (size_t i = 0, n = b->plan->n; i < n; i++)
		if (b->plan->v[i].kind == FS_READ)
			pin_parents(b, b->plan->v[i].path);
}

static int place_command(struct builder *b)
{
	struct fsplan *plan = b->plan;
	const struct fs_op *at = covering(plan, plan->workspace);

	if (at == NULL)
		return fault_set(b->f, "put \"{workspace}\" into its filesystem.write",
				 "profile %s shows nothing of the workspace %s", b->p->name,
				 plan->workspace);
	if (!is_bind(at))
		return fault_set(b->f, "work in another directory",
				 "profile %s has something else in the place of the workspace %s",
				 b->p->name, plan->workspace);
	plan->cwd = mem_strdup(fsplan_beneath(b->ctx->cwd, plan->workspace) ? b->ctx->cwd
									    : plan->workspace);
	return 0;
}

static int check_workspace(struct builder *b)
{
	static const char *const never[] = {"/proc", "/dev", "/sys", "/run/warder"};
	const char *path = b->plan->workspace;
	bool bad = strcmp(path, "/") == 0;

	for (size_t i = 0; i < ARRAY_SIZE(never); i++)
		bad = bad || fsplan_beneath(path, never[i]);
	if (bad)
		return fault_set(b->f,
				 "change to the directory to work in, or name it with --workspace",
				 "the workspace cannot be %s", path);
	if (!is_directory(path))
		return fault_set(b->f, "name a directory with --workspace",
				 "the workspace %s is no directory", path);
	return 0;
}

int fsplan_make(const struct profile *p, const struct fsplan_context *ctx, struct fsplan *plan,
		struct fault *f)
{
	struct builder b = {.p = p, .ctx = ctx, .plan = plan, .f = f};

	*plan = (struct fsplan){.workspace = mem_strdup(ctx->workspace),
				.exec_writable = p->fs.exec_writable,
				.uid = ctx->uid,
				.gid = ctx->gid,
				.tmpfs_bytes = p->limits.memory};
	if (p->fs.inherit)
		return fault_set(f, "leave it out, or run where a container is the wall",
				 "profile %s: \"filesystem\": \"inherit\" is for tier kernel",
				 p->name);
	if (check_workspace(&b) < 0 || show_all(&b, "filesystem.read", &p->fs.read, FS_READ) < 0 ||
	    show_all(&b, "filesystem.write", &p->fs.write, FS_WRITE) < 0 ||
	    show_options(&b, "--ro", ctx->ro, FS_READ) < 0 ||
	    show_options(&b, "--rw", ctx->rw, FS_WRITE) < 0 || add_tmpfses(&b) < 0 ||
	    add_home(&b) < 0 || hide_all(&b) < 0 || hide_own(&b) < 0 ||
	    check_options(&b, "--ro", ctx->ro) < 0 || check_options(&b, "--rw", ctx->rw) < 0 ||
	    place_command(&b) < 0 || protect_all(&b) < 0 || add_own(&b) < 0) {
		fsplan_undo(plan);
		return -1;
	}
	pin_what_is_read(&b);
	tidy(plan);
	return 0;
}

void fsplan_free(struct fsplan *plan)
{
	for (size_t i = 0; i < plan->n; i++)
		free_op(&plan->v[i]);
	free(plan->v);
	strlist_free(&plan->absent);
	free(plan->workspace);
	free(plan->home);
	free(plan->cwd);
	*plan = (struct fsplan){0};
}

static void remove_if_empty(const struct fs_op *op)
{
	autofree char *parent = NULL;
	autofree char *name = NULL;
	autofd int dirfd = -1;
	struct stat st;

	split(op->path, &parent, &name);
	dirfd = open_exactly(parent, O_PATH | O_DIRECTORY);
	if (dirfd < 0)
		return;
	if (op->directory)
		unlinkat(dirfd, name, AT_REMOVEDIR); /* ENOTEMPTY: it has become somebody's */
	else if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
		 st.st_size == 0)
		unlinkat(dirfd, name, 0);
}

void fsplan_undo(struct fsplan *plan)
{
	if (!become_agent(plan))
		return;
	/* Children first. */
	for (size_t i = plan->n; i-- > 0;) {
		struct fs_op *op = &plan->v[i];

		if (op->made && op->lock >= 0 && flock(op->lock, LOCK_EX | LOCK_NB) == 0)
			remove_if_empty(op);
		op->made = false;
	}
	become_root_again(plan);
}

void fsplan_appeared(const struct fsplan *plan, struct strlist *made)
{
	struct stat st;

	for (size_t i = 0; i < plan->absent.n; i++)
		if (lstat(plan->absent.v[i], &st) == 0)
			strlist_add(made, plan->absent.v[i]);
}
