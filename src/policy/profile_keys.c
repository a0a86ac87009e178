/* SPDX-License-Identifier: Apache-2.0 */
/* CONTRACT.md "Profile" as a table.  profiles/profile.schema.json says the same to editors. */
#include <stddef.h>

#include "policy/profile_impl.h"

#define TABLE(name, check)                                                                         \
	static const struct key_table name##_table = {name##_keys, ARRAY_SIZE(name##_keys), check}
#define AT(field) .offset = offsetof(struct profile, field)
#define CHOICES(list, type) .choices = (list), .n_choices = ARRAY_SIZE(list), .size = sizeof(type)
#define PATHS .clean = clean_fs_path, .expected = "a list of paths"

static const struct choice decisions[] = {
	{"deny", DECISION_DENY},
	{"allow", DECISION_ALLOW},
	{"ask", DECISION_ASK},
	{"observe", DECISION_OBSERVE},
};
#define DECISION                                                                                   \
	.kind = KEY_CHOICE, CHOICES(decisions, enum decision),                                     \
	.expected = "\"allow\", \"deny\", \"ask\" or \"observe\""

/* The keys that every rule has. */
#define HEAD(type)                                                                                 \
	{"decision", DECISION, .offset = offsetof(struct type, head.decision), .required = true},  \
	{"reason", KEY_STRING, .offset = offsetof(struct type, head.reason),                       \
	 .clean = clean_plain, .expected = "text for a person"}
#define RULES(section, type)                                                                       \
	{"default", DECISION, AT(section.fallback)},                                               \
	{"rules", KEY_RULES, AT(section.v), .size = sizeof(struct type), .sub = &type##_table,     \
	 .expected = "a list of rules"}
#define PORTS(type)                                                                                \
	{"port", KEY_PORTS, .offset = offsetof(struct type, ports),                                \
	 .expected = "a port from 1 to 65535, or a list of such"}

static const struct key exec_rule_keys[] = {
	{"path", KEY_STRING, .offset = offsetof(struct exec_rule, path), .required = true,
	 .clean = clean_exec_path, .expected = "a command's path or bare name"},
	{"argv", KEY_ARGV, .offset = offsetof(struct exec_rule, argv),
	 .expected = "a list of patterns for the arguments"},
	HEAD(exec_rule),
};
TABLE(exec_rule, NULL);

static const char *host_or_cidr(const json_t *rule)
{
	if (!json_object_get(rule, "host") == !json_object_get(rule, "cidr"))
		return "expected either \"host\" or \"cidr\"";
	return NULL;
}

static const struct key egress_rule_keys[] = {
	{"host", KEY_HOST,
	 .expected = "a host's name without a port, \"*.NAME\", \"*\" or an address"},
	{"cidr", KEY_CIDR, .offset = offsetof(struct egress_rule, cidr),
	 .expected = "a network like \"192.0.2.0/24\" or \"2001:db8::/32\""},
	PORTS(egress_rule),
	HEAD(egress_rule),
};
TABLE(egress_rule, host_or_cidr);

static const struct key unix_rule_keys[] = {
	{"path", KEY_STRING, .offset = offsetof(struct unix_rule, path), .required = true,
	 .clean = clean_unix_path, .expected = "a socket's path, or \"@NAME\""},
	HEAD(unix_rule),
};
TABLE(unix_rule, NULL);

static const struct key listen_rule_keys[] = {
	PORTS(listen_rule),
	HEAD(listen_rule),
};
TABLE(listen_rule, NULL);

static const struct key tool_rule_keys[] = {
	{"tool", KEY_STRING, .offset = offsetof(struct tool_rule, tool), .required = true,
	 .clean = clean_plain, .expected = "a tool's name or a pattern"},
	{"resource", KEY_STRING, .offset = offsetof(struct tool_rule, resource),
	 .clean = clean_plain, .expected = "a pattern for the resource"},
	HEAD(tool_rule),
};
TABLE(tool_rule, NULL);

static const struct key filesystem_keys[] = {
	{"read", KEY_SET, AT(fs.read), PATHS},
	{"write", KEY_SET, AT(fs.write), PATHS},
	{"hide", KEY_SET, AT(fs.hide), PATHS},
	{"protect", KEY_SET, AT(fs.protect), PATHS},
	{"tmpfs", KEY_SET, AT(fs.tmpfs), PATHS},
	{"exec_writable", KEY_BOOL, AT(fs.exec_writable), .expected = "true or false"},
};
TABLE(filesystem, NULL);

static const struct key exec_keys[] = {
	RULES(exec, exec_rule),
	{"memfd", KEY_BOOL, AT(exec_memfd), .expected = "true or false"},
	{"loader", KEY_BOOL, AT(exec_loader), .expected = "true or false"},
	{"ptrace", KEY_BOOL, AT(exec_ptrace), .expected = "true or false"},
};
TABLE(exec, NULL);

static const struct key egress_keys[] = {RULES(egress, egress_rule)};
TABLE(egress, NULL);

static const struct key unix_keys[] = {
	RULES(unix_, unix_rule),
	{"datagram", KEY_BOOL, AT(unix_datagram), .expected = "true or false"},
};
TABLE(unix, NULL);

static const struct key listen_keys[] = {RULES(listen, listen_rule)};
TABLE(listen, NULL);

static const struct key tools_keys[] = {RULES(tools, tool_rule)};
TABLE(tools, NULL);

static const struct choice identities[] = {
	{"headers", offsetof(struct profile, gateway.headers)},
	{"token", offsetof(struct profile, gateway.token)},
};

