/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "policy/profile_impl.h"

enum {
	TEXT_MAX = 4096, /* bytes of any string; more is an error at load */
	NAME_MAX_BYTES = 128,
};

static char *refuse(char why[CLEAN_WHY_MAX], const char *reason)
{
	snprintf(why, CLEAN_WHY_MAX, "%s", reason);
	return NULL;
}

/* Reasons and names are printed on terminals and written to records. */
static bool has_control(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	return false;
}

char *clean_plain(const char *text, const struct profile_context *ctx, char why[CLEAN_WHY_MAX])
{
	(void)ctx;
	if (text[0] == '\0' || strlen(text) > TEXT_MAX || has_control(text))
		return refuse(why, "text without control characters");
	return mem_strdup(text);
}

char *clean_profile_name(const char *text, const struct profile_context *ctx,
			 char why[CLEAN_WHY_MAX])
{
	size_t n = strlen(text);

	(void)ctx;
	if (n == 0 || n > NAME_MAX_BYTES || text[0] == '.' ||
	    strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") != n)
		return refuse(why, "a name of letters, digits, \"_\", \".\" and \"-\"");
	return mem_strdup(text);
}

/* One placeholder at the beginning, as a person writes it. */
struct placeholder {
	const char *text;
	size_t of; /* offset in struct profile_context */
};

static const struct placeholder placeholders[] = {
	{"{workspace}", offsetof(struct profile_context, workspace)},
	{"{home}", offsetof(struct profile_context, home)},
	{"~", offsetof(struct profile_context, home)},
};

static bool has_parent(const char *path)
{
	for (const char *c = path; (c = strstr(c, "..")) != NULL; c += 2)
		if ((c == path || c[-1] == '/') && (c[2] == '/' || c[2] == '\0'))
			return true;
	return false;
}

/* "//" and "/./" say nothing; a last slash does (CONTRACT "Protect"). */
static void squeeze(char *path)
{
	char *to = path;

	for (const char *c = path; *c != '\0'; c++) {
		if (to > path && to[-1] == '/') {
			if (*c == '/')
				continue;
			if (*c == '.' && (c[1] == '/' || c[1] == '\0'))
				continue;
		}
		*to++ = *c;
	}
	*to = '\0';
}

/* An absolute path, or one that begins with a placeholder, which is replaced where ctx
 * knows what it stands for.  patterns: the path may hold wildcards, so what replaces a
 * placeholder must not. */
static char *expand(const char *text, const struct profile_context *ctx, bool patterns,
		    char why[CLEAN_WHY_MAX])
{
	char *out = NULL;

	if (strlen(text) > TEXT_MAX || has_control(text))
		return refuse(why, "a path without control characters");
	if (has_parent(text))
		return refuse(why, "a path without \"..\"");
	for (size_t i = 0; i < ARRAY_SIZE(placeholders); i++) {
		size_t len = strlen(placeholders[i].text);
		const char *value = *(const char *const *)((const char *)ctx + placeholders[i].of);

		if (strncmp(text, placeholders[i].text, len) != 0 ||
		    (text[len] != '/' && text[len] != '\0'))
			continue;
		if (value != NULL && patterns && strpbrk(value, "*?") != NULL)
			return refuse(why, "a workspace and a home directory without \"*\" and "
					   "\"?\" where a rule names them");
		out = mem_printf("%s%s", value ? value : placeholders[i].text, text + len);
		break;
	}
	if (out == NULL && text[0] != '/')
		return refuse(why, "a path that begins with \"/\", \"~/\", \"{home}\" or "
				   "\"{workspace}\"");
	if (out == NULL)
		out = mem_strdup(text);
	squeeze(out);
	return out;
}

char *clean_fs_path(const char *text, const struct profile_context *ctx, char why[CLEAN_WHY_MAX])
{
	bool optional = text[0] == '?';
	autofree char *path = NULL;

	/* A mask that matched nothing would hide nothing, and say so to nobody. */
	if (strchr(text, '*') != NULL)
		return refuse(why, "a path without \"*\": no patterns here, a directory is meant "
				   "with all beneath it");
	path = expand(text + optional, ctx, false, why);
	return path ? mem_printf("%s%s", optional ? "?" : "", path) : NULL;
}

/* "**" is a pattern of its own as the last component only. */
static bool misplaced_all(const char *path)
{
	const char *all = strstr(path, "**");

	return all != NULL && (all[2] != '\0' || all == path || all[-1] != '/');
}

char *clean_exec_path(const char *text, const struct profile_context *ctx, char why[CLEAN_WHY_MAX])
{
	if (misplaced_all(text))
		return refuse(why, "\"**\" as the last component only");
	if (strpbrk(text, "/~{*?") != NULL)
		return expand(text, ctx, true, why);
	if (text[0] == '\0' || strlen(text) > TEXT_MAX || has_control(text) ||
	    strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return refuse(why, "a command's path or bare name");
	return mem_strdup(text);
}

char *clean_unix_path(const char *text, const struct profile_context *ctx, char why[CLEAN_WHY_MAX])
{
	if (misplaced_all(text))
		return refuse(why, "\"**\" as the last component only");
	if (text[0] == '@' && text[1] != '\0' && !has_control(text) && strlen(text) <= TEXT_MAX)
		return mem_strdup(text);
	if (text[0] == '@')
		return refuse(why, "\"@NAME\" for an abstract socket");
	return expand(text, ctx, true, why);
}

char *clean_env_pattern(const char *text, const struct profile_context *ctx,
			char why[CLEAN_WHY_MAX])
{
	(void)ctx;
	if (text[0] == '\0' || strchr(text, '=') != NULL || has_control(text) ||
	    strlen(text) > TEXT_MAX)
		return refuse(why, "the name of a variable, or a pattern like \"LC_*\"");
	return mem_strdup(text);
}

char *clean_approver(const char *text, const struct profile_context *ctx, char why[CLEAN_WHY_MAX])
{
	(void)ctx;
	if ((strncmp(text, "user:", 5) != 0 || text[5] == '\0') &&
	    (strncmp(text, "group:", 6) != 0 || text[6] == '\0'))
		return refuse(why, "\"user:NAME\" or \"group:NAME\"");
	return clean_plain(text, ctx, why);
}

/* What is wrong with it is said by whoever knows gateways; without one only the kind is looked at.
 * Neither repeats a URL that may hold a password. */
char *clean_gateway(const char *text, const struct profile_context *ctx, char why[CLEAN_WHY_MAX])
{
	static const char *const schemes[] = {
		"http://", "https://", "socks5h://", "unix:/", "proxy-v2://", "proxy-v2+unix:/",
	};
	bool known = strcmp(text, "direct:") == 0;
	struct fault f = {0};

	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		size_t len = strlen(schemes[i]);

		known |= strncasecmp(text, schemes[i], len) == 0 && text[len] != '\0';
	}
	if (!known || has_control(text))
		return refuse(why, "expected \"direct:\" or a URL like \"http://HOST:PORT\"");
	if (ctx->check_gateway && ctx->check_gateway(text, &f) < 0) {
		snprintf(why, CLEAN_WHY_MAX, "%.180s; %.70s", f.what, f.mend);
		return NULL;
	}
	return clean_plain(text, ctx, why);
}

bool clean_host(const char *text, struct egress_rule *r)
{
	char name[ADDR_NAME_MAX + 1];

	if (strcmp(text, "*") == 0) {
		r->any_host = true;
		return true;
	}
	if (addr_parse(text, &r->cidr.base)) {
		r->cidr.bits = r->cidr.base.family == 4 ? 32 : 128;
		return true;
	}
	r->suffix = strncmp(text, "*.", 2) == 0;
	if (r->suffix)
		text += 2;
	if (!addr_canon_name(text, strlen(text), name) || addr_name_is_numeric(name))
		return false; /* no rule may mean one as a name */
	r->host = mem_strdup(name);
	return true;
}
