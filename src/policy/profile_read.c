/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One text into the profile.  Texts are read in the order of merging, a child
 * before what it extends: so a scalar that is set already is left alone, a set
 * grows, and rules are put behind those that are there.  A value that has no
 * effect any more is checked all the same.
 */
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "policy/profile_impl.h"

struct reader {
	const struct jsonfile *file;
	const struct profile_context *ctx;
	struct profile *profile;
	struct profile_marks *marks;
	bool own;
	const char *section; /* of the rules being read: "egress" */
	struct fault *fault;
};

/* Where a value goes. marks is NULL for a rule: a rule is new, nothing in it is set. */
struct target {
	char *base;
	bool *marks;
};

typedef int read_fn(struct reader *r, const struct key *k, const json_t *v,
		    const struct jsonat *at, struct target to);

static int read_object(struct reader *r, const struct key_table *table, const json_t *object,
		       const struct jsonat *at, struct target to);

static int wrong(struct reader *r, const struct key *k, const json_t *v, const struct jsonat *at)
{
	return jsonfile_expected(r->file, at, v, k->expected, r->fault);
}

/* Marks the field.  False: a child has set it, its value stands. */
static bool claim(struct target to, size_t offset)
{
	if (to.marks == NULL)
		return true;
	if (to.marks[offset])
		return false;
	to.marks[offset] = true;
	return true;
}

/* A string that clean() has approved, owned; NULL with a fault. */
static char *clean_string(struct reader *r, const struct key *k, const json_t *v,
			  const struct jsonat *at)
{
	char why[CLEAN_WHY_MAX] = "";
	char *text;

	if (!json_is_string(v)) {
		wrong(r, k, v, at);
		return NULL;
	}
	text = k->clean(json_string_value(v), r->ctx, why);
	if (text == NULL && k->says_all)
		jsonfile_fault(r->file, at, r->fault, "%s", why);
	else if (text == NULL)
		jsonfile_expected(r->file, at, v, why, r->fault);
	return text;
}

static int read_string(struct reader *r, const struct key *k, const json_t *v,
		       const struct jsonat *at, struct target to)
{
	char *text = clean_string(r, k, v, at);
	char **field = (char **)(to.base + k->offset);

	if (text == NULL)
		return -1;
	if ((k->own && !r->own) || !claim(to, k->offset)) {
		free(text);
		return 0;
	}
	free(*field);
	*field = text;
	return 0;
}

static int read_bool(struct reader *r, const struct key *k, const json_t *v,
		     const struct jsonat *at, struct target to)
{
	if (!json_is_boolean(v))
		return wrong(r, k, v, at);
	if (claim(to, k->offset))
		*(bool *)(to.base + k->offset) = json_is_true(v);
	return 0;
}

static const struct choice *find_choice(const struct key *k, const json_t *v)
{
	const char *text = json_string_value(v);

	for (size_t i = 0; text != NULL && i < k->n_choices; i++)
		if (strcmp(k->choices[i].name, text) == 0)
			return &k->choices[i];
	return NULL;
}

static int read_choice(struct reader *r, const struct key *k, const json_t *v,
		       const struct jsonat *at, struct target to)
{
	const struct choice *c = find_choice(k, v);

	if (c == NULL)
		return wrong(r, k, v, at);
	if (!claim(to, k->offset))
		return 0;
	if (k->size == sizeof(bool))
		*(bool *)(to.base + k->offset) = c->value != 0;
	else
		*(unsigned int *)(to.base + k->offset) = (unsigned int)c->value;
	return 0;
}

static int read_flags(struct reader *r, const struct key *k, const json_t *v,
		      const struct jsonat *at, struct target to)
{
	const json_t *item;
	size_t i;
	bool mine;

	if (!json_is_array(v))
		return wrong(r, k, v, at);
	mine = claim(to, k->offset);
	for (i = 0; mine && i < k->n_choices; i++)
		*(bool *)(to.base + k->choices[i].value) = false;
	json_array_foreach(v, i, item) {
		const struct choice *c = find_choice(k, item);

		if (c == NULL)
			return wrong(r, k, item, &(struct jsonat){at, NULL, i});
		if (mine)
			*(bool *)(to.base + c->value) = true;
	}
	return 0;
}

