/* SPDX-License-Identifier: Apache-2.0 */
#include "inventory/agent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/jsonfile.h"
#include "base/paths.h"
#include "base/utf8.h"
#include "base/wildcard.h"

enum {
	FIELD_MAX = 200, /* bytes of a field; an owner becomes part of a file name ("owner:O") */
	DATE_TEXT_MAX = 32,
};

static const char *const state_names[] = {
	[AGENT_ACTIVE] = "active",
	[AGENT_DRAFT] = "draft",
	[AGENT_SUSPENDED] = "suspended",
	[AGENT_RETIRED] = "retired",
};

const char *agent_state_name(enum agent_state s)
{
	return (size_t)s < ARRAY_SIZE(state_names) ? state_names[s] : "unknown";
}

bool agent_id_valid(const char *id)
{
	size_t n = strlen(id);

	return n > 0 && n <= AGENT_ID_MAX && strchr("_.-", id[0]) == NULL &&
	       strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789_.-") == n;
}

/* Of characters that show: a field is read on terminals and in records, and what is not UTF-8
 * could not be written to the file. */
static bool is_text(const char *s)
{
	size_t n = strlen(s), step;
	uint32_t c;

	if (n == 0 || n > FIELD_MAX)
		return false;
	for (size_t i = 0; i < n; i += step) {
		step = utf8_decode(s + i, n - i, &c);
		if (step == 0 || utf8_is_hidden(c))
			return false;
	}
	return true;
}

/* What a revocation names in a file's name. */
static bool is_name(const char *s)
{
	return is_text(s) && strchr(s, '/') == NULL;
}

static bool all_digits(const char *s, size_t n)
{
	return strspn(s, "0123456789") >= n;
}

static bool is_date(const char *s)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int year, month, day;
	bool leap;

	if (strlen(s) != 10 || s[4] != '-' || s[7] != '-' || !all_digits(s, 4) ||
	    !all_digits(s + 5, 2) || !all_digits(s + 8, 2))
		return false;
	year = atoi(s);
	month = atoi(s + 5);
	day = atoi(s + 8);
	if (month < 1 || month > 12)
		return false;
	leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return day >= 1 && day <= days[month - 1] + (month == 2 && leap);
}

static bool is_requester(const char *s)
{
	const char *colon = strchr(s, ':');

	return is_text(s) &&
	       ((colon != NULL && colon > s && colon[1] != '\0') || strcmp(s, "*") == 0);
}

/* The keys of the file that hold text, in the order in which they are written.  `state` and
 * `requesters` come where the table says so, and are no text. */
struct field {
	const char *name;
	size_t offset;
	bool required;
	bool (*fits)(const char *);
	const char *expected;
};

/* clang-format off */
static const struct field fields[] = {
	{"agent_id", offsetof(struct agent, id), true, agent_id_valid,
	 "an id: a-z, 0-9, \"_\", \".\" and \"-\", at most 63, a letter or digit first"},
	{"owner", offsetof(struct agent, owner), true, is_name, "one person, without \"/\""},
	{"environment", offsetof(struct agent, environment), true, is_name,
	 "an environment's name, without \"/\""},
	{"purpose", offsetof(struct agent, purpose), false, is_text, "text of at most 200 bytes"},
	{"profile", offsetof(struct agent, profile), true, is_text, "a profile's name"},
	{"gateway", offsetof(struct agent, gateway), false, is_text, "a gateway's URL"},
	{"model_provider", offsetof(struct agent, model_provider), false, is_text,
	 "text of at most 200 bytes"},
	{"model", offsetof(struct agent, model), false, is_text, "text of at most 200 bytes"},
	{"requesters", 0, false, NULL, "a list of patterns like \"user:*\""},
	{"review_by", offsetof(struct agent, review_by), false, is_date,
	 "a date like \"2027-06-30\""},
	{"state", 0, false, NULL, "\"active\", \"draft\", \"suspended\" or \"retired\""},
};
/* clang-format on */

static char **field_of(const struct agent *a, const struct field *field)
{
	return (char **)((char *)a + field->offset);
}

static int read_requesters(struct agent *a, const struct jsonfile *j, const struct jsonat *at,
			   const struct field *field, const json_t *v, struct fault *f)
{
	const json_t *item;
	size_t i;

	if (!json_is_array(v))
		return jsonfile_expected(j, at, v, field->expected, f);
	/* An empty list would read as "nobody" and mean "anyone". */
	if (json_array_size(v) == 0)
		return jsonfile_fault(j, at, f,
				      "expected at least one pattern; leave it out for "
				      "anyone");
	json_array_foreach(v, i, item)
	{
		if (!json_is_string(item) || !is_requester(json_string_value(item)))
			return jsonfile_expected(j, &(struct jsonat){at, NULL, i}, item,
						 "a pattern of TYPE:ID like \"user:*\"", f);
		strlist_add(&a->requesters, json_string_value(item));
	}
	return 0;
}

