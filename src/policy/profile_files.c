/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names to texts.  What is extended is visited depth first, last one first,
 * and each file is put down when all below it are; read backwards that is an
 * order in which every profile comes before whatever it extends, by whichever
 * way, and the first of two parents before the second.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "policy/profile_impl.h"

enum { CHAIN_TEXT_MAX = 400 };
static_assert(PROFILE_DEPTH_MAX == 8, "a message below says so");

/* One profile that is being visited, and why: the chain up to the one asked for. */
struct frame {
	const struct frame *up;
	const char *label; /* as somebody named it */
	const char *path, *id;
	unsigned int depth;
};

struct visit {
	const struct profile_context *ctx;
	struct profile_files *files;
	char *ids[PROFILE_FILES_MAX]; /* of files->v */
	struct fault *fault;
};

/* One file, whichever way it is named. */
static char *identity(const char *path)
{
	char *real = realpath(path, NULL);

	return real ? real : mem_strdup(path);
}

static bool is_there(const char *path)
{
	/* One that cannot be looked at is there: reading it will say why not. */
	return access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

/* The path of a file named with a slash: from the directory of who extends it. */
static char *beside(const char *name, const struct frame *from)
{
	const char *slash = from ? strrchr(from->path, '/') : NULL;

	if (name[0] == '/' || slash == NULL)
		return mem_strdup(name);
	return mem_printf("%.*s/%s", (int)(slash - from->path), from->path, name);
}

/* A profile may extend the shipped one that it stands in front of: itself it never means,
 * as long as there is another. */
static char *look_up(const struct visit *v, const char *name, const struct frame *from,
		     struct fault *f)
{
	autofree char *first = v->ctx->config_dir
		? mem_printf("%s/profiles.d/%s.json", v->ctx->config_dir, name) : NULL;
	autofree char *second = v->ctx->share_dir
		? mem_printf("%s/profiles/%s.json", v->ctx->share_dir, name) : NULL;
	bool has_second = second != NULL && is_there(second);

	if (first != NULL && is_there(first)) {
		autofree char *id = identity(first);

		if (from == NULL || strcmp(id, from->id) != 0 || !has_second)
			return mem_strdup(first);
	}
	if (has_second)
		return mem_strdup(second);
	fault_set(f, "a name with a slash in it is a file's: \"./NAME.json\"",
		  "no profile \"%s\": neither %s nor %s is there", name, first ? first : "(none)",
		  second ? second : "(none)");
	return NULL;
}

static char *find_path(const struct visit *v, const char *name, const struct frame *from,
		       struct fault *f)
{
	char why[CLEAN_WHY_MAX] = "";
	autofree char *clean = NULL;

	if (strchr(name, '/') != NULL)
		return beside(name, from);
	clean = clean_profile_name(name, v->ctx, why);
	if (clean == NULL) {
		fault_set(f, NULL, "no profile can have that name: expected %s", why);
		return NULL;
	}
	return look_up(v, name, from, f);
}

static void chain_text(const struct frame *frame, char *out, size_t size)
{
	size_t len;

	out[0] = '\0';
	if (frame == NULL)
		return;
	chain_text(frame->up, out, size);
	len = strlen(out);
	snprintf(out + len, size - len, "%s%s", len ? " -> " : "", frame->label);
}

/* What is wrong with one file's place in the chain; NULL where nothing is. */
static const char *chain_fault(const struct frame *frame)
{
	if (frame->depth > PROFILE_DEPTH_MAX)
		return "extends deeper than 8 profiles";
	for (const struct frame *up = frame->up; up != NULL; up = up->up)
		if (strcmp(up->id, frame->id) == 0)
			return "extends itself";
	return NULL;
}

static bool is_done(const struct visit *v, const char *id)
{
	for (size_t i = 0; i < v->files->n; i++)
		if (strcmp(v->ids[i], id) == 0)
			return true;
	return false;
}

static int visit_parents(struct visit *v, const struct jsonfile *j, const struct frame *frame);

static int visit_file(struct visit *v, const struct frame *frame)
{
	struct jsonfile j;

	if (is_done(v, frame->id))
		return 0;
	if (jsonfile_load(&j, frame->path, PROFILE_FILE_MAX, v->fault) < 0)
		return -1;
	if (visit_parents(v, &j, frame) < 0) {
		jsonfile_free(&j);
		return -1;
	}
	/* What it extends may have filled the table. */
	if (v->files->n == PROFILE_FILES_MAX) {
		jsonfile_free(&j);
		return fault_set(v->fault, NULL, "%s: made of more than %d files", frame->path,
				 PROFILE_FILES_MAX);
	}
	v->ids[v->files->n] = mem_strdup(frame->id);
	v->files->v[v->files->n++] = j;
	return 0;
}

/* One entry of "extends".  That it cannot be had is the fault of who wrote it there. */
static int visit_parent(struct visit *v, const struct jsonfile *j, const struct jsonat *at,
			const json_t *name, const struct frame *from)
{
	const char *text = json_string_value(name), *complaint;
	char chain[CHAIN_TEXT_MAX];
	struct fault why = {0};

	if (text == NULL)
		return jsonfile_expected(j, at, name, "a profile's name, or a list of names",
					 v->fault);

	autofree char *path = find_path(v, text, from, &why);

	if (path == NULL) {
		jsonfile_fault(j, at, v->fault, "%s", why.what);
		snprintf(v->fault->mend, sizeof(v->fault->mend), "%s", why.mend);
		return -1;
	}

	autofree char *id = identity(path);
	struct frame frame = {from, text, path, id, from->depth + 1};

	complaint = chain_fault(&frame);
	if (complaint == NULL)
		return visit_file(v, &frame);
	chain_text(&frame, chain, sizeof(chain));
	return jsonfile_fault(j, at, v->fault, "%s: %s", complaint, chain);
}

static int visit_parents(struct visit *v, const struct jsonfile *j, const struct frame *frame)
{
	const json_t *extends = json_object_get(j->root, "extends");
	struct jsonat at = {NULL, "extends", 0};
	const char *key;
	json_t *value;

	if (extends == NULL)
		return 0;
	json_object_foreach(j->root, key, value) {
		if (value == extends)
			break;
		at.n++;
	}
	if (!json_is_array(extends))
		return visit_parent(v, j, &at, extends, frame);
	for (size_t i = json_array_size(extends); i-- > 0;)
		if (visit_parent(v, j, &(struct jsonat){&at, NULL, i}, json_array_get(extends, i),
				 frame) < 0)
			return -1;
	return 0;
}

static void reverse(struct profile_files *files)
{
	for (size_t a = 0, b = files->n; a + 1 < b; a++) {
		struct jsonfile other = files->v[--b];

		files->v[b] = files->v[a];
		files->v[a] = other;
	}
}

int profile_files_load(const char *name, const struct profile_context *ctx,
		       struct profile_files *files, struct fault *f)
{
	struct visit v = {.ctx = ctx, .files = files, .fault = f};
	int ret = -1;

	files->n = 0;
	*f = (struct fault){0};

	autofree char *path = find_path(&v, name, NULL, f);

	if (path != NULL) {
		autofree char *id = identity(path);

		ret = visit_file(&v, &(struct frame){NULL, name, path, id, 0});
	}
	for (size_t i = 0; i < files->n; i++)
		free(v.ids[i]);
	if (ret < 0)
		profile_files_free(files);
	else
		reverse(files);
	return ret;
}

void profile_files_free(struct profile_files *files)
{
	for (size_t i = 0; i < files->n; i++)
		jsonfile_free(&files->v[i]);
	files->n = 0;
}