static int read_duration(struct reader *r, const struct key *k, const json_t *v,
			 const struct jsonat *at, struct target to)
{
	int64_t ms;

	if (!json_is_string(v) || !units_duration(json_string_value(v), &ms))
		return wrong(r, k, v, at);
	if (claim(to, k->offset))
		*(int64_t *)(to.base + k->offset) = ms;
	return 0;
}

static int read_size(struct reader *r, const struct key *k, const json_t *v,
		     const struct jsonat *at, struct target to)
{
	uint64_t bytes;

	if (!json_is_string(v) || !units_size(json_string_value(v), &bytes))
		return wrong(r, k, v, at);
	if (claim(to, k->offset))
		*(uint64_t *)(to.base + k->offset) = bytes;
	return 0;
}

static int read_count(struct reader *r, const struct key *k, const json_t *v,
		      const struct jsonat *at, struct target to)
{
	json_int_t n = json_integer_value(v);

	if (!json_is_integer(v) || n < k->min || n > k->max)
		return wrong(r, k, v, at);
	if (claim(to, k->offset))
		*(uint64_t *)(to.base + k->offset) = (uint64_t)n;
	return 0;
}

static int read_percent(struct reader *r, const struct key *k, const json_t *v,
			const struct jsonat *at, struct target to)
{
	const char *text = json_is_string(v) ? json_string_value(v) : "";
	size_t digits = strspn(text, "0123456789");
	json_int_t n = 0;

	for (size_t i = 0; i < digits && n <= k->max; i++)
		n = n * 10 + (text[i] - '0');
	if (strcmp(text + digits, "%") != 0 || n < k->min || n > k->max)
		return wrong(r, k, v, at);
	if (claim(to, k->offset))
		*(unsigned int *)(to.base + k->offset) = (unsigned int)n;
	return 0;
}

static int too_many(struct reader *r, const struct jsonat *at)
{
	return jsonfile_fault(r->file, at, r->fault, "more than %d, with those it extends",
			      PROFILE_RULES_MAX);
}

static bool has_string(const struct strlist *l, const char *s)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i], s) == 0)
			return true;
	return false;
}

static int read_set(struct reader *r, const struct key *k, const json_t *v,
		    const struct jsonat *at, struct target to)
{
	struct strlist *list = (struct strlist *)(to.base + k->offset);
	const json_t *item;
	size_t i;

	if (!json_is_array(v))
		return wrong(r, k, v, at);
	json_array_foreach(v, i, item) {
		struct jsonat here = {at, NULL, i};
		autofree char *text = clean_string(r, k, item, &here);

		if (text == NULL)
			return -1;
		if (has_string(list, text))
			continue;
		if (list->n == PROFILE_RULES_MAX)
			return too_many(r, &here);
		strlist_add(list, text);
	}
	return 0;
}

static int read_list(struct reader *r, const struct key *k, const json_t *v,
		     const struct jsonat *at, struct target to)
{
	struct strlist *list = (struct strlist *)(to.base + k->offset);
	bool mine = claim(to, k->offset);
	const json_t *item;
	size_t i;

	if (!json_is_array(v) || json_array_size(v) > PROFILE_RULES_MAX)
		return wrong(r, k, v, at);
	json_array_foreach(v, i, item) {
		struct jsonat here = {at, NULL, i};
		autofree char *text = clean_string(r, k, item, &here);

		if (text == NULL)
			return -1;
		/* The only lists are commands: no PATH is searched for them. */
		if (i == 0 && text[0] != '/')
			return wrong(r, k, item, &here);
		if (mine)
			strlist_add(list, text);
	}
	return 0;
}

static int read_argv(struct reader *r, const struct key *k, const json_t *v,
		     const struct jsonat *at, struct target to)
{
	struct exec_rule *rule = (struct exec_rule *)to.base;
	const json_t *item;
	size_t i;

	if (!json_is_array(v) || json_array_size(v) > PROFILE_RULES_MAX)
		return wrong(r, k, v, at);
	rule->any_argv = false;
	json_array_foreach(v, i, item) {
		struct jsonat here = {at, NULL, i};

		if (!json_is_string(item))
			return wrong(r, k, item, &here);
		if (strcmp(json_string_value(item), "**") == 0 && i + 1 < json_array_size(v))
			return jsonfile_fault(r->file, &here, r->fault,
					      "expected \"**\" to be the last: it is all the rest");
		strlist_add(&rule->argv, json_string_value(item));
	}
	return 0;
}

