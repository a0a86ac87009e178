/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/judge.h"

#include <string.h>

#include "policy/glob.h"

enum { PORTS = 65536 };

/* What a person reads where no rule has a reason of its own. */
static const char *const by_rule[] = {
	[DECISION_DENY] = "a rule denies it",
	[DECISION_ALLOW] = "a rule allows it",
	[DECISION_ASK] = "a rule wants it approved",
	[DECISION_OBSERVE] = "a rule lets it pass, observed",
};
static const char *const by_default[] = {
	[DECISION_DENY] = "no rule allows it",
	[DECISION_ALLOW] = "no rule denies it",
	[DECISION_ASK] = "no rule decides it, so it must be approved",
	[DECISION_OBSERVE] = "no rule decides it, so it passes, observed",
};

static struct verdict of_rule(const struct rule_head *h)
{
	return (struct verdict){h->decision, h->origin,
				h->reason ? h->reason : by_rule[h->decision]};
}

static struct verdict of_default(enum decision d, const char *rule)
{
	return (struct verdict){d, rule, by_default[d]};
}

static struct verdict refused(const char *rule, const char *reason)
{
	return (struct verdict){DECISION_DENY, rule, reason};
}

static struct verdict metadata(void)
{
	return refused("metadata", "cloud metadata addresses are refused whatever the rules say");
}

/* "2852039166" matches no cidr rule and, by way of some resolver, is a metadata address. */
static struct verdict legacy(void)
{
	return refused("name", "an address that is written in a form that only some programs know");
}

static bool has_port(const uint16_t *ports, size_t n, uint16_t port)
{
	for (size_t i = 0; i < n; i++)
		if (ports[i] == port)
			return true;
	return n == 0;
}

static bool host_matches(const struct egress_rule *r, const char *name)
{
	size_t n_name, n_host;

	if (r->cidr.base.family != 0)
		return false;
	if (r->any_host)
		return true;
	if (!r->suffix)
		return strcmp(r->host, name) == 0;
	n_name = strlen(name);
	n_host = strlen(r->host);
	return n_name > n_host + 1 && name[n_name - n_host - 1] == '.' &&
	       strcmp(name + n_name - n_host, r->host) == 0;
}

/* Loopback is the sandbox's own: 0.0.0.0/0, or any port, does not name the host's services. */
static bool names_loopback(const struct egress_rule *r)
{
	return r->n_ports > 0 && r->cidr.bits >= (r->cidr.base.family == 4 ? 8 : 128);
}

/* A refused IPv4 network is refused behind a translator, too: an IPv6 address
 * that embeds one of its addresses is the same place by another way. */
static bool cidr_matches(const struct egress_rule *r, const struct addr *a)
{
	struct addr inner;

	if (r->head.decision == DECISION_DENY)
		return cidr_has(&r->cidr, a) ||
		       (addr_embedded(a, &inner) && cidr_has(&r->cidr, &inner));
	return cidr_has(&r->cidr, a) && (!addr_is_loopback(a) || names_loopback(r));
}

/* Ways to write loopback that no rule can mean: the address that is none, and either behind
 * a translator. */
static bool is_disguised_loopback(const struct addr *a)
{
	struct addr inner;

	return addr_is_unspecified(a) ||
	       (addr_embedded(a, &inner) &&
		(addr_is_loopback(&inner) || addr_is_unspecified(&inner)));
}

static struct verdict disguised_loopback(void)
{
	return refused("loopback", "the host's loopback is to be had by its own address alone");
}

struct verdict judge_egress(const struct profile *p, const struct destination *d)
{
	struct addr addr = d->addr;
	const char *name = d->name;

	/* A name that is an address in letters is that address. */
	if (name != NULL && addr_parse(name, &addr))
		name = NULL;
	if (name == NULL && addr_is_metadata(&addr))
		return metadata();
	if (name == NULL && is_disguised_loopback(&addr))
		return disguised_loopback();
	if (name != NULL && addr_name_is_numeric(name))
		return legacy();
	for (size_t i = 0; i < p->egress.n; i++) {
		const struct egress_rule *r = &p->egress.v[i];

		if ((name ? host_matches(r, name) : cidr_matches(r, &addr)) &&
		    has_port(r->ports, r->n_ports, d->port))
			return of_rule(&r->head);
	}
	return of_default(p->egress.fallback, "egress.default");
}

