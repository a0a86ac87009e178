/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two kinds of places: those of whoever runs (configuration, state, logs,
 * what lives as long as a run), and those that were installed with the program.
 *
 * The second are looked for beside the program itself first.  A prefix that
 * was moved, or staged for a package, must use its own profiles and its own
 * shim, never those of another warder that happens to be installed.
 */
#include "base/paths.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

/* One place: the variable that overrides it, root's, and that of all others:
 * below an XDG variable, or else below $HOME. */
struct place {
	size_t to; /* offset in struct paths */
	const char *override;
	const char *root;
	const char *xdg, *below_xdg;
	const char *below_home;
};

/* XDG_RUNTIME_DIR has no default.  What takes its place lies in $HOME, because
 * a name in /tmp that can be guessed could be made by somebody else first. */
static const struct place places[] = {
	{offsetof(struct paths, config), "WARDER_CONFIG_DIR", "/etc/warder",
	 "XDG_CONFIG_HOME", "warder", ".config/warder"},
	{offsetof(struct paths, state), "WARDER_STATE_DIR", "/var/lib/warder",
	 "XDG_STATE_HOME", "warder", ".local/state/warder"},
	{offsetof(struct paths, log), "WARDER_LOG_DIR", "/var/log/warder",
	 "XDG_STATE_HOME", "warder/log", ".local/state/warder/log"},
	{offsetof(struct paths, runtime), "WARDER_RUNTIME_DIR", "/run/warder",
	 "XDG_RUNTIME_DIR", "warder", ".local/state/warder/run"},
};

static char *without_last_slashes(char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		path[--n] = '\0';
	return path;
}

/* The place of an ordinary user; NULL with a fault where HOME is needed and not there. */
static char *place_of_user(const struct place *p, struct fault *f)
{
	const char *xdg = getenv(p->xdg), *home = getenv("HOME");

	/* The XDG specification has relative ones ignored. */
	if (xdg != NULL && xdg[0] == '/')
		return mem_printf("%s/%s", xdg, p->below_xdg);
	if (home == NULL || home[0] != '/') {
		fault_set(f, "set HOME, or the variable that is named",
			  "cannot tell where %s is: no HOME", p->override);
		return NULL;
	}
	return mem_printf("%s/%s", home, p->below_home);
}

static char *place_of(const struct place *p, struct fault *f)
{
	const char *override = getenv(p->override);

	if (override != NULL && override[0] != '\0') {
		if (override[0] != '/') {
			fault_set(f, "give an absolute path", "%s is relative: %s", p->override,
				  override);
			return NULL;
		}
		return mem_strdup(override);
	}
	return geteuid() == 0 ? mem_strdup(p->root) : place_of_user(p, f);
}

/* The configured path `at`, moved to where this program's own prefix is. NULL
 * where the program or `at` do not lie in the configured prefix's way. */
static char *moved(const char *at, const char *exe_dir)
{
	static const char prefix[] = WARDER_PREFIX, bin[] = WARDER_BIN_DIR;
	size_t n_prefix = strlen(prefix), n_exe = strlen(exe_dir), n_bin;

	if (strncmp(bin, prefix, n_prefix) != 0 || strncmp(at, prefix, n_prefix) != 0)
		return NULL;
	n_bin = strlen(bin) - n_prefix; /* of "/bin" */
	if (n_exe < n_bin || strcmp(exe_dir + n_exe - n_bin, bin + n_prefix) != 0)
		return NULL;
	return mem_printf("%.*s%s", (int)(n_exe - n_bin), exe_dir, at + n_prefix);
}

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static char *installed(const char *at)
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash, *path;

	if (n <= 0)
		return mem_strdup(at);
	exe[n] = '\0';
	slash = strrchr(exe, '/');
	if (slash == NULL)
		return mem_strdup(at);
	*slash = '\0';
	path = moved(at, exe);
	if (path != NULL && is_directory(path))
		return path;
	free(path);
	return mem_strdup(at);
}

int paths_init(struct paths *p, struct fault *f)
{
	*p = (struct paths){0};
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		char *path = place_of(&places[i], f);

		if (path == NULL) {
			paths_free(p);
			return -1;
		}
		*(char **)((char *)p + places[i].to) = without_last_slashes(path);
	}
	p->share = installed(WARDER_SHARE_DIR);
	p->libexec = installed(WARDER_LIBEXEC_DIR);
	return 0;
}

void paths_free(struct paths *p)
{
	free(p->config);
	free(p->state);
	free(p->log);
	free(p->runtime);
	free(p->share);
	free(p->libexec);
	*p = (struct paths){0};
}

static int make_all(char *path, mode_t mode)
{
	for (char *c = path + 1;; c++) {
		char was = *c;

		if (was != '/' && was != '\0')
			continue;
		*c = '\0';
		if (mkdir(path, mode) < 0 && errno != EEXIST) {
			/* A parent that exists is fine even where mkdir() says EROFS or EACCES. */
			int err = errno;

			if (!is_directory(path)) {
				errno = err;
				return -1;
			}
		}
		if (was == '\0')
			break;
		*c = '/';
	}
	if (is_directory(path))
		return 0;
	errno = ENOTDIR;
	return -1;
}

int paths_make(const char *dir, const char *sub, int readable, struct fault *f)
{
	autofree char *path = sub ? mem_printf("%s/%s", dir, sub) : mem_strdup(dir);
	/* The modes are exact whatever umask warder was started with. */
	mode_t old = umask(0);
	int ret = make_all(path, readable && geteuid() == 0 ? 0755 : 0700);
	int err = errno;

	umask(old);
	if (ret == 0)
		return 0;
	errno = err;
	return fault_errno(f, "see FILES in warder(1) for the variables that name other places",
			   "cannot make the directory %s", path);
}