static bool has_variable(const struct strlist *l, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < l->n; i++)
		if (strncmp(l->v[i], name, n) == 0 && l->v[i][n] == '=')
			return true;
	return false;
}

static int read_map(struct reader *r, const struct key *k, const json_t *v,
		    const struct jsonat *at, struct target to)
{
	struct strlist *list = (struct strlist *)(to.base + k->offset);
	const char *name;
	json_t *value;
	size_t n = 0;

	if (!json_is_object(v))
		return wrong(r, k, v, at);
	json_object_foreach((json_t *)v, name, value) {
		struct jsonat here = {at, name, n++};
		autofree char *text = NULL;

		if (name[0] == '\0' || strchr(name, '=') != NULL)
			return jsonfile_fault(r->file, &here, r->fault,
					      "expected the name of a variable");
		if (!json_is_string(value))
			return jsonfile_expected(r->file, &here, value, "the variable's value",
						 r->fault);
		if (has_variable(list, name))
			continue;
		if (list->n == PROFILE_RULES_MAX)
			return too_many(r, &here);
		text = mem_printf("%s=%s", name, json_string_value(value));
		strlist_add(list, text);
	}
	return 0;
}

static int read_port(struct reader *r, const struct key *k, const json_t *v,
		     const struct jsonat *at, uint16_t *port)
{
	json_int_t n = json_integer_value(v);

	if (!json_is_integer(v) || n < 1 || n > 65535)
		return wrong(r, k, v, at);
	*port = (uint16_t)n;
	return 0;
}

static int read_ports(struct reader *r, const struct key *k, const json_t *v,
		      const struct jsonat *at, struct target to)
{
	uint16_t **ports = (uint16_t **)(to.base + k->offset);
	size_t *n_ports = (size_t *)(ports + 1);
	size_t n = json_is_array(v) ? json_array_size(v) : 1;

	/* An empty list would read as "none" and mean "any". */
	if (n == 0 || n > PROFILE_RULES_MAX)
		return wrong(r, k, v, at);
	*ports = mem_alloc(n * sizeof(**ports));
	*n_ports = n;
	if (!json_is_array(v))
		return read_port(r, k, v, at, *ports);
	for (size_t i = 0; i < n; i++)
		if (read_port(r, k, json_array_get(v, i), &(struct jsonat){at, NULL, i},
			      *ports + i) < 0)
			return -1;
	return 0;
}

static int read_host(struct reader *r, const struct key *k, const json_t *v,
		     const struct jsonat *at, struct target to)
{
	if (!json_is_string(v) || !clean_host(json_string_value(v), (struct egress_rule *)to.base))
		return wrong(r, k, v, at);
	return 0;
}

static int read_cidr(struct reader *r, const struct key *k, const json_t *v,
		     const struct jsonat *at, struct target to)
{
	if (!json_is_string(v) ||
	    !cidr_parse(json_string_value(v), (struct cidr *)(to.base + k->offset)))
		return wrong(r, k, v, at);
	return 0;
}

static int check_rule(struct reader *r, const struct key_table *table, const json_t *rule,
		      const struct jsonat *at)
{
	const char *complaint = table->whole ? table->whole(rule) : NULL;

	for (size_t i = 0; i < table->n; i++)
		if (table->keys[i].required && json_object_get(rule, table->keys[i].name) == NULL)
			return jsonfile_fault(r->file, at, r->fault,
					      "expected a \"%s\" in each rule",
					      table->keys[i].name);
	return complaint ? jsonfile_fault(r->file, at, r->fault, "%s", complaint) : 0;
}

/* The section grows by one rule before it is read: a rule that is wrong is freed with it. */
static struct target new_rule(const struct reader *r, const struct key *k, size_t n_before)
{
	struct profile *p = r->profile;
	char **v = (char **)((char *)p + k->offset);
	struct target to = {NULL, NULL};

