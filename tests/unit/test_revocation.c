/* SPDX-License-Identifier: Apache-2.0 */
/* Revocations: a file that is there, whatever is in it. */
#include "unit.h"

#include <errno.h>
#include <jansson.h>
#include <sys/stat.h>
#include <time.h>

#include "inventory/revocation.h"

static void test_revocation(void **state)
{
	static const char *const names[] = {"bot", "owner:o", "environment:e", "run:run_1", "@all"};
	static const char *const bad_names[] = {"", ".", "..", "a/b", "owner:", "owner:a/b", "@some",
						"Bot", "team:x"};
	struct revocation_key k = {"bot", "o", "e", "run_1"}, other = {"b", "p", "f", NULL};
	char name[300], why[256];
	struct fault f = {0};

	(void)state;
	assert_int_equal(revocation_check(unit_dir, &k, name, why, &f), 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		print_message("# %s\n", names[i]);
		assert_int_equal(revocation_write(unit_dir, names[i], "a \"b\"\n\033c", "alice", &f), 0);
		assert_int_equal(revocation_check(unit_dir, &k, name, why, &f), 1);
		assert_string_equal(name, names[i]);
		assert_string_equal(why, "a \"b\"  c");
		assert_int_equal(revocation_check(unit_dir, &other, name, why, &f), i == 4);
		assert_int_equal(revocation_remove(unit_dir, names[i], &f), 1);
		assert_int_equal(revocation_remove(unit_dir, names[i], &f), 0);
		assert_int_equal(revocation_check(unit_dir, &k, name, why, &f), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad_names); i++) {
		assert_int_equal(revocation_write(unit_dir, bad_names[i], "", "", &f), -1);
		assert_int_equal(revocation_remove(unit_dir, bad_names[i], &f), -1);
	}
}

/* Whatever lies there revokes: an empty file, rubbish, a link to nowhere, a directory. */
static void test_touch(void **state)
{
	struct revocation_key k = {"bot", "o", "e", NULL};
	autofree char *link = unit_path("revoked.d/owner:o");
	autofree char *sub = unit_path("revoked.d/environment:e");
	autofree char *revoked = unit_path("revoked.d");
	char name[300], why[256];
	struct fault f = {0};

	(void)state;
	unit_put("revoked.d/bot", "");
	assert_int_equal(revocation_check(unit_dir, &k, name, why, &f), 1);
	assert_string_equal(why, "");
	unit_put("revoked.d/bot", "{'why':");
	assert_int_equal(revocation_check(unit_dir, &k, name, why, &f), 1);
	unit_put("revoked.d/bot", "{'why':7}");
	assert_int_equal(revocation_check(unit_dir, &k, name, why, &f), 1);
	assert_int_equal(revocation_remove(unit_dir, "bot", &f), 1);
	assert_int_equal(symlink("/nowhere", link), 0);
	assert_int_equal(revocation_check(unit_dir, &k, name, why, &f), 1);
	assert_int_equal(revocation_remove(unit_dir, "owner:o", &f), 1);
	assert_int_equal(mkdir(sub, 0), 0);
	assert_int_equal(revocation_check(unit_dir, &k, name, why, &f), 1);
	assert_int_equal(revocation_remove(unit_dir, "environment:e", &f), -1);
	rmdir(sub);
	/* What cannot be told is told apart from "no". */
	k.owner = "a/b";
	assert_int_equal(revocation_check(unit_dir, &k, name, why, &f), -1);
	k.owner = "o";
	assert_int_equal(rmdir(revoked), 0);
	unit_put("revoked.d", "a file");
	assert_int_equal(revocation_check(unit_dir, &k, name, why, &f), -1);
	if (geteuid() != 0) {
		unlink(revoked);
		assert_int_equal(mkdir(revoked, 0), 0);
		assert_int_equal(revocation_check(unit_dir, &k, name, why, &f), -1);
		chmod(revoked, 0700);
		rmdir(revoked);
	}
	unlink(revoked);
}

/* The newest file's "why" as it is read back, of a run whose reason is why. */
static void check_why(const char *why, const char *expected, size_t len)
{
	struct revocation_key k = {"bot", "o", "e", NULL};
	char name[300], got[256];
	struct fault f = {0};

	assert_int_equal(revocation_write(unit_dir, "bot", why, "alice", &f), 0);
	assert_int_equal(revocation_check(unit_dir, &k, name, got, &f), 1);
	assert_int_equal(strlen(got), len);
	assert_memory_equal(got, expected, len);
}

static void test_text(void **state)
{
	char a300[301] = "", accents[301] = "";
	struct fault f = {0};
	const char *at;
	struct tm tm;
	json_t *o;

	(void)state;
	check_why("because", "because", 7);
	autofree char *text = unit_read("revoked.d/bot", NULL);
	assert_int_equal(text[strlen(text) - 1], '\n');
	o = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(o);
	assert_int_equal(json_object_size(o), 3);
	assert_string_equal(json_string_value(json_object_get(o, "why")), "because");
	assert_string_equal(json_string_value(json_object_get(o, "by")), "alice");
	at = json_string_value(json_object_get(o, "at"));
	assert_non_null(strptime(at, "%Y-%m-%dT%H:%M:%SZ", &tm));
	assert_in_range(time(NULL) - timegm(&tm), 0, 60);
	json_decref(o);

	memset(a300, 'a', 300);
	check_why(a300, a300, 255);
	/* Two bytes each: 255 would end in the middle of one. */
	for (size_t i = 0; i < 300; i += 2)
		memcpy(accents + i, "\xc3\xa9", 2);
	check_why(accents, accents, 254);
	check_why("\xff", "", 0); /* is left out, and revokes all the same */
	check_why(NULL, "", 0);
	check_why("a\xe2\x80\xae\x7f" "b", "a  b", 4);
	assert_int_equal(revocation_remove(unit_dir, "bot", &f), 1);
}

static void test_unwritable(void **state)
{
	autofree char *file = unit_path("file");
	struct revocation_key k = {"bot", "o", "e", NULL};
	char name[300], why[256];
	struct fault f = {0};

	(void)state;
	unit_write("file", "", 0);
	assert_int_equal(revocation_write(file, "bot", "", "", &f), -1);
	assert_non_null(strstr(f.what, "cannot make the directory"));
	assert_int_equal(revocation_remove(file, "bot", &f), -1);
	assert_int_equal(revocation_check(file, &k, name, why, &f), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_revocation), cmocka_unit_test(test_touch),
		cmocka_unit_test(test_text),	   cmocka_unit_test(test_unwritable),
	};

	return cmocka_run_group_tests_name("revocation", tests, unit_setup, unit_teardown);
}
