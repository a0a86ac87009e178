/* SPDX-License-Identifier: Apache-2.0 */
/* Durations ("500ms" "10s" "5m" "2h" "7d") and sizes ("64K" "512M" "2G"). */
#ifndef WARDER_BASE_UNITS_H
#define WARDER_BASE_UNITS_H

#include <stdbool.h>
#include <stdint.h>

bool units_duration(const char *text, int64_t *ms); /* > 0, at most 3650 days */
bool units_size(const char *text, uint64_t *bytes); /* > 0; a bare number is bytes */

#endif