	*v = mem_grow(*v, n_before + 1, k->size);
	to.base = *v + n_before * k->size;
	memset(to.base, 0, k->size);
	/* Each rule type begins with its head. */
	snprintf(((struct rule_head *)to.base)->origin, PROFILE_ORIGIN_MAX, "%s[%zu]", r->section,
		 n_before);
	if (v == (char **)&p->exec.v)
		((struct exec_rule *)to.base)->any_argv = true;
	return to;
}

static int read_rules(struct reader *r, const struct key *k, const json_t *v,
		      const struct jsonat *at, struct target to)
{
	size_t *n = (size_t *)(to.base + k->offset + sizeof(void *));
	const json_t *rule;
	size_t i;

	if (!json_is_array(v))
		return wrong(r, k, v, at);
	r->section = at->up->key;
	json_array_foreach(v, i, rule) {
		struct jsonat here = {at, NULL, i};
		struct target one;

		if (!json_is_object(rule))
			return jsonfile_expected(r->file, &here, rule, "a rule (an object)",
						 r->fault);
		if (*n == PROFILE_RULES_MAX)
			return too_many(r, &here);
		one = new_rule(r, k, *n);
		++*n;
		if (read_object(r, k->sub, rule, &here, one) < 0 ||
		    check_rule(r, k->sub, rule, &here) < 0)
			return -1;
	}
	return 0;
}

static bool is_instead(const struct key *k, const json_t *v)
{
	if (k->instead == NULL)
		return false;
	if (strcmp(k->instead, "null") == 0)
		return json_is_null(v);
	return json_is_string(v) && strcmp(k->instead, json_string_value(v)) == 0;
}

static int read_section(struct reader *r, const struct key *k, const json_t *v,
			const struct jsonat *at, struct target to)
{
	bool instead = is_instead(k, v);

	if (!instead && !json_is_object(v))
		return wrong(r, k, v, at);
	if (k->instead != NULL && claim(to, k->instead_at))
		*(bool *)(to.base + k->instead_at) = instead == k->instead_value;
	return instead ? 0 : read_object(r, k->sub, v, at, to);
}

static int read_nothing(struct reader *r, const struct key *k, const json_t *v,
			const struct jsonat *at, struct target to)
{
	(void)r, (void)k, (void)v, (void)at, (void)to;
	return 0;
}

static read_fn *const readers[] = {
	[KEY_STRING] = read_string,     [KEY_BOOL] = read_bool,
	[KEY_CHOICE] = read_choice,     [KEY_FLAGS] = read_flags,
	[KEY_DURATION] = read_duration, [KEY_SIZE] = read_size,
	[KEY_COUNT] = read_count,       [KEY_PERCENT] = read_percent,
	[KEY_SET] = read_set,           [KEY_LIST] = read_list,
	[KEY_ARGV] = read_argv,         [KEY_MAP] = read_map,
	[KEY_PORTS] = read_ports,       [KEY_HOST] = read_host,
	[KEY_CIDR] = read_cidr,         [KEY_RULES] = read_rules,
	[KEY_OBJECT] = read_section,    [KEY_ELSEWHERE] = read_nothing,
};

static int unknown(struct reader *r, const struct key_table *table, const struct jsonat *at)
{
	const char *known[32];
	size_t n = 0;

	for (; n < table->n && n < ARRAY_SIZE(known); n++)
		known[n] = table->keys[n].name;
	return jsonfile_unknown(r->file, at, known, n, r->fault);
}

static int read_object(struct reader *r, const struct key_table *table, const json_t *object,
		       const struct jsonat *at, struct target to)
{
	const char *name;
	json_t *value;
	size_t n = 0;

	json_object_foreach((json_t *)object, name, value) {
		struct jsonat here = {at, name, n++};
		const struct key *k = table->keys, *end = k + table->n;

		while (k < end && strcmp(k->name, name) != 0)
			k++;
		if (k == end)
			return unknown(r, table, &here);
		if (readers[k->kind](r, k, value, &here, to) < 0)
			return -1;
	}
	return 0;
}

int profile_read(struct profile *p, const struct jsonfile *j, bool own,
		 const struct profile_context *ctx, struct profile_marks *marks, struct fault *f)
{
	struct reader r = {j, ctx, p, marks, own, NULL, f};

	return read_object(&r, &profile_keys, j->root, NULL,
			   (struct target){(char *)p, marks->set});
}
