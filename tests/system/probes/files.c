/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways to files:  files KIND,PATH[,PATH]...
 * Each argument is one attempt, in a process of its own, and the name of its result.
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "probe.h"

enum { WORDS_MAX = 3, FLIPS = 400 };

/* What a reader wants is a byte: a secret that is masked may open and be empty. */
static int read_byte(int fd)
{
	char byte;
	ssize_t got = fd < 0 ? -1 : read(fd, &byte, 1);

	if (got == 0) {
		errno = ENODATA;
		return -1;
	}
	return got < 0 ? -1 : 0;
}

static int reads(char **p) { return read_byte(open(p[0], O_RDONLY)); }

static int lists(char **p)
{
	DIR *dir = opendir(p[0]);
	struct dirent *e;

	if (!dir)
		return -1;
	while ((e = readdir(dir)))
		if (e->d_name[0] != '.')
			return 0;
	errno = ENODATA;
	return -1;
}

static int write_to(int fd) { return fd < 0 || write(fd, "x\n", 2) != 2 || close(fd) < 0 ? -1 : 0; }
static int writes(char **p) { return write_to(open(p[0], O_WRONLY | O_CREAT | O_APPEND, 0644)); }
static int truncates(char **p) { return truncate(p[0], 0); }
static int unlinks(char **p) { return unlink(p[0]); }
static int removes_dir(char **p) { return rmdir(p[0]); }
static int creates(char **p) { return write_to(creat(p[0], 0644)); }
static int touches(char **p) { return utimensat(AT_FDCWD, p[0], NULL, 0); }
static int owns(char **p) { return chown(p[0], getuid(), getgid()); }
static int attributes(char **p) { return setxattr(p[0], "user.probe", "x", 1, 0); }
static int symlinks(char **p) { return symlink(p[0], p[1]); }
static int makes_dir(char **p) { return mkdir(p[0], 0755); }
static int modes(char **p) { return chmod(p[0], 0777); }
static int renames(char **p) { return rename(p[0], p[1]); }
static int links(char **p) { return link(p[0], p[1]); }

static int swaps(char **p)
{
	return renameat2(AT_FDCWD, p[0], AT_FDCWD, p[1], RENAME_EXCHANGE);
}

static int by_hard_link(char **p)
{
	unlink(p[1]);
	return link(p[0], p[1]) < 0 ? -1 : writes(p + 1);
}

static int by_symlink(char **p)
{
	unlink(p[1]);
	return symlink(p[0], p[1]) < 0 ? -1 : writes(p + 1);
}

/* Relative to the directory where it stands, and to one that it holds. */
static int from_inside(char **p)
{
	return chdir(p[0]) < 0 ? -1 : writes(p + 1);
}

static int by_directory(char **p)
{
	return write_to(openat(open(p[0], O_PATH | O_DIRECTORY), p[1],
			       O_WRONLY | O_CREAT | O_APPEND, 0644));
}

/* Its flags are behind a pointer. */
static int by_openat2(char **p)
{
	struct open_how how = { .flags = O_WRONLY | O_APPEND };

	return write_to((int)syscall(SYS_openat2, AT_FDCWD, p[0], &how, sizeof(how)));
}

/* A file without a name, given one. */
static int by_tmpfile(char **p)
{
	char text[64];
	int fd = open(p[0], O_TMPFILE | O_WRONLY, 0644);

	snprintf(text, sizeof(text), "/proc/self/fd/%d", fd);
	return fd < 0 ? -1 : linkat(AT_FDCWD, text, AT_FDCWD, p[1], AT_SYMLINK_FOLLOW);
}

/* The directory is moved away, and one of its own put where it was. */
static int replaces(char **p)
{
	char moved[4200], parent[4200], *slash;

	snprintf(moved, sizeof(moved), "%s.moved", p[0]);
	snprintf(parent, sizeof(parent), "%s", p[1]);
	slash = strrchr(parent, '/');
	if (rename(p[0], moved) < 0)
		return -1;
	if (slash)
		*slash = '\0';
	mkdir(p[0], 0755);
	mkdir(parent, 0755);
	return writes(p + 1);
}

struct flip {
	char **paths, name[4200];
	volatile int over;
};

static void *flip(void *arg)
{
	struct flip *f = arg;

	for (int i = 0; !f->over; i++) {
		unlink(f->name);
		if (symlink(f->paths[i % 2], f->name) < 0)
			break;
	}
	return NULL;
}

/* A symlink that points at the one while it is looked at, at the other when it
 * is used.  Tells nothing: what must not be written to says so by its content. */
static int flips(char **p)
{
	struct flip f = { .paths = p };
	char *words[] = { f.name };
	pthread_t thread;

	snprintf(f.name, sizeof(f.name), "%s.flip", p[1]);
	if (pthread_create(&thread, NULL, flip, &f) != 0)
		return -1;
	for (int i = 0; i < FLIPS; i++)
		write_to(open(words[0], O_WRONLY | O_APPEND));
	f.over = 1;
	pthread_join(thread, NULL);
	unlink(f.name);
	return 0;
}

/* Through what /proc says is a process's root. */
static int by_proc(const char *format, const char *path)
{
	char text[4200];
	char *words[] = { text };

	snprintf(text, sizeof(text), format, path);
	return writes(words);
}

