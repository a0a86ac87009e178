/* SPDX-License-Identifier: Apache-2.0 */
/* Every verb's options, by its table: no verb parses argv itself. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "cli/cli.h"

enum { HELP_COLUMN = 24 }; /* where the help of an option begins */

struct parse {
	const struct verb *verb;
	const struct option *options;
	size_t n_options;
};

static void print_help(const struct parse *p)
{
	printf("usage: warder %s%s%s\n%s\n", p->verb->name, p->verb->synopsis[0] ? " " : "",
	       p->verb->synopsis, p->verb->help);
	if (p->n_options > 0)
		putchar('\n');
	for (size_t i = 0; i < p->n_options; i++) {
		const struct option *o = &p->options[i];
		int width = printf("  --%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");

		if (width >= HELP_COLUMN)
			width = printf("\n") - 1;
		printf("%*s%s\n", HELP_COLUMN - width, "", o->help);
	}
}

int options_usage(const char *verb, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "warder: %s: ", verb);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nwarder: see `warder %s --help`\n", verb);
	return EXIT_USAGE;
}

static int unknown_option(const struct parse *p, const char *name)
{
	struct suggestion s = {.word = name};

	for (size_t i = 0; i < p->n_options; i++)
		suggest_consider(&s, p->options[i].name);
	if (s.best)
		return options_usage(p->verb->name, "--%s: no such option; did you mean --%s?",
				     name, s.best);
	return options_usage(p->verb->name, "--%s: no such option", name);
}

static const struct option *find(const struct parse *p, const char *name)
{
	for (size_t i = 0; i < p->n_options; i++)
		if (strcmp(p->options[i].name, name) == 0)
			return &p->options[i];
	return NULL;
}

/* Digits only: no sign, no blank, no "0x", nothing behind them. */
static bool store_int(int *to, const char *value)
{
	char *end;
	long n;

	if (value[0] == '\0' || value[strspn(value, "0123456789")] != '\0')
		return false;
	errno = 0;
	n = strtol(value, &end, 10);
	if (errno != 0 || n > INT_MAX)
		return false;
	*to = (int)n;
	return true;
}

/* Returns the exit status of a usage error, or 0. */
static int store(const struct parse *p, const struct option *o, const char *value,
		 const char *shown)
{
	switch (o->kind) {
	case OPTION_FLAG:
		*(bool *)o->to = true;
		break;
	case OPTION_STRING:
		*(const char **)o->to = value;
		break;
	case OPTION_LIST:
		strlist_add(o->to, value);
		break;
	case OPTION_INT:
		if (!store_int(o->to, value))
			return options_usage(p->verb->name, "%s: wants a whole number", shown);
		break;
	}
	return 0;
}

/* One "--name[=value]" at argv[*i]; *i ends at the last word that it took.
 * Returns the exit status of a usage error, or 0. */
static int take_option(const struct parse *p, int argc, char **argv, int *i)
{
	const char *word = argv[*i] + 2;
	const char *equals = strchr(word, '=');
	autofree char *name = mem_strndup(word, equals ? (size_t)(equals - word) : strlen(word));
	autofree char *shown = mem_printf("--%s", name);
	const struct option *o = find(p, name);
	const char *value = equals ? equals + 1 : NULL;

	if (o == NULL)
		return unknown_option(p, name);
	if (o->kind == OPTION_FLAG && value != NULL)
		return options_usage(p->verb->name, "%s: takes no value", shown);
	if (o->kind != OPTION_FLAG && value == NULL) {
		/* "--": the value was forgotten, it never is one. */
		if (*i + 1 >= argc || strcmp(argv[*i + 1], "--") == 0)
			return options_usage(p->verb->name, "%s: wants a value", shown);
		value = argv[++*i];
	}
	return store(p, o, value, shown);
}

static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

int options_parse(const struct verb *verb, const struct option *options, size_t n_options,
		  bool stop_at_first, int argc, char **argv, int *status)
{
	const struct parse p = {verb, options, n_options};
	autofree char **positional = mem_alloc((size_t)argc * sizeof(*positional));
	int n = 0, i;

	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		}
		if (is_help(argv[i])) {
			print_help(&p);
			*status = EXIT_YES;
			return -1;
		}
		if (argv[i][0] != '-' || argv[i][1] == '\0') {
			if (stop_at_first)
				break;
			positional[n++] = argv[i];
			continue;
		}
		if (argv[i][1] != '-')
			*status = options_usage(verb->name, "%s: no such option", argv[i]);
		else
			*status = take_option(&p, argc, argv, &i);
		if (*status != 0)
			return -1;
	}
	/* What was seen before "--" goes right in front of what stands behind it. */
	if (n > 0)
		memcpy(&argv[i - n], positional, (size_t)n * sizeof(*positional));
	return i - n;
}
