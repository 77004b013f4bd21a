/* tests/unit/test_base.c -- lists, trees, numbers that are taken, strings, the log, lock ranks. */
#include <limits.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/bits.h"
#include "core/base/log.h"
#include "core/base/rbtree.h"
#include "core/base/slots.h"
#include "core/base/spinlock.h"
#include "fake_hal.h"

/* The order of a pseudo-random walk, the same each run. */
static u64 seed = 1;
static u32 next_random(void)
{
	seed = seed * 6364136223846793005ul + 1442695040888963407ul;
	return (u32)(seed >> 33);
}

static void test_memory_ops(void **state)
{
	u8 a[200], b[200], want[200];

	for (int round = 0; round < 20000; round++) {
		size_t from = next_random() % 100, to = next_random() % 100;
		size_t n = next_random() % 100;

		for (size_t i = 0; i < sizeof(a); i++)
			a[i] = want[i] = (u8)next_random();
		for (size_t i = 0; i < n; i++)
			b[i] = a[from + i];
		for (size_t i = 0; i < n; i++)
			want[to + i] = b[i];
		assert_ptr_equal(memmove(a + to, a + from, n), a + to);
		for (size_t i = 0; i < sizeof(a); i++)
			assert_int_equal(a[i], want[i]);
		memcpy(b, a, sizeof(a));
		assert_int_equal(memcmp(a, b, sizeof(a)), 0);
		b[from]++;
		assert_true((memcmp(a, b, sizeof(a)) < 0) == (a[from] < b[from]));
		memset(a + to, 7, n);
		for (size_t i = 0; i < n; i++)
			want[to + i] = 7;
		for (size_t i = 0; i < sizeof(a); i++)
			assert_int_equal(a[i], want[i]);
	}
	assert_ptr_equal(memchr("abcd", 'c', 4), strchr("abcd", 'c'));
	assert_null(memchr("abcd", 'd', 3));
}

static void test_strings(void **state)
{
	char to[6];
	const char *end;
	u64 v;

	assert_int_equal(strlen("abc"), 3);
	assert_int_equal(strnlen("abc", 2), 2);
	assert_true(strcmp("a", "b") < 0 && strcmp("ab", "a") > 0 && !strcmp("", ""));
	assert_true(strcmp("\x80", "a") > 0);
	assert_int_equal(strncmp("abX", "abY", 2), 0);
	assert_string_equal(strrchr("a/b/c", '/'), "/c");
	assert_string_equal(strstr("aaab", "ab"), "ab");
	assert_null(strstr("abc", "bd"));
	assert_int_equal(string_copy(to, "abcdefgh", sizeof(to)), 8);
	assert_string_equal(to, "abcde");
	assert_true(string_to_u64("0x1fz", &end, 0, &v) && v == 0x1f && *end == 'z');
	assert_true(string_to_u64("0755", NULL, 0, &v) && v == 0755);
	assert_true(string_to_u64("0", NULL, 0, &v) && v == 0);
	assert_true(string_to_u64("0x", &end, 16, &v) && v == 0 && *end == 'x');
	assert_true(string_to_u64("18446744073709551615", NULL, 10, &v) && v == UINT64_MAX);
	assert_false(string_to_u64("18446744073709551616", NULL, 10, &v));
	assert_false(string_to_u64("", NULL, 10, &v));
	assert_false(string_to_u64("8", NULL, 8, &v));
}

/* Every format must give what the C library gives. */
#define SAME(...)                                                           \
	do {                                                                \
		char ours[128], theirs[128];                                \
		size_t n = format(ours, sizeof(ours), __VA_ARGS__);         \
		int m = snprintf(theirs, sizeof(theirs), __VA_ARGS__);      \
		assert_string_equal(ours, theirs);                          \
		assert_int_equal(n, m);                                     \
	} while (0)

