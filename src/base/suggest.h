/* SPDX-License-Identifier: Apache-2.0 */
/* "did you mean": the known word nearest to one that is not known. */
#ifndef WARDER_BASE_SUGGEST_H
#define WARDER_BASE_SUGGEST_H

/* Start with {.word = what was typed}; best stays NULL while nothing is near. */
struct suggestion {
	const char *word;
	const char *best;
	unsigned int distance;
};

void suggest_consider(struct suggestion *s, const char *candidate);

#endif
