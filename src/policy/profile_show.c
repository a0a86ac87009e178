/* SPDX-License-Identifier: Apache-2.0 */
/* A profile as JSON, by the table that it was read by: what counts after all is merged. */
#include <stdio.h>
#include <string.h>

#include "policy/profile_impl.h"

typedef json_t *show_fn(const struct profile *p, const struct key *k, const char *base);

static json_t *show_object(const struct profile *p, const struct key_table *table,
			   const char *base);

/* NULL from any of these: the key is left out, because nothing was said. */

static json_t *show_string(const struct profile *p, const struct key *k, const char *base)
{
	const char *text = *(char *const *)(base + k->offset);

	if (text == NULL && base + k->offset == (const char *)&p->gateway.url)
		text = "direct:";
	return text ? json_string(text) : NULL;
}

static json_t *show_bool(const struct profile *p, const struct key *k, const char *base)
{
	(void)p;
	return json_boolean(*(const bool *)(base + k->offset));
}

static json_t *show_choice(const struct profile *p, const struct key *k, const char *base)
{
	size_t value = k->size == sizeof(bool) ? *(const bool *)(base + k->offset)
					       : *(const unsigned int *)(base + k->offset);

	(void)p;
	for (size_t i = 0; i < k->n_choices; i++)
		if (k->choices[i].value == value)
			return json_string(k->choices[i].name);
	return NULL;
}

static json_t *show_flags(const struct profile *p, const struct key *k, const char *base)
{
	json_t *list = json_array();

	(void)p;
	for (size_t i = 0; i < k->n_choices; i++)
		if (*(const bool *)(base + k->choices[i].value))
			json_array_append_new(list, json_string(k->choices[i].name));
	return list;
}

/* The largest unit without a rest: units[0] has the factor 1. */
struct unit {
	const char *name;
	uint64_t factor;
};

static json_t *in_units(uint64_t n, const struct unit *units, size_t n_units)
{
	size_t best = 0;

	if (n == 0)
		return NULL;
	for (size_t i = 0; i < n_units; i++)
		if (n % units[i].factor == 0)
			best = i;
	return json_sprintf("%llu%s", (unsigned long long)(n / units[best].factor),
			    units[best].name);
}

static json_t *show_duration(const struct profile *p, const struct key *k, const char *base)
{
	static const struct unit units[] = {
		{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};

	(void)p;
	return in_units((uint64_t) * (const int64_t *)(base + k->offset), units, ARRAY_SIZE(units));
}

static json_t *show_size(const struct profile *p, const struct key *k, const char *base)
{
	static const struct unit units[] = {
		{"", 1}, {"K", 1ULL << 10}, {"M", 1ULL << 20}, {"G", 1ULL << 30}};

	(void)p;
	return in_units(*(const uint64_t *)(base + k->offset), units, ARRAY_SIZE(units));
}

static json_t *show_count(const struct profile *p, const struct key *k, const char *base)
{
	uint64_t n = *(const uint64_t *)(base + k->offset);

	(void)p;
	return n > 0 ? json_integer((json_int_t)n) : NULL;
}

static json_t *show_percent(const struct profile *p, const struct key *k, const char *base)
{
	unsigned int n = *(const unsigned int *)(base + k->offset);

	(void)p;
	return n > 0 ? json_sprintf("%u%%", n) : NULL;
}

static json_t *show_list(const struct profile *p, const struct key *k, const char *base)
{
	const struct strlist *l = (const struct strlist *)(base + k->offset);
	json_t *list = json_array();

	(void)p;
	for (size_t i = 0; i < l->n; i++)
		json_array_append_new(list, json_string(l->v[i]));
	return list;
}

/* A command that is not there is no list of nothing. */
static json_t *show_command(const struct profile *p, const struct key *k, const char *base)
{
	return ((const struct strlist *)(base + k->offset))->n > 0 ? show_list(p, k, base) : NULL;
}

static json_t *show_argv(const struct profile *p, const struct key *k, const char *base)
{
	return ((const struct exec_rule *)base)->any_argv ? NULL : show_list(p, k, base);
}

static json_t *show_map(const struct profile *p, const struct key *k, const char *base)
{
	const struct strlist *l = (const struct strlist *)(base + k->offset);
	json_t *map = json_object();

	(void)p;
	for (size_t i = 0; i < l->n; i++) {
		size_t len = strcspn(l->v[i], "=");
		autofree char *name = mem_strndup(l->v[i], len);

		json_object_set_new(map, name, json_string(l->v[i] + len + 1));
	}
	return map;
}

static json_t *show_ports(const struct profile *p, const struct key *k, const char *base)
{
	uint16_t *const *ports = (uint16_t *const *)(base + k->offset);
	size_t n = *(const size_t *)(ports + 1);
	json_t *list;

	(void)p;
	if (n <= 1)
		return n ? json_integer(**ports) : NULL;
	list = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_integer((*ports)[i]));
	return list;
}

