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
 */
#include "jail/fsplan_impl.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "jail/hostpath.h"

bool fsplan_beneath(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	if (strcmp(dir, "/") == 0)
		return path[0] == '/';
	return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

struct fs_op *fsplan_add(struct fsplan *plan, enum fs_kind kind, const char *path,
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

const struct fs_op *fsplan_covering(const struct fsplan *plan, const char *path)
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

bool fsplan_is_writable(const struct fsplan *plan, const char *path)
{
	const struct fs_op *op = fsplan_covering(plan, path);

	return op != NULL && (op->kind == FS_WRITE || op->kind == FS_PIN);
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
		fsplan_add(b->plan, FS_LINK, links->v[i], text, false);
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
		path = hostpath_resolve(text + optional, links);
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
		fsplan_add(b->plan, kind, path, path, hostpath_is_directory(path));
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
		autofree char *real = hostpath_resolve(path, NULL);

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
		autofree char *real = hostpath_resolve(path, NULL);
		const struct fs_op *op = real ? fsplan_covering(b->plan, real) : NULL;

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
	autofree char *path = hostpath_resolve(text, &links);
	const struct fs_op *under;

	if (path == NULL)
		path = mem_strdup(text);
	under = fsplan_covering(b->plan, path);
	if (under && is_bind(under) && !hostpath_is_directory(path)) {
		strlist_free(&links);
		return fault_set(b->f, "make the directory, or take it out",
				 "profile %s: filesystem.tmpfs: %s does not exist", b->p->name,
				 path);
	}
	fsplan_add(b->plan, FS_TMPFS, path, NULL, true)->mode = mode;
	add_links(b, &links);
	strlist_free(&links);
	return 0;
}

static int add_tmpfses(struct builder *b)
{
	for (size_t i = 0; i < b->p->fs.tmpfs.n; i++) {
		const char *text = b->p->fs.tmpfs.v[i];

		if (text[0] == '?' && !hostpath_is_directory(text + 1))
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

	b->plan->home = hostpath_resolve(b->ctx->home, NULL);
	if (b->plan->home == NULL)
		b->plan->home = mem_strdup(b->ctx->home);
	under = fsplan_covering(b->plan, b->plan->home);
	if (strcmp(b->plan->home, "/") == 0 || (under && under->kind != FS_TMPFS))
		return 0;
	return add_tmpfs(b, b->ctx->home, 0700);
}

/* --- what stays in its place ------------------------------------------------------------------ */

void fsplan_pin_parents(struct builder *b, const char *path)
{
	autofree char *dir = NULL;
	autofree char *last = NULL;

	hostpath_split(path, &dir, &last);
	while (fsplan_is_writable(b->plan, dir)) {
		autofree char *child = dir;

		free(last);
		hostpath_split(child, &dir, &last);
		/* What stands in a directory that is not the agent's stays where it is. */
		if (!fsplan_is_writable(b->plan, dir))
			break;
		fsplan_add(b->plan, FS_PIN, child, child, true);
	}
}

int fsplan_check_links(struct builder *b, const char *key, const struct strlist *links)
{
	for (size_t i = 0; i < links->n; i++)
		if (fsplan_is_writable(b->plan, links->v[i]))
			return fault_set(b->f, "name what it points to, or make it no symlink",
					 "profile %s: %s: %s is a symlink, which could be replaced",
					 b->p->name, key, links->v[i]);
	return 0;
}

/* Whether the agent meets something of the host's at path; what is private is not. */
static bool shows_host(const struct fsplan *plan, const char *path)
{
	const struct fs_op *op = fsplan_covering(plan, path);

	return op != NULL && op->kind != FS_TMPFS;
}

/* NULL: not there, or not for the agent's user. */
static char *find_socket(struct builder *b, const char *path)
{
	char *real = fsplan_become_agent(b->plan) ? hostpath_resolve(path, NULL) : NULL;

	fsplan_become_root(b->plan);
	return real;
}

/* A socket that a rule names and allows is of no use unless it is there. */
static int show_sockets(struct builder *b)
{
	for (size_t i = 0; i < b->p->unix_.n; i++) {
		const struct unix_rule *r = &b->p->unix_.v[i];
		autofree char *real = NULL;

		if (r->head.decision == DECISION_DENY || r->path[0] != '/' ||
		    strpbrk(r->path, "*?") != NULL)
			continue;
		real = find_socket(b, r->path);
		if (real == NULL || shows_host(b->plan, real) || fsplan_beneath(real, "/dev"))
			continue;
		if (show(b, r->head.origin, r->path, FS_READ) < 0)
			return -1;
	}
	return 0;
}

/* --- what is not shown ------------------------------------------------------------------------ */

static void hide_at(struct builder *b, const char *path, bool directory)
{
	if (!shows_host(b->plan, path))
		return;
	fsplan_pin_parents(b, path);
	fsplan_add(b->plan, FS_HIDE, path, NULL, directory);
}

static int hide(struct builder *b, const char *text)
{
	struct strlist links = {0};
	bool skip;
	autofree char *path = find(b, "filesystem.hide", text, &links, &skip);
	int rc = path ? fsplan_check_links(b, "filesystem.hide", &links) : skip ? 0 : -1;

	if (path && rc == 0)
		hide_at(b, path, hostpath_is_directory(path));
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
		autofree char *path =
			b->ctx->own[i] ? hostpath_resolve(b->ctx->own[i], NULL) : NULL;

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

/* --- what is warder's own -----------------------------------------------------------------------
 */

/* Where a file like /etc/resolv.conf stands; also where its symlink leads to nothing. */
static char *place_of(const char *path)
{
	char text[PATH_MAX];
	char *real = hostpath_resolve(path, NULL);
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
		if (fsplan_covering(b->plan, path))
			return; /* none there, and no room for one: the C library's defaults serve
				 */
		at = mem_strdup(path);
	}
	under = fsplan_covering(b->plan, at);
	if (under == NULL || !is_bind(under) || access(at, F_OK) == 0)
		fsplan_add(b->plan, FS_FILE, at, content, false);
}

static int add_own(struct builder *b)
{
	/* With its own name on both lines nobody has to ask for that. */
	autofree char *hosts = mem_printf("127.0.0.1\tlocalhost %s\n"
					  "::1\tlocalhost ip6-localhost %s\n",
					  b->ctx->hostname, b->ctx->hostname);
	autofree char *program = realpath(b->ctx->program, NULL);
	autofree char *shim = b->ctx->shim ? realpath(b->ctx->shim, NULL) : NULL;

	add_file(b, "/etc/resolv.conf", "nameserver 127.0.0.1\n");
	add_file(b, "/etc/hosts", hosts);
	if (program == NULL)
		return fault_errno(b->f, NULL, "warder itself (%s)", b->ctx->program);
	fsplan_add(b->plan, FS_READ, "/run/warder/bin/warder", program, false);
	if (shim)
		fsplan_add(b->plan, FS_READ, "/run/warder/lib/libwarder-preload.so", shim, false);
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
		if (is_same_path(plan, i) || is_redundant(op, fsplan_covering(&kept, op->path)))
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
			fsplan_pin_parents(b, b->plan->v[i].path);
}

static int place_command(struct builder *b)
{
	struct fsplan *plan = b->plan;
	const struct fs_op *at = fsplan_covering(plan, plan->workspace);

	if (at == NULL)
		return fault_set(b->f, "put \"{workspace}\" into its filesystem.write",
				 "profile %s shows nothing of the workspace %s", b->p->name,
				 plan->workspace);
	if (at->kind == FS_TMPFS)
		return fault_set(b->f, "work in another directory",
				 "the workspace cannot be %s: it is private to each run "
				 "(filesystem.tmpfs of profile %s)",
				 plan->workspace, b->p->name);
	if (!is_bind(at))
		return fault_set(b->f, "work in another directory",
				 "profile %s hides the workspace %s", b->p->name, plan->workspace);
	plan->cwd = mem_strdup(fsplan_beneath(b->ctx->cwd, plan->workspace) ? b->ctx->cwd
									    : plan->workspace);
	return 0;
}

static int check_workspace(struct builder *b)
{
	static const char *const never[] = {"/proc", "/dev", "/sys", "/run/warder"};
	/* The host itself, or what everybody has things in. */
	static const char *const system[] = {"/",    "/bin",	   "/boot", "/etc",  "/home",
					     "/lib", "/opt",	   "/run",  "/sbin", "/srv",
					     "/usr", "/usr/local", "/var",  "/mnt"};
	const char *path = b->plan->workspace;
	bool bad = false;

	for (size_t i = 0; i < ARRAY_SIZE(never); i++)
		bad = bad || fsplan_beneath(path, never[i]);
	for (size_t i = 0; i < ARRAY_SIZE(system); i++)
		bad = bad || strcmp(path, system[i]) == 0;
	if (bad)
		return fault_set(b->f,
				 "change to the directory to work in, or name it with --workspace",
				 "the workspace cannot be %s", path);
	if (!hostpath_is_directory(path))
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
	    add_home(&b) < 0 || show_sockets(&b) < 0 || hide_all(&b) < 0 || hide_own(&b) < 0 ||
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
