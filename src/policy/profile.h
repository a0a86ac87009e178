/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A profile: what an agent may touch, as a value.  CONTRACT.md "Profile" is
 * the format.  Loading reads files; everything that is done with a profile
 * afterwards is pure.
 */
#ifndef WARDER_POLICY_PROFILE_H
#define WARDER_POLICY_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/fault.h"
#include "base/mem.h"

enum decision { DECISION_DENY, DECISION_ALLOW, DECISION_ASK, DECISION_OBSERVE };
const char *decision_name(enum decision d); /* "deny" "allow" "ask" "observe" */

enum {
	PROFILE_DEPTH_MAX = 8,          /* of "extends"; deeper is an error at load */
	PROFILE_RULES_MAX = 4096,       /* a section; more is an error at load */
	PROFILE_FILE_MAX = 1024 * 1024, /* bytes of one file */
	PROFILE_ORIGIN_MAX = 40,
};

/* What every rule has.  origin names it in records: "egress[3]", counted in
 * the merged order, child's rules first. */
struct rule_head {
	enum decision decision;
	char origin[PROFILE_ORIGIN_MAX];
	char *reason; /* or NULL */
};

struct egress_rule {
	struct rule_head head;
	char *host;      /* canonical, without "*."; NULL where cidr is set */
	bool suffix;     /* "*.": matches names under host, not host itself */
	bool any_host;   /* "host": "*" */
	struct cidr cidr; /* base.family 0: none.  An address given as host is one too */
	uint16_t *ports; /* n_ports 0: any */
	size_t n_ports;
};

struct exec_rule {
	struct rule_head head;
	/* As written, {workspace} and ~ expanded: absolute, a bare name, or a glob. */
	char *path;
	/* What path is in the agent's root; NULL before judge_resolve_exec_rules(), and where
	 * there is no such file. */
	char *resolved;
	bool any_argv;
	struct strlist argv; /* patterns for the arguments after argv[0] */
};

struct unix_rule {
	struct rule_head head;
	/* Absolute, may glob within a component, end in "/" + "**"; "@NAME" for abstract ones. */
	char *path;
};

struct listen_rule {
	struct rule_head head;
	uint16_t *ports; /* n_ports 0: any */
	size_t n_ports;
};

struct tool_rule {
	struct rule_head head;
	char *tool;     /* glob */
	char *resource; /* glob; NULL any */
};

/* One section: the default and its rules in order of matching. */
#define PROFILE_SECTION(type)                                                                      \
	struct {                                                                                   \
		enum decision fallback;                                                            \
		struct type *v;                                                                    \
		size_t n;                                                                          \
	}

enum profile_require { REQUIRE_FULL, REQUIRE_KERNEL };
enum audit_sync { SYNC_DECISION, SYNC_ALL, SYNC_NONE };

struct profile {
	char *name;
	char *description; /* or NULL */
	enum profile_require require;

	struct {
		bool inherit; /* "filesystem": "inherit" */
		/* Absolute after expansion; a leading '?' means: if it exists. */
		struct strlist read, write, hide, protect, tmpfs;
		bool exec_writable;
	} fs;

	PROFILE_SECTION(exec_rule) exec;
	bool exec_memfd, exec_loader, exec_ptrace;
	PROFILE_SECTION(egress_rule) egress;
	PROFILE_SECTION(unix_rule) unix_;
	bool unix_datagram;
	PROFILE_SECTION(listen_rule) listen;
	PROFILE_SECTION(tool_rule) tools;

	struct {
		char *url; /* NULL: "direct:" */
		bool headers, token; /* "identity" */
		int64_t timeout_ms;  /* default 10 s */
	} gateway;
	struct {
		struct strlist pass; /* globs of names */
		struct strlist set;  /* "K=V" */
	} env;
	struct {
		int64_t wall_ms;     /* 0: none; so with the others */
		uint64_t memory;     /* bytes */
		uint64_t pids, open_files;
		unsigned int cpu_percent;
	} limits;
	struct {
		int64_t timeout_ms; /* default 5 min */
		struct strlist approvers, helper;
		bool four_eyes;
	} approval;
	struct {
		bool on;
		uint64_t denials, same_action; /* 0: not counted */
		int64_t window_ms;
		bool kill; /* else freeze */
	} tripwire;
	enum audit_sync sync;

	char hash[65]; /* hex SHA-256 over the texts of all files that made it, in merge order */
};

/* Where names are looked up and what the placeholders stand for. */
struct profile_context {
	const char *config_dir; /* CONFIG/profiles.d/NAME.json first */
	const char *share_dir;  /* then SHARE/profiles/NAME.json */
	const char *workspace;  /* absolute, for {workspace}; NULL: kept as written, to check */
	const char *home;       /* for ~ and {home}; NULL likewise */
	/* What knows of gateways: 0, or -1 with a fault.  NULL: only the kind is looked at. */
	int (*check_gateway)(const char *url, struct fault *f);
};

/*
 * Loads a profile and all it extends.  name: with a slash a file, else looked
 * up.  Returns NULL with a fault that names file, line and key and says what
 * was expected.  The caller owns the result.
 */
struct profile *profile_load(const char *name, const struct profile_context *ctx, struct fault *f);
void profile_free(struct profile *p);
/* What this version cannot enforce is refused, by its key.  uid_zero: the command is that user
 * inside.  0, or -1 with a fault. */
int profile_enforceable(const struct profile *p, bool uid_zero, struct fault *f);
/* The merged profile as JSON that loads as the same again; owned by the caller. */
char *profile_show(const struct profile *p, bool one_line);

#endif
