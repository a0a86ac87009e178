/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/env.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "policy/glob.h"
#include "protocol.h"
#include "record/redact.h"

enum { SHAPE_MAX = 64 * 1024 }; /* bytes of a value looked at; a longer one is not passed on */

#define BIN_DIR "/run/warder/bin"
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* They make a loader, a shell or an interpreter run something, or trust something,
 * that its caller did not name.  A pattern never passes them on, only their name does. */
static const char *const steering[] = {
	"LD_*",
	"GCONV_PATH",
	"GLIBC_TUNABLES",
	"MALLOC_*",
	"LOCPATH",
	"NLSPATH",
	"HOSTALIASES",
	"RES_OPTIONS",
	"LOCALDOMAIN",
	"RESOLV_*",
	"GETCONF_DIR",
	"BASH_ENV",
	"BASH_FUNC_*",
	"ENV",
	"SHELLOPTS",
	"BASHOPTS",
	"PS4",
	"PROMPT_COMMAND",
	"IFS",
	"PYTHON*",
	"PERL*",
	"RUBY*",
	"NODE_*",
	"LUA_*",
	"JAVA_TOOL_OPTIONS",
	"_JAVA_OPTIONS",
	"JDK_JAVA_OPTIONS",
	"CLASSPATH",
	"GIT_*",
	"SSH_*",
	"GPG_*",
	"DBUS_*",
	"XDG_RUNTIME_DIR",
	"DOCKER_*",
	"KUBECONFIG",
	"WARDER_*",
	"OPENSSL_*",
	"SSLKEYLOGFILE",
};

static bool matches_any(const char *name, char *const *patterns, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (glob_text(patterns[i], name))
			return true;
	return false;
}

static bool announces_secret(const char *name)
{
	return redact_names_secret(name, strlen(name));
}

static bool has_secret(const char *value)
{
	static char out[SHAPE_MAX];
	size_t len = strlen(value);

	return len >= SHAPE_MAX || redact_text(value, len, out, sizeof(out));
}

static bool steers(const char *name)
{
	return matches_any(name, (char *const *)steering, ARRAY_SIZE(steering));
}

/* Whoever starts the run and names a variable wants just that one, whatever it is.  A
 * profile that names one is written long before: it means a secret only where the name does. */
static bool passes(const struct env_request *rq, const char *name, const char *value)
{
	const struct strlist *by_profile = &rq->profile->env.pass;

	if (strlist_has(rq->pass, name) || strlist_has(rq->set, name))
		return true;
	if (strlist_has(by_profile, name))
		return announces_secret(name) || !has_secret(value);
	if (!matches_any(name, by_profile->v, by_profile->n) &&
	    !matches_any(name, rq->pass->v, rq->pass->n))
		return false;
	return !steers(name) && !announces_secret(name) && !has_secret(value);
}

/* --- the vector ----------------------------------------------------------------------------------
 */

struct vector {
	char **v;
	size_t n;
};

static bool has_name(const char *pair, const char *name, size_t len)
{
	return strncmp(pair, name, len) == 0 && pair[len] == '=';
}

/* Takes pair, "NAME=VALUE"; a later one of the same name replaces it. */
static void put(struct vector *e, char *pair)
{
	size_t len = strcspn(pair, "=");

	for (size_t i = 0; i < e->n; i++) {
		if (has_name(e->v[i], pair, len)) {
			free(e->v[i]);
			e->v[i] = pair;
			return;
		}
	}
	e->v = mem_grow(e->v, e->n + 2, sizeof(*e->v));
	e->v[e->n++] = pair;
	e->v[e->n] = NULL;
}

const char *env_get(char *const *env, const char *name)
{
	size_t len = strlen(name);

	for (; env && *env; env++)
		if (has_name(*env, name, len))
			return *env + len + 1;
	return NULL;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void pass_on(struct vector *e, const struct env_request *rq, char *const *from,
		    struct strlist *dropped)
{
	for (; *from; from++) {
		size_t len = strcspn(*from, "=");
		autofree char *name = mem_strndup(*from, len);

		if ((*from)[len] == '\0' || len == 0)
			continue;
		if (passes(rq, name, *from + len + 1))
			put(e, mem_strdup(*from));
		else
			strlist_add(dropped, name);
	}
	if (dropped->n > 1)
		qsort(dropped->v, dropped->n, sizeof(*dropped->v), by_text);
}

/* What the sandbox itself says of who and where it is. */
static void set_own(struct vector *e, const struct env_request *rq)
{
	const char *path = env_get(e->v, "PATH");

	put(e, mem_printf("PATH=%s:" BIN_DIR, path && path[0] ? path : DEFAULT_PATH));
	put(e, mem_printf("HOME=%s", rq->home));
	put(e, mem_printf("USER=%s", rq->user));
	put(e, mem_printf("LOGNAME=%s", rq->user));
	put(e, mem_printf("PWD=%s", rq->cwd));
	put(e, mem_strdup("WARDER_BIN=" BIN_DIR "/warder"));
	put(e, mem_printf("WARDER_RUN_ID=%s", rq->run_id));
	put(e, mem_printf("WARDER_AGENT_ID=%s", rq->agent_id));
	if (rq->shim)
		put(e, mem_strdup("LD_PRELOAD=" WARDER_SHIM_PATH));
}

static void set_pairs(struct vector *e, const struct strlist *pairs)
{
	for (size_t i = 0; i < pairs->n; i++)
		if (strchr(pairs->v[i], '='))
			put(e, mem_strdup(pairs->v[i]));
}

char **env_build(const struct env_request *rq, char *const *from, struct strlist *dropped)
{
	struct vector e = {0};

	pass_on(&e, rq, from, dropped);
	set_own(&e, rq);
	set_pairs(&e, &rq->profile->env.set);
	set_pairs(&e, rq->set);
	return e.v;
}

void env_free(char **env)
{
	for (size_t i = 0; env && env[i]; i++)
		free(env[i]);
	free(env);
}

void env_wipe(void)
{
	static char *none[] = {NULL};

	for (char **e = environ; e && *e; e++)
		explicit_bzero(*e, strlen(*e));
	environ = none;
}
