/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounded builder of one line of JSON.  No allocation.  A member that does
 * not fit is left out whole and sets `full`; room for the brackets that are
 * open is kept, so that after the last json_close() the text is valid JSON
 * whatever happened (with at least three bytes: "{}" and the NUL).  It is
 * terminated by a NUL at any time.  Bytes that are not UTF-8 become U+FFFD;
 * characters that control or deceive a terminal (utf8_is_hidden()) become \uXXXX.
 */
#ifndef WARDER_BASE_JSON_H
#define WARDER_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json {
	char *buf;
	size_t size, len; /* size: what may be used now, without NUL and closing brackets */
	unsigned int skipped; /* brackets opened, and not yet closed, inside what did not fit */
	bool full;
	bool comma; /* the next member needs one */
};

void json_init(struct json *j, char *buf, size_t size); /* size > 0 */
/* key is NULL in arrays and at the top; bracket '{' or '['. */
void json_open(struct json *j, const char *key, char bracket);
void json_close(struct json *j, char bracket);
void json_str(struct json *j, const char *key, const char *value); /* value NULL: member left out */
void json_strn(struct json *j, const char *key, const char *value, size_t len);
void json_int(struct json *j, const char *key, int64_t value);
void json_bool(struct json *j, const char *key, bool value);
/* text is JSON already; NULL: member left out */
void json_raw(struct json *j, const char *key, const char *text);

#endif
