/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include "base/mem.h"

/* By the lead byte: how long, which bits of it count, and the smallest
 * character that may be written in that length. */
static const struct form {
	unsigned char mask, lead, bits;
	size_t len;
	uint32_t least;
} forms[] = {
	{0x80, 0x00, 0x7f, 1, 0},
	{0xe0, 0xc0, 0x1f, 2, 0x80},
	{0xf0, 0xe0, 0x0f, 3, 0x800},
	{0xf8, 0xf0, 0x07, 4, 0x10000},
};

static const struct form *form_of(unsigned char lead)
{
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		if ((lead & forms[i].mask) == forms[i].lead)
			return &forms[i];
	return NULL;
}

size_t utf8_decode(const char *s, size_t len, uint32_t *c)
{
	const unsigned char *u = (const unsigned char *)s;
	const struct form *f = form_of(u[0]);
	uint32_t value;

	if (f == NULL || f->len > len)
		return 0;
	value = u[0] & f->bits;
	for (size_t i = 1; i < f->len; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (u[i] & 0x3f);
	}
	if (value < f->least || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		return 0;
	*c = value;
	return f->len;
}

size_t utf8_trim(const char *s, size_t len)
{
	/* The last lead byte is at most three back. */
	for (size_t back = 1; back <= 3 && back <= len; back++) {
		unsigned char u = (unsigned char)s[len - back];
		const struct form *f;

		if ((u & 0xc0) == 0x80)
			continue;
		f = form_of(u);
		return f != NULL && f->len > back ? len - back : len;
	}
	return len;
}

/* Controls, the two separators, Default_Ignorable_Code_Point of Unicode 15, noncharacters of
 * the first plane, and the planes of private use, whose look nobody knows. */
static const struct {
	uint32_t from, to;
} hidden[] = {
	{0x00, 0x1f},       {0x7f, 0x9f},       {0xad, 0xad},       {0x34f, 0x34f},
	{0x61c, 0x61c},     {0x115f, 0x1160},   {0x17b4, 0x17b5},   {0x180b, 0x180f},
	{0x200b, 0x200f},   {0x2028, 0x202e},   {0x2060, 0x206f},   {0x3164, 0x3164},
	{0xfe00, 0xfe0f},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},   {0xfff0, 0xfffb},
	{0xfffe, 0xffff},   {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0x10ffff},
};

bool utf8_is_hidden(uint32_t c)
{
	for (size_t i = 0; i < ARRAY_SIZE(hidden) && c >= hidden[i].from; i++)
		if (c <= hidden[i].to)
			return true;
	return false;
}