static int read_state(struct agent *a, const struct jsonfile *j, const struct jsonat *at,
		      const struct field *field, const json_t *v, struct fault *f)
{
	for (size_t i = 0; json_is_string(v) && i < ARRAY_SIZE(state_names); i++) {
		if (strcmp(json_string_value(v), state_names[i]) == 0) {
			a->state = (enum agent_state)i;
			return 0;
		}
	}
	return jsonfile_expected(j, at, v, field->expected, f);
}

static int read_field(struct agent *a, const struct jsonfile *j, const struct jsonat *at,
		      const struct field *field, const json_t *v, struct fault *f)
{
	if (strcmp(field->name, "requesters") == 0)
		return read_requesters(a, j, at, field, v, f);
	if (strcmp(field->name, "state") == 0)
		return read_state(a, j, at, field, v, f);
	if (!json_is_string(v) || !field->fits(json_string_value(v)))
		return jsonfile_expected(j, at, v, field->expected, f);
	*field_of(a, field) = mem_strdup(json_string_value(v));
	return 0;
}

static int unknown(const struct jsonfile *j, const struct jsonat *at, struct fault *f)
{
	const char *known[ARRAY_SIZE(fields)];

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		known[i] = fields[i].name;
	return jsonfile_unknown(j, at, known, ARRAY_SIZE(known), f);
}

static int read_agent(struct agent *a, const struct jsonfile *j, struct fault *f)
{
	const char *key;
	json_t *v;
	size_t n = 0;

	json_object_foreach(j->root, key, v)
	{
		struct jsonat at = {NULL, key, n++};
		size_t i = 0;

		while (i < ARRAY_SIZE(fields) && strcmp(fields[i].name, key) != 0)
			i++;
		if (i == ARRAY_SIZE(fields))
			return unknown(j, &at, f);
		if (read_field(a, j, &at, &fields[i], v, f) < 0)
			return -1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (fields[i].required && *field_of(a, &fields[i]) == NULL)
			return jsonfile_fault(j, NULL, f, "expected a key \"%s\"", fields[i].name);
	return 0;
}

static char *path_of(const char *config_dir, const char *id)
{
	return mem_printf("%s/agents.d/%s.json", config_dir, id);
}

static int fault_id(struct fault *f, const char *id)
{
	return fault_set(f,
			 "an id is a-z, 0-9, \"_\", \".\" and \"-\", at most 63 bytes, a letter "
			 "or digit first",
			 "no agent can have the id \"%.80s\"", id);
}

static int fault_missing(struct fault *f, const char *config_dir, const char *id)
{
	autofree char *mend = mem_printf("register it: warder agents add %s --owner OWNER "
					 "--environment ENVIRONMENT --profile PROFILE",
					 id);

	return fault_set(f, mend, "no agent %s is registered in %s/agents.d", id, config_dir);
}

/* 0, or -1 with a fault. */
static int load(struct agent *a, const char *config_dir, const char *id, struct fault *f)
{
	autofree char *path = path_of(config_dir, id);
	struct jsonfile j;
	int ret;

	if (jsonfile_load(&j, path, AGENT_FILE_MAX, f) < 0)
		return errno == ENOENT ? fault_missing(f, config_dir, id) : -1;
	ret = read_agent(a, &j, f);
	/* A file under another's name would run as somebody it is not. */
	if (ret == 0 && strcmp(a->id, id) != 0)
		ret = fault_set(f, "an agent's file is named ID.json",
				"%s: is about the agent \"%s\"", path, a->id);
	jsonfile_free(&j);
	return ret;
}

struct agent *agent_load(const char *config_dir, const char *id, struct fault *f)
{
	struct agent *a;

	if (!agent_id_valid(id)) {
		fault_id(f, id);
		return NULL;
	}
	a = mem_alloc(sizeof(*a));
	if (load(a, config_dir, id, f) == 0)
		return a;
	agent_free(a);
	return NULL;
}

void agent_free(struct agent *a)
{
	if (a == NULL)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (fields[i].fits != NULL)
			free(*field_of(a, &fields[i]));
	strlist_free(&a->requesters);
	free(a);
}

int agent_check(const struct agent *a, struct fault *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		const char *value = fields[i].fits ? *field_of(a, &fields[i]) : NULL;

		if (value == NULL ? fields[i].required : !fields[i].fits(value))
			return fault_set(f, NULL, "%s: expected %s", fields[i].name,
					 fields[i].expected);
	}
	for (size_t i = 0; i < a->requesters.n; i++)
		if (!is_requester(a->requesters.v[i]))
			return fault_set(f, NULL,
					 "requesters: expected a pattern of TYPE:ID like "
					 "\"user:*\"");
	return 0;
}

