/* SPDX-License-Identifier: Apache-2.0 */
/* Where profile_impl.h says what the other files of it are. */
#include "policy/profile.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "policy/profile_impl.h"

enum {
	GATEWAY_TIMEOUT_MS = 10 * 1000,
	APPROVAL_TIMEOUT_MS = 5 * 60 * 1000,
	TRIPWIRE_WINDOW_MS = 60 * 1000,
};

const char *decision_name(enum decision d)
{
	static const char *const names[] = {
		[DECISION_DENY] = "deny",
		[DECISION_ALLOW] = "allow",
		[DECISION_ASK] = "ask",
		[DECISION_OBSERVE] = "observe",
	};

	return (size_t)d < ARRAY_SIZE(names) ? names[d] : "deny";
}

/* What no file says: nothing is allowed, and whoever goes out is known. */
static void set_defaults(struct profile *p)
{
	p->gateway.headers = true;
	p->gateway.timeout_ms = GATEWAY_TIMEOUT_MS;
	p->approval.timeout_ms = APPROVAL_TIMEOUT_MS;
	p->tripwire.window_ms = TRIPWIRE_WINDOW_MS;
	p->tripwire.kill = true;
}

/* The file's name without its directory and ".json". */
static char *name_of_file(const char *path)
{
	const char *base = strrchr(path, '/');
	size_t len;

	base = base ? base + 1 : path;
	len = strlen(base);
	if (len > 5 && strcmp(base + len - 5, ".json") == 0)
		len -= 5;
	return mem_strndup(base, len);
}

static void hash_files(const struct profile_files *files, char out[65])
{
	unsigned char digest[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_state state;

	crypto_hash_sha256_init(&state);
	for (size_t i = 0; i < files->n; i++)
		crypto_hash_sha256_update(&state, (const unsigned char *)files->v[i].text,
					  files->v[i].len);
	crypto_hash_sha256_final(&state, digest);
	sodium_bin2hex(out, 65, digest, sizeof(digest));
}

/* A complaint about the profile as merged, at the file whose `section` counts. */
static int fault_at(const struct profile_files *files, const char *section, struct fault *f,
		    const char *what)
{
	for (size_t i = 0; i < files->n; i++) {
		struct jsonat at = {NULL, section, 0};
		const char *key;
		json_t *value;

		json_object_foreach(files->v[i].root, key, value) {
			if (strcmp(key, section) == 0)
				return jsonfile_fault(&files->v[i], &at, f, "%s", what);
			at.n++;
		}
	}
	return fault_set(f, NULL, "%s: %s", section, what);
}

/* What only shows when everything is put together. */
static int check_whole(const struct profile *p, const struct profile_files *files,
		       struct fault *f)
{
	if (p->fs.inherit && p->require != REQUIRE_KERNEL)
		return fault_at(files, "filesystem", f,
				"\"inherit\" goes with \"require\": \"kernel\" only, where a "
				"container is the wall");
	if (p->tripwire.on && p->tripwire.denials == 0 && p->tripwire.same_action == 0)
		return fault_at(files, "tripwire", f,
				"expected \"denials\" or \"same_action\": it counts nothing");
	return 0;
}

struct profile *profile_load(const char *name, const struct profile_context *ctx, struct fault *f)
{
	autofree struct profile_files *files = mem_alloc(sizeof(*files));
	autofree struct profile_marks *marks = mem_alloc(sizeof(*marks));
	struct profile *p;
	int ret = 0;

	if (profile_files_load(name, ctx, files, f) < 0)
		return NULL;
	p = mem_alloc(sizeof(*p));
	set_defaults(p);
	for (size_t i = 0; i < files->n && ret == 0; i++)
		ret = profile_read(p, &files->v[i], i == 0, ctx, marks, f);
	if (ret == 0)
		ret = check_whole(p, files, f);
	if (p->name == NULL)
		p->name = name_of_file(files->v[0].name);
	if (p->gateway.url != NULL && strcmp(p->gateway.url, "direct:") == 0) {
		free(p->gateway.url);
		p->gateway.url = NULL;
	}
	hash_files(files, p->hash);
	profile_files_free(files);
	if (ret == 0)
		return p;
	profile_free(p);
	return NULL;
}

int profile_enforceable(const struct profile *p, bool uid_zero, struct fault *f)
{
	const struct {
		bool wanted;
		const char *what, *mend;
	} cannot[] = {
		{p->fs.inherit, "filesystem: \"inherit\" is for tier kernel",
		 "leave it out: this version has tier full only"},
		{p->limits.cpu_percent != 0,
		 "limits.cpu: it needs a delegated cgroup, which this version cannot use",
		 "leave limits.cpu out"},
		{p->limits.pids != 0 && uid_zero,
		 "limits.pids: the kernel does not count the processes of uid 0",
		 "give it --user, or leave limits.pids out"},
		{p->unix_datagram, "unix.datagram: this version cannot enforce it",
		 "leave unix.datagram out"},
		{p->gateway.token, "gateway.identity: this version has no run tokens",
		 "leave \"token\" out of gateway.identity"},
		{p->tripwire.on, "tripwire: this version has none",
		 "leave tripwire out, or set it to null"},
		{p->approval.helper.n != 0, "approval.helper: this version asks nobody",
		 "leave approval.helper out"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cannot); i++)
		if (cannot[i].wanted)
			return fault_set(f, cannot[i].mend, "profile %s: %s", p->name,
					 cannot[i].what);
	return 0;
}

static void free_sections(struct profile *p)
{
	for (size_t i = 0; i < p->exec.n; i++) {
		free(p->exec.v[i].head.reason);
		free(p->exec.v[i].path);
		free(p->exec.v[i].resolved);
		strlist_free(&p->exec.v[i].argv);
	}
	for (size_t i = 0; i < p->egress.n; i++) {
		free(p->egress.v[i].head.reason);
		free(p->egress.v[i].host);
		free(p->egress.v[i].ports);
	}
	for (size_t i = 0; i < p->unix_.n; i++) {
		free(p->unix_.v[i].head.reason);
		free(p->unix_.v[i].path);
	}
	for (size_t i = 0; i < p->listen.n; i++) {
		free(p->listen.v[i].head.reason);
		free(p->listen.v[i].ports);
	}
	for (size_t i = 0; i < p->tools.n; i++) {
		free(p->tools.v[i].head.reason);
		free(p->tools.v[i].tool);
		free(p->tools.v[i].resource);
	}
	free(p->exec.v);
	free(p->egress.v);
	free(p->unix_.v);
	free(p->listen.v);
	free(p->tools.v);
}

void profile_free(struct profile *p)
{
	if (p == NULL)
		return;
	strlist_free(&p->fs.read);
	strlist_free(&p->fs.write);
	strlist_free(&p->fs.hide);
	strlist_free(&p->fs.protect);
	strlist_free(&p->fs.tmpfs);
	strlist_free(&p->env.pass);
	strlist_free(&p->env.set);
	strlist_free(&p->approval.approvers);
	strlist_free(&p->approval.helper);
	free_sections(p);
	free(p->name);
	free(p->description);
	free(p->gateway.url);
	free(p);
}
