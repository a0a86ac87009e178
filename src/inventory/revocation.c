/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file's being there is the revocation.  What is in it is for people only,
 * so `touch` revokes when nothing else works; and every way of not being able
 * to tell counts as revoked.
 */
#include "inventory/revocation.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/paths.h"
#include "base/utf8.h"
#include "inventory/agent.h"

enum {
	FILE_MAX = 4096, /* bytes of a file; of a longer one the reason is not read */
	CHECK_NAME_MAX = 300,
	CHECK_WHY_MAX = 256,
	TIME_TEXT_MAX = 40,
};

#define DIRECTORY "revoked.d"

/* One that cannot be told from "." or from another directory's would not be seen. */
static bool is_file_name(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && n <= NAME_MAX && name[0] != '.' && strchr(name, '/') == NULL;
}

static bool is_revocation(const char *name)
{
	static const char *const scopes[] = {"owner:", "environment:", "run:"};

	if (!is_file_name(name))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(scopes); i++)
		if (strncmp(name, scopes[i], strlen(scopes[i])) == 0)
			return name[strlen(scopes[i])] != '\0';
	return strcmp(name, "@all") == 0 || agent_id_valid(name);
}

/* The reason goes to terminals and into records: text is UTF-8, because it came from JSON. */
static void copy_printable(char *out, size_t size, const char *text)
{
	size_t n = 0, step;
	uint32_t c;

	for (; *text != '\0'; text += step) {
		step = utf8_decode(text, strnlen(text, UTF8_MAX), &c);
		if (step == 0 || n + step >= size)
			break;
		if (utf8_is_hidden(c))
			out[n++] = ' ';
		else
			n = (size_t)((char *)mempcpy(out + n, text, step) - out);
	}
	out[n] = '\0';
}

/* Whatever cannot be read says nothing: the file revokes all the same. */
static void read_why(int dir, const char *name, char *why, size_t size)
{
	autofd int fd = openat(dir, name,
			       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	char text[FILE_MAX];
	struct stat st;
	ssize_t len;
	json_t *root;

	why[0] = '\0';
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	len = fd_read_all(fd, text, sizeof(text));
	root = len > 0 ? json_loadb(text, (size_t)len, JSON_REJECT_DUPLICATES, NULL) : NULL;
	if (root != NULL && json_is_string(json_object_get(root, "why")))
		copy_printable(why, size, json_string_value(json_object_get(root, "why")));
	json_decref(root);
}

/* 1 there, 0 not, -1 cannot be told. */
static int is_there(int dir, const char *scope, const char *who, char name[CHECK_NAME_MAX])
{
	struct stat st;

	if (who == NULL)
		return 0;
	if ((size_t)snprintf(name, CHECK_NAME_MAX, "%s%s", scope, who) >= CHECK_NAME_MAX ||
	    !is_file_name(name)) {
		errno = EINVAL;
		return -1;
	}
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	return errno == ENOENT ? 0 : -1;
}

int revocation_check(const char *state_dir, const struct revocation_key *k, char name[300],
		     char why[256], struct fault *f)
{
	const struct {
		const char *scope, *who;
	} rows[] = {
		{"", k->agent_id},
		{"owner:", k->owner},
		{"environment:", k->environment},
		{"run:", k->run_id},
		{"", "@all"},
	};
	autofree char *path = mem_printf("%s/%s", state_dir, DIRECTORY);
	autofd int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	name[0] = why[0] = '\0';
	/* Nothing was ever revoked here. */
	if (dir < 0 && errno == ENOENT)
		return 0;
	if (dir < 0)
		return fault_errno(f, "what cannot be told counts as revoked: make it readable",
				   "cannot read %s", path);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int found = is_there(dir, rows[i].scope, rows[i].who, name);

		if (found < 0)
			return fault_errno(f, "what cannot be told counts as revoked",
					   "cannot tell whether %s%s is revoked in %s",
					   rows[i].scope, rows[i].who, path);
		if (found > 0) {
			read_why(dir, name, why, CHECK_WHY_MAX);
			return 1;
		}
	}
	name[0] = '\0';
	return 0;
}

char *revocation_undo(const char *name)
{
	static const struct {
		const char *scope, *option;
	} rows[] = {
		{"owner:", "--owner "},
		{"environment:", "--environment "},
		{"@all", "--all"},
	};
	const char *option = "", *who = name, *quote;

	if (strncmp(name, "run:", 4) == 0)
		return NULL; /* its id never comes again */
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (strncmp(name, rows[i].scope, strlen(rows[i].scope)) != 0)
			continue;
		option = rows[i].option;
		who = name + strlen(rows[i].scope);
	}
	quote = strpbrk(who, " \t\"\\$`&;|<>()*?[]#~!{}") ? "'" : "";
	return mem_printf("warder reinstate %s%s%s%s", option, quote, who, quote);
}

int revocation_fault(const char *agent_id, const char *name, const char *why, struct fault *f)
{
	autofree char *undo = revocation_undo(name);
	autofree char *mend = undo ? mem_printf("`%s` takes it back", undo) : NULL;

	return fault_set(f, mend, "agent %s is revoked (%s)%s%s", agent_id, name,
			 why[0] ? ": " : "", why);
}

/* The whole file, owned by the caller; empty where it cannot be made: the file counts, not
 * what it says.  For the same reason what is not UTF-8 is left out. */
static char *revocation_text(const char *why, const char *by)
{
	char at[TIME_TEXT_MAX] = "";
	time_t now = time(NULL);
	json_t *object = json_object();
	autofree char *json = NULL;
	struct tm tm;

	if (gmtime_r(&now, &tm) != NULL)
		strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_object_set_new(object, "why", json_string(why ? why : ""));
	json_object_set_new(object, "by", json_string(by ? by : ""));
	json_object_set_new(object, "at", json_string(at));
	json = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	return json ? mem_printf("%s\n", json) : mem_strdup("");
}

static int fault_name(struct fault *f, const char *name)
{
	return fault_set(f, "an agent's id, owner:O, environment:E, run:R or @all",
			 "nothing can be revoked by the name \"%.80s\"", name);
}

/* Without its text it revokes as well: a full disk must not be what an agent hides behind. */
static int touch(const char *path)
{
	autofd int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);

	return fd < 0 ? -1 : 0;
}

int revocation_write(const char *state_dir, const char *name, const char *why, const char *by,
		     struct fault *f)
{
	autofree char *path = mem_printf("%s/%s/%s", state_dir, DIRECTORY, name);
	autofree char *text = NULL;

	if (!is_revocation(name))
		return fault_name(f, name);
	if (paths_make(state_dir, DIRECTORY, 1, f) < 0)
		return -1;
	text = revocation_text(why, by);
	if (fd_replace_file(path, text, strlen(text), 0644, true) < 0 && touch(path) < 0)
		return fault_errno(f, NULL, "cannot write %s", path);
	return 0;
}

int revocation_remove(const char *state_dir, const char *name, struct fault *f)
{
	autofree char *path = mem_printf("%s/%s", state_dir, DIRECTORY);
	autofd int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (!is_revocation(name))
		return fault_name(f, name);
	if (dir < 0)
		return errno == ENOENT ? 0 : fault_errno(f, NULL, "cannot open %s", path);
	if (unlinkat(dir, name, 0) < 0)
		return errno == ENOENT
			? 0 : fault_errno(f, NULL, "cannot remove %s/%s", path, name);
	if (fsync(dir) < 0)
		return fault_errno(f, NULL, "cannot write %s", path);
	return 1;
}