static int by_own_root(char **p) { return by_proc("/proc/self/root%s", p[0]); }
static int by_init_root(char **p) { return by_proc("/proc/1/root%s", p[0]); }
static int by_init_cwd(char **p) { return by_proc("/proc/1/cwd%s", p[0]); }

/* An O_PATH descriptor, opened again for writing. */
static int by_descriptor(char **p)
{
	char text[64];
	int fd = open(p[0], O_PATH);

	snprintf(text, sizeof(text), "/proc/self/fd/%d", fd);
	return fd < 0 ? -1 : write_to(open(text, O_WRONLY | O_APPEND));
}

static int by_handle(char **p)
{
	union {
		struct file_handle h;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} u = { .h.handle_bytes = MAX_HANDLE_SZ };
	int mount_id, root;

	if (name_to_handle_at(AT_FDCWD, p[0], &u.h, &mount_id, 0) < 0)
		return -1;
	root = open(p[1], O_RDONLY | O_DIRECTORY);
	return write_to(open_by_handle_at(root, &u.h, O_WRONLY | O_APPEND));
}

static int by_mapping(char **p)
{
	int fd = open(p[0], O_RDWR);
	char *m = fd < 0 ? MAP_FAILED : mmap(NULL, 1, PROT_WRITE, MAP_SHARED, fd, 0);

	if (m == MAP_FAILED)
		return -1;
	m[0] = 'x';
	return 0;
}

/* Mounts something over, or away from, the file in a user namespace of its own. */
static int by_namespace(char **p)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return -1;
	if (mount(NULL, p[0], NULL, MS_REMOUNT | MS_BIND, NULL) < 0 && umount2(p[0], MNT_DETACH) < 0)
		return -1;
	return writes(p);
}

static int unmounts(char **p) { return umount2(p[0], MNT_DETACH); }
static int remounts(char **p) { return mount(NULL, p[0], NULL, MS_REMOUNT | MS_BIND, NULL); }
static int makes_device(char **p) { return mknod(p[0], S_IFCHR | 0666, makedev(1, 8)); }

static int sets_flags(char **p)
{
	int fd = open(p[0], O_RDONLY), flags = FS_NODUMP_FL;

	return fd < 0 ? -1 : ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

static int makes_null(char **p) { return mknod(p[0], S_IFCHR | 0666, makedev(0, 0)); }
static int makes_fifo(char **p) { return mknod(p[0], S_IFIFO | 0666, 0); }
static int sets_uid(char **p) { return chmod(p[0], 04755); }
static int sets_gid(char **p) { return chmod(p[0], 02755); }
static int sets_held(char **p) { return fchmod(open(p[0], O_RDONLY), 06755); }
static int makes_set(char **p) { return open(p[0], O_WRONLY | O_CREAT | O_EXCL, 04755); }
static int makes_node(char **p) { return mknod(p[0], S_IFREG | 04755, 0); }
static int sets_caps(char **p)
{
	static const unsigned char all[20] = { 1, 0, 0, 2, 0xff, 0xff, 0xff, 0xff };

	return setxattr(p[0], "security.capability", all, sizeof(all), 0);
}

static const struct {
	const char *kind;
	int (*attempt)(char **paths);
} kinds[] = {
	{ "read", reads }, { "list", lists }, { "write", writes }, { "create", creates },
	{ "truncate", truncates }, { "unlink", unlinks }, { "mkdir", makes_dir },
	{ "rmdir", removes_dir }, { "chmod", modes }, { "chown", owns }, { "touch", touches },
	{ "attribute", attributes }, { "flags", sets_flags }, { "rename", renames },
	{ "link", links }, { "make-symlink", symlinks }, { "swap", swaps },
	{ "hard-link", by_hard_link }, { "symlink", by_symlink }, { "inside", from_inside },
	{ "directory", by_directory }, { "openat2", by_openat2 }, { "tmpfile", by_tmpfile },
	{ "replace", replaces }, { "flip", flips }, { "own-root", by_own_root },
	{ "init-root", by_init_root }, { "init-cwd", by_init_cwd },
	{ "descriptor", by_descriptor }, { "handle", by_handle }, { "mapping", by_mapping },
	{ "namespace", by_namespace }, { "unmount", unmounts }, { "remount", remounts },
	{ "device", makes_device }, { "null", makes_null }, { "fifo", makes_fifo },
	{ "setuid", sets_uid }, { "setgid", sets_gid }, { "setuid-held", sets_held },
	{ "setuid-new", makes_set }, { "setuid-node", makes_node }, { "caps", sets_caps },
};

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		char *words[WORDS_MAX + 1] = { 0 }, *copy = strdup(argv[i]);
		size_t k = 0;
		int n = 0;

		for (char *w = strtok(copy, ","); w && n < WORDS_MAX; w = strtok(NULL, ","))
			words[n++] = w;
		while (k < sizeof(kinds) / sizeof(kinds[0]) && strcmp(kinds[k].kind, words[0]) != 0)
			k++;
		if (k == sizeof(kinds) / sizeof(kinds[0]) || n < 2) {
			fprintf(stderr, "files: no such attempt: %s\n", argv[i]);
			return 2;
		}
		if (fork() == 0) {
			tell(argv[i], kinds[k].attempt(words + 1));
			_exit(0);
		}
		wait(NULL);
		free(copy);
	}
	return 0;
}
