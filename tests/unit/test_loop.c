/* SPDX-License-Identifier: Apache-2.0 */
/* supervisor/loop: timers in their order, and descriptors that vanish while they are served. */
#include <sys/epoll.h>

#include "supervisor/state.h"
#include "unit.h"

static char said[32];

static void say(char c)
{
	size_t n = strlen(said);

	assert_true(n + 1 < sizeof(said));
	said[n] = c;
	said[n + 1] = '\0';
}

static struct supervisor *begin(void)
{
	struct supervisor *s = mem_alloc(sizeof(*s));

	said[0] = '\0';
	assert_int_equal(loop_new(s), 0);
	return s;
}

static void end(struct supervisor *s)
{
	loop_free(s);
	assert_int_equal(s->epoll, -1);
	free(s);
}

/* Rounds until the text is there; each waits for the next timer. */
static void run_until(struct supervisor *s, const char *text)
{
	int64_t last = loop_now() + 2000;

	while (strcmp(said, text) != 0 && loop_now() < last)
		assert_int_equal(loop_once(s), 0);
	assert_string_equal(said, text);
}

/* --- timers ----------------------------------------------------------------------------------- */

struct named_timer {
	struct timer t;
	char name;
	int again_ms;		    /* sets itself once more */
	struct named_timer *clears; /* another one that it takes away */
};

static void expired(struct supervisor *s, struct timer *t)
{
	struct named_timer *n = (struct named_timer *)t;

	assert_int_equal(t->at, 0);
	say(n->name);
	if (n->clears)
		timer_clear(&n->clears->t);
	if (n->again_ms)
		timer_set(s, t, n->again_ms);
	n->again_ms = 0;
}

static struct named_timer named(char name)
{
	return (struct named_timer){.t = {.expired = expired}, .name = name};
}

static void test_order(void **state)
{
	struct supervisor *s = begin();
	struct named_timer a = named('a'), b = named('b'), c = named('c'), d = named('d');

	(void)state;
	timer_set(s, &c.t, 30);
	timer_set(s, &a.t, 10);
	timer_set(s, &b.t, 20);
	timer_set(s, &d.t, 5);
	timer_set(s, &d.t, 40); /* anew */
	run_until(s, "abcd");
	assert_null(s->timers);
	timer_clear(&a.t); /* not set: fine */
	end(s);
}

static void test_from_within(void **state)
{
	struct supervisor *s = begin();
	struct named_timer a = named('a'), b = named('b'), c = named('c');

	(void)state;
	/* All due at once: one clears another, one sets itself again with no delay. */
	timer_set(s, &a.t, 1);
	timer_set(s, &b.t, 1);
	timer_set(s, &c.t, 1);
	a.clears = &b;
	c.again_ms = -5;
	run_until(s, "acc");
	assert_null(s->timers);
	end(s);
}

static void test_not_early(void **state)
{
	struct supervisor *s = begin();
	struct named_timer a = named('a');
	int64_t at;

	(void)state;
	timer_set(s, &a.t, 25);
	at = a.t.at;
	run_until(s, "a");
	assert_true(loop_now() >= at);
	end(s);
}

static void test_next_wake(void **state)
{
	struct supervisor *s = begin();
	struct named_timer a = named('a'), b = named('b');

	(void)state;
	assert_int_equal(loop_next_wake(s), -1);
	timer_set(s, &a.t, 10);
	assert_int_equal(loop_next_wake(s), -1);
	b.t.wakes = true;
	timer_set(s, &b.t, 60 * 1000);
	assert_in_range(loop_next_wake(s), 50 * 1000, 60 * 1000);
	timer_clear(&a.t);
	timer_clear(&b.t);
	end(s);
}

/* --- descriptors ------------------------------------------------------------------------------ */

struct named_source {
	struct source src;
	int other_end;
	char name;
	struct named_source *removes; /* and closes and overwrites */
};

static void ready(struct supervisor *s, struct source *src, uint32_t events)
{
	struct named_source *n = (struct named_source *)src;
	char c;

	assert_true(events & EPOLLIN);
	assert_int_equal(read(src->fd, &c, 1), 1);
	say(n->name);
	if (n->removes) {
		loop_remove(s, &n->removes->src);
		fd_close(&n->removes->src.fd);
		n->removes->src.ready = NULL; /* as good as freed */
	}
}

static void open_source(struct supervisor *s, struct named_source *n, char name)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	*n = (struct named_source){
		.src = {.fd = fds[0], .ready = ready}, .other_end = fds[1], .name = name};
	assert_int_equal(loop_add(s, &n->src, EPOLLIN), 0);
}

static void close_source(struct supervisor *s, struct named_source *n)
{
	loop_remove(s, &n->src);
	fd_close(&n->src.fd);
	fd_close(&n->other_end);
}

static void test_removed_while_fetched(void **state)
{
	struct supervisor *s = begin();
	struct named_source a, b;

	(void)state;
	open_source(s, &a, 'a');
	open_source(s, &b, 'b');
	/* Each would remove the other: whichever comes first is the only one. */
	a.removes = &b;
	b.removes = &a;
	assert_int_equal(write(a.other_end, "x", 1), 1);
	assert_int_equal(write(b.other_end, "x", 1), 1);
	assert_int_equal(loop_once(s), 0);
	assert_int_equal(strlen(said), 1);
	close_source(s, &a);
	close_source(s, &b);
	end(s);
}

static void test_over(void **state)
{
	struct supervisor *s = begin();
	struct named_source a;
	struct named_timer t = named('t');

	(void)state;
	open_source(s, &a, 'a');
	assert_int_equal(write(a.other_end, "x", 1), 1);
	timer_set(s, &t.t, 1);
	s->over = true; /* nothing is served any more */
	assert_int_equal(loop_once(s), 0);
	usleep(3000);
	assert_int_equal(loop_once(s), 0);
	assert_string_equal(said, "");
	timer_clear(&t.t);
	close_source(s, &a);
	end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_from_within),
		cmocka_unit_test(test_not_early),
		cmocka_unit_test(test_next_wake),
		cmocka_unit_test(test_removed_while_fetched),
		cmocka_unit_test(test_over),
	};

	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
