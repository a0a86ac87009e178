/* SPDX-License-Identifier: Apache-2.0 */
#include "base/units.h"

#include <stddef.h>
#include <string.h>

#include "base/mem.h"

static const int64_t DURATION_MAX_MS = 3650LL * 24 * 60 * 60 * 1000;

struct unit {
	const char *name;
	uint64_t factor;
};

/* "NUMBER UNIT" without a blank: digits only, so no sign, no fraction, no exponent.
 * More than max is false, never cut down. */
static bool parse(const char *text, const struct unit *units, size_t n_units, uint64_t max,
		  uint64_t *value)
{
	size_t digits = strspn(text, "0123456789");
	uint64_t n = 0;

	if (digits == 0)
		return false;
	for (size_t i = 0; i < digits; i++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(text[i] - '0'), &n))
			return false;
	for (size_t i = 0; i < n_units; i++) {
		if (strcmp(text + digits, units[i].name) != 0)
			continue;
		return !__builtin_mul_overflow(n, units[i].factor, value) && *value > 0 &&
		       *value <= max;
	}
	return false;
}

bool units_duration(const char *text, int64_t *ms)
{
	static const struct unit units[] = {
		{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000},
	};
	uint64_t value;

	if (!parse(text, units, ARRAY_SIZE(units), (uint64_t)DURATION_MAX_MS, &value))
		return false;
	*ms = (int64_t)value;
	return true;
}

bool units_size(const char *text, uint64_t *bytes)
{
	static const struct unit units[] = {
		{"", 1}, {"K", 1ULL << 10}, {"M", 1ULL << 20}, {"G", 1ULL << 30}, {"T", 1ULL << 40},
	};
	uint64_t value;

	/* Whoever hands it to the kernel may need it signed. */
	if (!parse(text, units, ARRAY_SIZE(units), INT64_MAX, &value))
		return false;
	*bytes = value;
	return true;
}