static const struct key gateway_keys[] = {
	{"url", KEY_STRING, AT(gateway.url), .clean = clean_gateway, .says_all = true,
	 .expected = "\"direct:\" or a URL like \"http://HOST:PORT\""},
	{"identity", KEY_FLAGS, AT(gateway.headers), CHOICES(identities, bool),
	 .expected = "a list of \"headers\" and \"token\""},
	{"timeout", KEY_DURATION, AT(gateway.timeout_ms), .expected = "a duration like \"10s\""},
};
TABLE(gateway, NULL);

static const struct key env_keys[] = {
	{"pass", KEY_SET, AT(env.pass), .clean = clean_env_pattern,
	 .expected = "a list of names of variables"},
	{"set", KEY_MAP, AT(env.set), .expected = "an object of variables and their values"},
};
TABLE(env, NULL);

static const struct key limits_keys[] = {
	{"wall", KEY_DURATION, AT(limits.wall_ms), .expected = "a duration like \"2h\""},
	{"memory", KEY_SIZE, AT(limits.memory), .expected = "a size like \"512M\""},
	{"pids", KEY_COUNT, AT(limits.pids), .min = 1, .max = 4194304,
	 .expected = "a number from 1 to 4194304"},
	{"cpu", KEY_PERCENT, AT(limits.cpu_percent), .min = 1, .max = 1000000,
	 .expected = "a percentage like \"150%\""},
	{"open_files", KEY_COUNT, AT(limits.open_files), .min = 16, .max = 1073741816,
	 .expected = "a number from 16 to 1073741816"},
};
TABLE(limits, NULL);

static const struct key approval_keys[] = {
	{"timeout", KEY_DURATION, AT(approval.timeout_ms), .expected = "a duration like \"5m\""},
	{"approvers", KEY_SET, AT(approval.approvers), .clean = clean_approver,
	 .expected = "a list of \"user:NAME\" and \"group:NAME\""},
	{"four_eyes", KEY_BOOL, AT(approval.four_eyes), .expected = "true or false"},
	{"helper", KEY_LIST, AT(approval.helper), .clean = clean_plain,
	 .expected = "a list: a program's absolute path and its arguments"},
};
TABLE(approval, NULL);

static const struct choice thens[] = {{"freeze", false}, {"kill", true}};

static const struct key tripwire_keys[] = {
	{"denials", KEY_COUNT, AT(tripwire.denials), .min = 0, .max = 1000000000,
	 .expected = "a number from 0 (not counted)"},
	{"window", KEY_DURATION, AT(tripwire.window_ms), .expected = "a duration like \"60s\""},
	{"same_action", KEY_COUNT, AT(tripwire.same_action), .min = 0, .max = 1000000000,
	 .expected = "a number from 0 (not counted)"},
	{"then", KEY_CHOICE, AT(tripwire.kill), CHOICES(thens, bool),
	 .expected = "\"kill\" or \"freeze\""},
};
TABLE(tripwire, NULL);

static const struct choice syncs[] = {
	{"decision", SYNC_DECISION}, {"all", SYNC_ALL}, {"none", SYNC_NONE}};

static const struct key audit_keys[] = {
	{"sync", KEY_CHOICE, AT(sync), CHOICES(syncs, enum audit_sync),
	 .expected = "\"decision\", \"all\" or \"none\""},
};
TABLE(audit, NULL);

static const struct choice requires[] = {{"full", REQUIRE_FULL}, {"kernel", REQUIRE_KERNEL}};

static const struct key top_keys[] = {
	{"name", KEY_STRING, AT(name), .own = true, .clean = clean_profile_name,
	 .expected = "the profile's name"},
	{"description", KEY_STRING, AT(description), .own = true, .clean = clean_plain,
	 .expected = "text for a person"},
	{"extends", KEY_ELSEWHERE, .expected = "a profile's name, or a list of names"},
	{"require", KEY_CHOICE, AT(require), CHOICES(requires, enum profile_require),
	 .expected = "\"full\" or \"kernel\""},
	{"filesystem", KEY_OBJECT, .sub = &filesystem_table, .instead = "inherit",
	 .instead_at = offsetof(struct profile, fs.inherit), .instead_value = true,
	 .expected = "an object, or \"inherit\""},
	{"exec", KEY_OBJECT, .sub = &exec_table, .expected = "an object"},
	{"egress", KEY_OBJECT, .sub = &egress_table, .expected = "an object"},
	{"unix", KEY_OBJECT, .sub = &unix_table, .expected = "an object"},
	{"listen", KEY_OBJECT, .sub = &listen_table, .expected = "an object"},
	{"tools", KEY_OBJECT, .sub = &tools_table, .expected = "an object"},
	{"gateway", KEY_OBJECT, .sub = &gateway_table, .expected = "an object"},
	{"env", KEY_OBJECT, .sub = &env_table, .expected = "an object"},
	{"limits", KEY_OBJECT, .sub = &limits_table, .expected = "an object"},
	{"approval", KEY_OBJECT, .sub = &approval_table, .expected = "an object"},
	{"tripwire", KEY_OBJECT, .sub = &tripwire_table, .instead = "null",
	 .instead_at = offsetof(struct profile, tripwire.on), .instead_value = false,
	 .expected = "an object, or null"},
	{"audit", KEY_OBJECT, .sub = &audit_table, .expected = "an object"},
};
const struct key_table profile_keys = {top_keys, ARRAY_SIZE(top_keys), NULL};