char *agent_json(const struct agent *a, bool one_line)
{
	json_t *object = json_object(), *list = json_array();
	char *text, *out;

	for (size_t i = 0; i < a->requesters.n; i++)
		json_array_append_new(list, json_string(a->requesters.v[i]));
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		const char *name = fields[i].name;
		const char *value = fields[i].fits ? *field_of(a, &fields[i]) : NULL;

		if (value != NULL)
			json_object_set_new(object, name, json_string(value));
		else if (strcmp(name, "requesters") == 0 && a->requesters.n > 0)
			json_object_set(object, name, list);
		else if (strcmp(name, "state") == 0)
			json_object_set_new(object, name, json_string(agent_state_name(a->state)));
	}
	text = json_dumps(object, one_line ? JSON_COMPACT : JSON_INDENT(2));
	out = mem_strdup(text ? text : "{}");
	free(text);
	json_decref(list);
	json_decref(object);
	return out;
}

/* A whole file appears at path, or none: link() refuses to replace one. */
static int write_new(const char *path, const char *text, size_t len, mode_t mode)
{
	autofree char *tmp = mem_printf("%s.XXXXXX", path);
	autofd int fd = mkostemp(tmp, O_CLOEXEC);
	int ret, err;

	if (fd < 0)
		return -1;
	ret = fchmod(fd, mode) < 0 || fd_write_all(fd, text, len) < 0 || fsync(fd) < 0 ||
			      link(tmp, path) < 0
		      ? -1
		      : 0;
	err = errno;
	unlink(tmp);
	errno = err;
	return ret < 0 ? -1 : fd_sync_parent(path);
}

int agent_save(const char *config_dir, const struct agent *a, bool replace, struct fault *f)
{
	autofree char *json = NULL;
	autofree char *text = NULL;
	autofree char *path = NULL;
	int ret;

	if (agent_check(a, f) < 0 || paths_make(config_dir, "agents.d", 1, f) < 0)
		return -1;
	json = agent_json(a, false);
	text = mem_printf("%s\n", json);
	path = path_of(config_dir, a->id);
	if (replace)
		ret = fd_replace_file(path, text, strlen(text), 0644, true);
	else
		ret = write_new(path, text, strlen(text), 0644);
	if (ret == 0)
		return 0;
	if (errno == EEXIST)
		return fault_set(f, "give another id, or edit that file",
				 "the agent %s is registered already: %s", a->id, path);
	return fault_errno(f, NULL, "cannot write %s", path);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Other files are allowed to lie there: a README, an editor's backup, .git. */
static void add_id(struct strlist *ids, const char *file)
{
	size_t n = strlen(file);
	autofree char *id = NULL;

	if (n <= 5 || strcmp(file + n - 5, ".json") != 0)
		return;
	id = mem_strndup(file, n - 5);
	if (agent_id_valid(id))
		strlist_add(ids, id);
}

int agent_list(const char *config_dir, struct strlist *ids, struct fault *f)
{
	autofree char *path = mem_printf("%s/agents.d", config_dir);
	DIR *dir = opendir(path);
	const struct dirent *e;
	int err;

	if (dir == NULL)
		return errno == ENOENT ? 0 : fault_errno(f, NULL, "cannot read %s", path);
	for (errno = 0; (e = readdir(dir)) != NULL; errno = 0)
		add_id(ids, e->d_name);
	err = errno;
	closedir(dir);
	if (err != 0) {
		errno = err;
		return fault_errno(f, NULL, "cannot read %s", path);
	}
	if (ids->n > 0)
		qsort(ids->v, ids->n, sizeof(*ids->v), by_text);
	return 0;
}

static bool is_past(const char *date)
{
	char today[DATE_TEXT_MAX];
	time_t now = time(NULL);
	struct tm tm;

	if (gmtime_r(&now, &tm) == NULL || strftime(today, sizeof(today), "%Y-%m-%d", &tm) == 0)
		return true;
	return strcmp(today, date) > 0;
}

bool agent_is_expired(const struct agent *a)
{
	return a->review_by != NULL && is_past(a->review_by);
}

static bool may_request(const struct agent *a, const char *requester)
{
	for (size_t i = 0; i < a->requesters.n; i++)
		if (wildcard_match(a->requesters.v[i], strlen(a->requesters.v[i]), requester,
				   strlen(requester), '\0'))
			return true;
	return a->requesters.n == 0;
}

int agent_may_start(const struct agent *a, const char *requester, struct fault *f)
{
	if (a->state != AGENT_ACTIVE)
		return fault_set(f, "its owner sets \"state\" to \"active\" in its file",
				 "the agent %s is not active but %s (owner: %s)", a->id,
				 agent_state_name(a->state), a->owner);
	if (agent_is_expired(a))
		return fault_set(f, "its owner reviews it and sets a new \"review_by\" in its file",
				 "the agent %s was to be reviewed by %s (owner: %s)", a->id,
				 a->review_by, a->owner);
	if (!may_request(a, requester))
		return fault_set(f, "its file lists who may, in \"requesters\"",
				 "%s may not start the agent %s (owner: %s)", requester, a->id,
				 a->owner);
	return 0;
}