/* Whether a rule that lets through has a port that no rule before it denied. */
static bool opens(const struct egress_rule *r, const uint8_t *denied)
{
	for (size_t i = 0; i < r->n_ports; i++)
		if (!(denied[r->ports[i] / 8] & (1 << r->ports[i] % 8)))
			return true;
	return r->n_ports == 0;
}

/* The question of a name alone is never held: the connect that follows is. */
static struct verdict let_resolve(struct verdict v)
{
	if (v.decision == DECISION_ASK)
		v.decision = DECISION_ALLOW;
	return v;
}

struct verdict judge_resolve(const struct profile *p, const char *name)
{
	uint8_t denied[PORTS / 8] = {0}; /* a bit a port */

	if (addr_name_is_numeric(name))
		return legacy();
	for (size_t i = 0; i < p->egress.n; i++) {
		const struct egress_rule *r = &p->egress.v[i];

		if (!host_matches(r, name))
			continue;
		if (r->head.decision != DECISION_DENY) {
			if (opens(r, denied))
				return let_resolve(of_rule(&r->head));
			continue;
		}
		if (r->n_ports == 0)
			return of_rule(&r->head);
		for (size_t k = 0; k < r->n_ports; k++)
			denied[r->ports[k] / 8] |= (uint8_t)(1 << r->ports[k] % 8);
	}
	return let_resolve(of_default(p->egress.fallback, "egress.default"));
}

/* The first rule that covers the address and the port by itself. */
static const struct egress_rule *find_cidr(const struct profile *p, const struct addr *a,
					   uint16_t port)
{
	for (size_t i = 0; i < p->egress.n; i++) {
		const struct egress_rule *r = &p->egress.v[i];

		if (cidr_matches(r, a) && has_port(r->ports, r->n_ports, port))
			return r;
	}
	return NULL;
}

static struct verdict judge_private(const struct profile *p, const struct addr *a, uint16_t port)
{
	const struct egress_rule *r = find_cidr(p, a, port);

	if (r == NULL)
		return refused("private", "the name leads to a private address, and no cidr rule "
					  "allows that");
	/* Nobody is asked a second time: what is not allowed plainly is refused. */
	if (r->head.decision == DECISION_ASK)
		return refused(r->head.origin, "the name leads to a private address that only an "
					       "approval by address could allow");
	return of_rule(&r->head);
}

struct verdict judge_resolved(const struct profile *p, const char *name, const struct addr *addr,
			      uint16_t port)
{
	if (addr_is_metadata(addr))
		return metadata();
	if (is_disguised_loopback(addr))
		return disguised_loopback();
	if (addr_is_private(addr))
		return judge_private(p, addr, port);
	/* First match still counts: a network that was denied before the name was allowed. */
	for (size_t i = 0; i < p->egress.n; i++) {
		const struct egress_rule *r = &p->egress.v[i];
		struct verdict v;

		if (!has_port(r->ports, r->n_ports, port))
			continue;
		if (r->head.decision == DECISION_DENY && cidr_matches(r, addr))
			return of_rule(&r->head);
		if (r->head.decision == DECISION_DENY || name == NULL || !host_matches(r, name))
			continue;
		v = of_rule(&r->head);
		v.decision = DECISION_ALLOW; /* asked for and recorded under the name already */
		return v;
	}
	return (struct verdict){DECISION_ALLOW, "egress.default", "the name was allowed"};
}

bool judge_is_host_loopback(const struct profile *p, const struct addr *addr, uint16_t port)
{
	const struct egress_rule *r = addr_is_loopback(addr) ? find_cidr(p, addr, port) : NULL;

	return r != NULL && r->head.decision != DECISION_DENY;
}