static void test_format(void **state)
{
	char small[4];

	SAME("plain 100%%");
	SAME("%d %d %d %i", 0, -1, INT_MAX, INT_MIN);
	SAME("%ld %lu %lld %zu", LONG_MIN, ULONG_MAX, LLONG_MAX, (size_t)-1);
	SAME("%hd %hhd %hu %hhu", (short)-5, (signed char)-5, (unsigned short)-5,
	     (unsigned char)-5);
	SAME("%x %X %#x %#X %#x %o %#o", 0xbeef, 0xbeef, 0xbeef, 0xbeef, 0, 8, 8);
	SAME("[%5d] [%-5d] [%05d] [%+d] [% d] [%.3d] [%8.3d] [%-8.3d]", 42, 42, 42, 42, 42, 7, 7,
	     7);
	SAME("[%5s] [%-5s] [%.2s] [%*s] [%-*s] [%.*s]", "ab", "ab", "abc", 6, "x", 6, "x", 1,
	     "xyz");
	SAME("%c%5c%-5c|", 'a', 'b', 'c');
	SAME("%p", (void *)0x1234);
	SAME("[%.0d] [%.0x] [%05d] [%#08x]", 0, 0, -42, 0xabc);
	assert_int_equal(format(small, sizeof(small), "%s", "abcdef"), 6);
	assert_string_equal(small, "abc");
	assert_int_equal(format(NULL, 0, "%d", 12345), 5);
}

struct item {
	struct rb_node node;
	u64 key, sum;
};
#define ITEM(n) container_of(n, struct item, node)

static bool item_less(const struct rb_node *a, const struct rb_node *b)
{
	return ITEM(a)->key < ITEM(b)->key;
}

static bool item_before(const struct rb_node *n, u64 key)
{
	return ITEM(n)->key < key;
}

static bool item_update(struct rb_node *n)
{
	u64 was = ITEM(n)->sum;

	ITEM(n)->sum = ITEM(n)->key + (n->left ? ITEM(n->left)->sum : 0) +
		       (n->right ? ITEM(n->right)->sum : 0);
	return ITEM(n)->sum != was;
}

/* Black height; checks order of colours, parents and sums on the way. */
static int check_subtree(struct rb_node *n)
{
	int left, right;
	u64 sum;

	if (!n)
		return 1;
	assert_true(!n->left || n->left->parent == n);
	assert_true(!n->right || n->right->parent == n);
	if (n->red)
		assert_false((n->left && n->left->red) || (n->right && n->right->red));
	left = check_subtree(n->left);
	right = check_subtree(n->right);
	assert_int_equal(left, right);
	sum = ITEM(n)->sum;
	item_update(n);
	assert_int_equal(sum, ITEM(n)->sum);
	return left + !n->red;
}

static void check_tree(struct rb_tree *t, size_t want)
{
	size_t n = 0;
	u64 last = 0;

	assert_true(!t->root || (!t->root->red && !t->root->parent));
	check_subtree(t->root);
	for (struct rb_node *at = rb_first(t); at; at = rb_next(at), n++) {
		assert_true(ITEM(at)->key >= last);
		last = ITEM(at)->key;
	}
	assert_int_equal(n, want);
	for (struct rb_node *at = rb_last(t); at; at = rb_prev(at))
		n--;
	assert_int_equal(n, 0);
}

static void test_rbtree(void **state)
{
	static struct item items[300];
	bool in[300] = {};
	struct rb_tree t = {.update = item_update};
	size_t count = 0;

	for (int round = 0; round < 6000; round++) {
		unsigned i = next_random() % 300;

		if (in[i]) {
			rb_remove(&t, &items[i].node);
			count--;
		} else {
			items[i].key = next_random() % 100;
			rb_insert(&t, &items[i].node, item_less);
			count++;
		}
		in[i] = !in[i];
		if (round % 7 == 0 || count < 8)
			check_tree(&t, count);
		if (t.root) {
			u64 key = next_random() % 110;
			struct rb_node *n = rb_lower_bound(&t, item_before, key);

			if (n) {
				assert_true(ITEM(n)->key >= key);
				n = rb_prev(n);
			} else {
				n = rb_last(&t);
			}
			assert_true(!n || ITEM(n)->key < key);
		}
	}
}

