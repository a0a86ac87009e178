/* SPDX-License-Identifier: Apache-2.0 */
#include "base/suggest.h"

#include <string.h>

enum {
	WORD_MAX = 32,    /* longer words are never suggested, nor suggested for */
	DISTANCE_MAX = 2, /* more slips than this are another word */
};

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int m = a < b ? a : b;

	return m < c ? m : c;
}

/* Edits (insert, drop, change, swap of neighbours) that turn a into b. */
static unsigned int edits(const char *a, size_t n_a, const char *b, size_t n_b)
{
	unsigned int row[WORD_MAX + 1][WORD_MAX + 1];

	for (size_t i = 0; i <= n_a; i++)
		row[i][0] = (unsigned int)i;
	for (size_t k = 0; k <= n_b; k++)
		row[0][k] = (unsigned int)k;
	for (size_t i = 1; i <= n_a; i++) {
		for (size_t k = 1; k <= n_b; k++) {
			unsigned int change = row[i - 1][k - 1] + (a[i - 1] != b[k - 1]);

			row[i][k] = min3(row[i - 1][k] + 1, row[i][k - 1] + 1, change);
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
				row[i][k] = min3(row[i][k], row[i - 2][k - 2] + 1, row[i][k]);
		}
	}
	return row[n_a][n_b];
}

void suggest_consider(struct suggestion *s, const char *candidate)
{
	size_t n_word = strlen(s->word), n_candidate = strlen(candidate);
	unsigned int distance;

	if (n_word == 0 || n_word > WORD_MAX || n_candidate > WORD_MAX)
		return;
	distance = edits(s->word, n_word, candidate, n_candidate);
	/* A short word is not "near" one with which it shares hardly a letter. */
	if (distance > DISTANCE_MAX || distance * 2 > n_candidate)
		return;
	if (s->best == NULL || distance < s->distance) {
		s->best = candidate;
		s->distance = distance;
	}
}
