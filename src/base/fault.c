/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fault.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void fill(struct fault *f, const char *mend, const char *fmt, va_list ap)
{
	vsnprintf(f->what, sizeof(f->what), fmt, ap);
	snprintf(f->mend, sizeof(f->mend), "%s", mend ? mend : "");
}

int fault_set(struct fault *f, const char *mend, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(f, mend, fmt, ap);
	va_end(ap);
	return -1;
}

int fault_errno(struct fault *f, const char *mend, const char *fmt, ...)
{
	int err = errno;
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	fill(f, mend, fmt, ap);
	va_end(ap);
	len = strlen(f->what);
	snprintf(f->what + len, sizeof(f->what) - len, ": %s", strerror(err));
	return -1;
}

void fault_print(const struct fault *f)
{
	fprintf(stderr, "warder: %s\n", f->what);
	if (f->mend[0])
		fprintf(stderr, "warder: %s\n", f->mend);
}