static unsigned told;
static void tell(void)
{
	told++;
}

static void test_log(void **state)
{
	struct log_record r;
	u64 oldest, next;

	fake_start(1);
	log_set_sink(NULL);
	log_info("early %d", 1);
	assert_non_null(strstr(fake.console, "early 1\n"));
	log_set_sink(tell);
	told = 0;
	for (int i = 0; i < 3000; i++)
		log_warn("line %d", i);
	assert_int_equal(told, 3000);
	log_range(&oldest, &next);
	assert_true(next == 3001 && next - oldest == 1024);
	assert_true(log_read(0, &r) && r.sequence == oldest);
	assert_true(log_read(next - 1, &r) && r.level == LOG_WARN);
	assert_string_equal(r.text, "line 2999");
	assert_false(log_read(next, &r));
	log_err("%300s|", "x");
	assert_true(log_read(next, &r) && r.len == sizeof(r.text) - 1);
}

static void test_ranks(void **state)
{
	static spinlock outer = SPINLOCK_INIT(RANK_SPACE), inner = SPINLOCK_INIT(RANK_BUDDY);

	fake_start(2);
	spin_lock(&outer);
	spin_lock(&inner);
	spin_unlock(&outer);
	spin_unlock(&inner);
	ranks_none_held();
	assert_true(spin_trylock(&inner));
	assert_false(spin_trylock(&inner));
	fake_be_cpu(1);
	spin_lock(&outer);
	spin_unlock(&outer);
	fake_be_cpu(0);
	assert_panics("lock of rank 28 taken", spin_lock(&outer));
}

/* Beside an array that is gone through one by one. */
static void slots_walk(u32 n)
{
	struct slots s;
	u64 *words = malloc(slots_size(n));
	bool *taken = calloc(n, sizeof(*taken));

	slots_init(&s, words, n);
	for (u32 round = 0; round < 3000; round++) {
		u32 from = next_random() % n, to = from + next_random() % (n - from + 1), at, want;

		/* Mostly full, then mostly empty. */
		for (u32 i = 0; i < n / 16 + 1; i++) {
			at = next_random() % n;
			taken[at] = next_random() % 100 < (round % 300 < 150 ? 99 : 5);
			if (taken[at])
				slots_take(&s, at);
			else
				slots_give(&s, at);
		}
		want = from;
		while (want < to && taken[want])
			want++;
		assert_int_equal(slots_find(&s, from, to), want);
		assert_int_equal(slots_find(&s, n, n), n);
	}
	free(taken);
	free(words);
}

static void test_slots(void **state)
{
	static const u32 sizes[] = {1, 2, 63, 64, 65, 128, 1000, 4096, 4097, 9000};
	struct slots s;
	u64 *words = malloc(slots_size(1u << 20));

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		slots_walk(sizes[i]);
	slots_init(&s, words, 1u << 20);
	for (u32 i = 0; i < 1u << 20; i++) {
		assert_int_equal(slots_find(&s, 0, 1u << 20), i);
		slots_take(&s, i);
	}
	assert_int_equal(slots_find(&s, 5, 1u << 20), 1u << 20);
	slots_give(&s, 1000000);
	assert_int_equal(slots_find(&s, 5, 1u << 20), 1000000);
	assert_int_equal(slots_find(&s, 5, 1000000), 1000000);
	assert_int_equal(slots_find(&s, 1000001, 1u << 20), 1u << 20);
	free(words);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_ops), cmocka_unit_test(test_strings),
		cmocka_unit_test(test_format),	   cmocka_unit_test(test_rbtree),
		cmocka_unit_test(test_log),	   cmocka_unit_test(test_ranks),
		cmocka_unit_test(test_slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