static bool is_glob(const char *path)
{
	return strpbrk(path, "*?") != NULL;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* One file that is many commands: which one it is, its arguments say. */
static bool is_multicall(const char *path)
{
	static const char *const names[] = {"busybox", "busybox.static", "toybox", "coreutils"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(last_part(path), names[i]) == 0)
			return true;
	return false;
}

/* What follows one of these in an argument is the program's name to coreutils. */
static const char *without_option(const char *arg)
{
	static const char *const options[] = {"--coreutils-prog=", "--coreutils-prog-shebang="};

	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (strncmp(arg, options[i], strlen(options[i])) == 0)
			return arg + strlen(options[i]);
	return arg;
}

/* As these programs themselves find it: the name they are called by (a login shell's begins
 * with "-"), or after their own name, however often it is said, the next argument.  To
 * busybox all that begins with its name is its name. */
static bool calls_applet(const char *applet, char *const *argv, size_t argc)
{
	const char *name = argc > 0 ? last_part(argv[0]) : "";

	name += name[0] == '-';
	for (size_t i = 1; is_multicall(name) || strncmp(name, "busybox", 7) == 0; i++)
		name = i < argc ? last_part(without_option(argv[i])) : "";
	return strcmp(name, applet) == 0;
}

static bool exec_matches(const struct exec_rule *r, const char *path, char *const *argv,
			 size_t argc)
{
	const char *want = r->resolved ? r->resolved : r->path;

	if (is_glob(r->path))
		return glob_path(want, path);
	if (strcmp(want, path) != 0)
		return false;
	/* A rule about "su" is none about all of busybox. */
	if (is_multicall(want) && !is_multicall(r->path))
		return calls_applet(last_part(r->path), argv, argc);
	return true;
}

struct verdict judge_exec(const struct profile *p, const char *path, char *const *argv, size_t argc)
{
	char *const *args = argc > 0 ? argv + 1 : argv;
	size_t n_args = argc > 0 ? argc - 1 : 0;

	for (size_t i = 0; i < p->exec.n; i++) {
		const struct exec_rule *r = &p->exec.v[i];

		if (exec_matches(r, path, argv, argc) &&
		    (r->any_argv || glob_argv(r->argv.v, r->argv.n, args, n_args)))
			return of_rule(&r->head);
	}
	return of_default(p->exec.fallback, "exec.default");
}

struct verdict judge_unix(const struct profile *p, const char *path)
{
	for (size_t i = 0; i < p->unix_.n; i++)
		if (glob_path(p->unix_.v[i].path, path))
			return of_rule(&p->unix_.v[i].head);
	return of_default(p->unix_.fallback, "unix.default");
}

struct verdict judge_listen(const struct profile *p, uint16_t port)
{
	for (size_t i = 0; i < p->listen.n; i++)
		if (has_port(p->listen.v[i].ports, p->listen.v[i].n_ports, port))
			return of_rule(&p->listen.v[i].head);
	return of_default(p->listen.fallback, "listen.default");
}

struct verdict judge_tool(const struct profile *p, const char *tool, const char *resource)
{
	for (size_t i = 0; i < p->tools.n; i++) {
		const struct tool_rule *r = &p->tools.v[i];

		if (glob_text(r->tool, tool) &&
		    (r->resource == NULL || glob_text(r->resource, resource ? resource : "")))
			return of_rule(&r->head);
	}
	return of_default(p->tools.fallback, "tools.default");
}

/* The directories before the first wildcard may be links: "/bin/" + "**" is "/usr/bin/" + "**". */
static char *resolve_glob(const char *path, char *(*look)(const char *, void *), void *arg)
{
	size_t literal = strcspn(path, "*?");
	autofree char *dir = NULL;
	autofree char *real = NULL;

	while (literal > 0 && path[literal - 1] != '/')
		literal--;
	if (literal <= 1)
		return NULL;
	dir = mem_strndup(path, literal - 1);
	real = look(dir, arg);
	if (real == NULL || is_glob(real))
		return NULL;
	return mem_printf("%s%s", strcmp(real, "/") == 0 ? "" : real, path + literal - 1);
}

static char *resolve_name(const char *name, const char *path_env,
			  char *(*look)(const char *, void *), void *arg)
{
	for (const char *dir = path_env; dir != NULL && *dir != '\0';) {
		size_t len = strcspn(dir, ":");

		/* An empty or relative entry means where the agent stands: no rule means that. */
		if (dir[0] == '/') {
			autofree char *path = mem_printf("%.*s/%s", (int)len, dir, name);
			char *real = look(path, arg);

			if (real != NULL)
				return real;
		}
		dir += len + (dir[len] == ':');
	}
	return NULL;
}

void judge_resolve_exec_rules(struct profile *p, const char *path_env,
			      char *(*look)(const char *path, void *arg), void *arg)
{
	for (size_t i = 0; i < p->exec.n; i++) {
		struct exec_rule *r = &p->exec.v[i];

		free(r->resolved);
		if (r->path[0] != '/')
			r->resolved = resolve_name(r->path, path_env, look, arg);
		else if (is_glob(r->path))
			r->resolved = resolve_glob(r->path, look, arg);
		else
			r->resolved = look(r->path, arg);
	}
}
