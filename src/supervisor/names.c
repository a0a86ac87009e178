/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries are numbered in the order they came; the number is the address's
 * offset, so addresses need no hashing.  Names are chosen by the agent: they
 * are hashed with a key that it does not know, or it could make every look-up
 * walk one long chain.
 */
#include "supervisor/names.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum {
	BUCKETS_MIN = 64, /* a power of two; doubles when there are as many names */
};

_Static_assert(NAMES_FIRST + NAMES_MAX < NAMES_NET_SIZE, "the last address is not given out");
_Static_assert((BUCKETS_MIN & (BUCKETS_MIN - 1)) == 0, "masks need a power of two");

struct names {
	unsigned char key[crypto_shorthash_KEYBYTES];
	struct name **buckets;
	size_t n_buckets;
	struct name **by_number; /* as long as buckets */
	size_t count;
};

static size_t bucket_of(const struct names *t, size_t n_buckets, const char *text)
{
	unsigned char hash[crypto_shorthash_BYTES];
	uint64_t h;

	_Static_assert(sizeof(hash) == sizeof(h), "SipHash-2-4 is 64 bits");
	crypto_shorthash(hash, (const unsigned char *)text, strlen(text), t->key);
	memcpy(&h, hash, sizeof(h));
	return (size_t)h & (n_buckets - 1);
}

/* Doubles both arrays, or leaves the table as it was. */
static bool grow(struct names *t)
{
	size_t n = t->n_buckets ? t->n_buckets * 2 : BUCKETS_MIN;
	struct name **buckets = calloc(n, sizeof(*buckets));
	struct name **by_number = realloc(t->by_number, n * sizeof(*by_number));

	if (by_number)
		t->by_number = by_number;
	if (!buckets || !by_number) {
		free(buckets);
		return false;
	}
	for (size_t i = 0; i < t->count; i++) {
		struct name *e = t->by_number[i];
		size_t b = bucket_of(t, n, e->text);

		e->next = buckets[b];
		buckets[b] = e;
	}
	free(t->buckets);
	t->buckets = buckets;
	t->n_buckets = n;
	return true;
}

struct names *names_new(void)
{
	struct names *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	crypto_shorthash_keygen(t->key);
	if (!grow(t)) {
		names_free(t);
		return NULL;
	}
	return t;
}

void names_free(struct names *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->count; i++)
		free(t->by_number[i]);
	free(t->by_number);
	free(t->buckets);
	free(t);
}

struct name *names_find(const struct names *t, const char *canonical)
{
	struct name *e = t->buckets[bucket_of(t, t->n_buckets, canonical)];

	while (e && strcmp(e->text, canonical) != 0)
		e = e->next;
	return e;
}

static struct addr numbered_addr(size_t number)
{
	uint32_t host = NAMES_NET + NAMES_FIRST + (uint32_t)number;
	struct addr a = {.family = 4};

	for (int i = 0; i < 4; i++)
		a.bytes[i] = (uint8_t)(host >> (24 - 8 * i));
	return a;
}

struct name *names_add(struct names *t, const char *canonical)
{
	struct name *e = names_find(t, canonical);
	size_t len = strlen(canonical);
	size_t b;
	char *text;

	if (e)
		return e;
	if (t->count == NAMES_MAX) {
		errno = ENOSPC;
		return NULL;
	}
	if (t->count == t->n_buckets && !grow(t))
		return NULL;

	e = calloc(1, sizeof(*e) + len + 1);
	if (!e)
		return NULL;
	text = (char *)(e + 1); /* one block: an entry and its text live and die together */
	memcpy(text, canonical, len + 1);
	e->text = text;
	e->addr = numbered_addr(t->count);

	b = bucket_of(t, t->n_buckets, canonical);
	e->next = t->buckets[b];
	t->buckets[b] = e;
	t->by_number[t->count++] = e;
	return e;
}

static uint32_t offset_of(const struct addr *a)
{
	uint32_t host = 0;

	for (int i = 0; i < 4; i++)
		host = host << 8 | a->bytes[i];
	return host - NAMES_NET; /* wraps to something huge below the net */
}

bool names_is_synthetic(const struct addr *a)
{
	return a->family == 4 && offset_of(a) < NAMES_NET_SIZE;
}

struct name *names_of_addr(const struct names *t, const struct addr *a)
{
	uint32_t offset;

	if (!names_is_synthetic(a))
		return NULL;
	offset = offset_of(a);
	if (offset < NAMES_FIRST || offset - NAMES_FIRST >= t->count)
		return NULL;
	return t->by_number[offset - NAMES_FIRST];
}

size_t names_count(const struct names *t)
{
	return t->count;
}
