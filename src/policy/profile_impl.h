/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of profile loading.
 *
 *	profile_files.c   names to texts, `extends` to one order of merging
 *	profile_keys.c    the table: every key, what it is and where it goes
 *	profile_read.c    one text by that table into the profile
 *	profile_text.c    what a string must be (paths, hosts, ports, names)
 *	profile_show.c    the way back, by the same table
 *	profile.c         the whole of it
 */
#ifndef WARDER_POLICY_PROFILE_IMPL_H
#define WARDER_POLICY_PROFILE_IMPL_H

#include "base/jsonfile.h"
#include "policy/profile.h"

enum {
	PROFILE_FILES_MAX = 64, /* that make one profile; more is an error at load */
	CLEAN_WHY_MAX = 256,
};

/* --- profile_text.c */

/*
 * Checks one string and gives it in the form in which it is kept, owned by the
 * caller; NULL with why ("has no \"..\"", after "expected") where it is not fit.
 */
typedef char *clean_fn(const char *text, const struct profile_context *ctx,
		       char why[CLEAN_WHY_MAX]);
clean_fn clean_fs_path, clean_exec_path, clean_unix_path, clean_plain, clean_profile_name,
	clean_env_pattern, clean_approver, clean_gateway;
/* A host rule's text into the rule. */
bool clean_host(const char *text, struct egress_rule *r);

/* --- profile_keys.c */

enum key_kind {
	KEY_STRING,   /* char *, by clean */
	KEY_BOOL,     /* bool */
	KEY_CHOICE,   /* one of choices: an enum, or a bool where size says so */
	KEY_FLAGS,    /* list of choices; each one's value is the offset of its bool */
	KEY_DURATION, /* int64_t, milliseconds */
	KEY_SIZE,     /* uint64_t, bytes */
	KEY_COUNT,    /* uint64_t, min..max */
	KEY_PERCENT,  /* unsigned int from "150%" */
	KEY_SET,      /* struct strlist: united with what the child has */
	KEY_LIST,     /* struct strlist: the child's alone counts */
	KEY_ARGV,     /* struct strlist; the bool `any_argv` beside it is cleared */
	KEY_MAP,      /* struct strlist of "K=V": united, the child's value counts */
	KEY_PORTS,    /* uint16_t * and its size_t */
	KEY_HOST,     /* struct egress_rule as a whole */
	KEY_CIDR,     /* struct cidr */
	KEY_RULES,    /* pointer and size_t of a section; sub has the keys of one rule */
	KEY_OBJECT,   /* keys of sub, in the same struct */
	KEY_ELSEWHERE, /* read by profile_files.c */
};

struct choice {
	const char *name;
	size_t value;
};

struct key {
	const char *name;
	enum key_kind kind;
	size_t offset;        /* in struct profile, or in one rule */
	const char *expected; /* "a size like \"512M\"" */
	clean_fn *clean;
	const struct choice *choices;
	size_t n_choices;
	size_t size;          /* of a choice's field, or of one rule */
	json_int_t min, max;
	const struct key_table *sub;
	bool says_all;        /* what clean says of it is the whole message, not what it expected */
	bool required;        /* in a rule */
	bool own;             /* of the profile itself, never of one that it extends */
	const char *instead;  /* a KEY_OBJECT that may be this word ("inherit") or null ... */
	size_t instead_at;    /* ... and the bool that says whether it is an object */
	bool instead_value;   /* ... what that bool is for the word */
};

struct key_table {
	const struct key *keys;
	size_t n;
	const char *(*whole)(const json_t *rule); /* what is wrong with it as a whole, or NULL */
};

extern const struct key_table profile_keys;

/* --- profile_files.c */

struct profile_files {
	struct jsonfile v[PROFILE_FILES_MAX]; /* in merge order: what comes first counts */
	size_t n;
};

int profile_files_load(const char *name, const struct profile_context *ctx,
		       struct profile_files *files, struct fault *f);
void profile_files_free(struct profile_files *files);

/* --- profile_read.c */

/* What of the profile a child has set already: a mark at each field's offset. */
struct profile_marks {
	bool set[sizeof(struct profile)];
};

int profile_read(struct profile *p, const struct jsonfile *j, bool own,
		 const struct profile_context *ctx, struct profile_marks *marks, struct fault *f);

#endif
