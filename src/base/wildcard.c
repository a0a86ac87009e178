/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wildcard.h"

/*
 * Going back to the last star alone is enough.  What stood before it has been
 * matched with the fewest bytes possible, so giving an earlier star more could
 * only leave less text for the same rest of the pattern.  Nor can a star that
 * must stop at `stop` be helped by one in an earlier component.
 */
bool wildcard_match(const char *pattern, size_t n_pattern, const char *text, size_t n_text,
		    char stop)
{
	size_t p = 0, t = 0, star = 0, star_text = 0;
	bool starred = false;

	while (t < n_text) {
		bool stops = stop != '\0' && text[t] == stop;

		if (p < n_pattern && pattern[p] == '*') {
			starred = true;
			star = ++p;
			star_text = t;
		} else if (p < n_pattern && (pattern[p] == '?' ? !stops : pattern[p] == text[t])) {
			p++;
			t++;
		} else if (starred && (stop == '\0' || text[star_text] != stop)) {
			p = star;
			t = ++star_text;
		} else {
			return false;
		}
	}
	while (p < n_pattern && pattern[p] == '*')
		p++;
	return p == n_pattern;
}