static json_t *show_host(const struct profile *p, const struct key *k, const char *base)
{
	const struct egress_rule *r = (const struct egress_rule *)base;

	(void)p, (void)k;
	if (r->any_host)
		return json_string("*");
	return r->host ? json_sprintf("%s%s", r->suffix ? "*." : "", r->host) : NULL;
}

static json_t *show_cidr(const struct profile *p, const struct key *k, const char *base)
{
	const struct cidr *c = (const struct cidr *)(base + k->offset);
	char text[INET6_ADDRSTRLEN];

	(void)p;
	if (c->base.family == 0)
		return NULL;
	addr_text(&c->base, text);
	return json_sprintf("%s/%u", text, c->bits);
}

static json_t *show_rules(const struct profile *p, const struct key *k, const char *base)
{
	const char *v = *(char *const *)(base + k->offset);
	size_t n = *(const size_t *)(base + k->offset + sizeof(void *));
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, show_object(p, k->sub, v + i * k->size));
	return list;
}

static json_t *show_section(const struct profile *p, const struct key *k, const char *base)
{
	if (k->instead == NULL || *(const bool *)(base + k->instead_at) != k->instead_value)
		return show_object(p, k->sub, base);
	return strcmp(k->instead, "null") == 0 ? json_null() : json_string(k->instead);
}

static json_t *show_nothing(const struct profile *p, const struct key *k, const char *base)
{
	(void)p, (void)k, (void)base;
	return NULL;
}

static show_fn *const shows[] = {
	[KEY_STRING] = show_string,     [KEY_BOOL] = show_bool,
	[KEY_CHOICE] = show_choice,     [KEY_FLAGS] = show_flags,
	[KEY_DURATION] = show_duration, [KEY_SIZE] = show_size,
	[KEY_COUNT] = show_count,       [KEY_PERCENT] = show_percent,
	[KEY_SET] = show_list,          [KEY_LIST] = show_command,
	[KEY_ARGV] = show_argv,         [KEY_MAP] = show_map,
	[KEY_PORTS] = show_ports,       [KEY_HOST] = show_host,
	[KEY_CIDR] = show_cidr,         [KEY_RULES] = show_rules,
	[KEY_OBJECT] = show_section,    [KEY_ELSEWHERE] = show_nothing,
};

static json_t *show_object(const struct profile *p, const struct key_table *table,
			   const char *base)
{
	json_t *object = json_object();

	for (size_t i = 0; i < table->n; i++) {
		json_t *value = shows[table->keys[i].kind](p, &table->keys[i], base);

		if (value != NULL)
			json_object_set_new(object, table->keys[i].name, value);
	}
	return object;
}

char *profile_show(const struct profile *p, bool one_line)
{
	json_t *object = show_object(p, &profile_keys, (const char *)p);
	char *text = json_dumps(object, one_line ? JSON_COMPACT : JSON_INDENT(2));
	char *out = mem_strdup(text ? text : "{}");

	free(text);
	json_decref(object);
	return out;
}
