/* tests/guest/test.h -- tests that run as ordinary programs in a guest.
 *
 * TEST(name) { ... } is a test; the program runs each in a process of its own and prints
 * one line for it, in the order of the file: "ok NAME" or "not ok NAME". A check that does
 * not hold prints where and why and ends the test. Every expectation is Linux's: the same
 * binary runs there first.
 */
#ifndef TEST_H
#define TEST_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

void test_add(const char *name, void (*run)(void));
[[noreturn]] void test_failed(const char *file, int line, const char *what, long got, long want);

#define TEST(name) \
	static void name(void); \
	[[gnu::constructor]] static void add_##name(void) { test_add(#name, name); } \
	static void name(void)

#define CHECK(condition) \
	((condition) ? (void)0 : test_failed(__FILE__, __LINE__, #condition, errno, 0))

#define CHECK_EQ(got, want) do { \
	long got_ = (long)(got), want_ = (long)(want); \
	if (got_ != want_) \
		test_failed(__FILE__, __LINE__, #got " == " #want, got_, want_); \
} while (0)

/* The call fails with this error. */
#define CHECK_ERR(call, error) do { \
	long got_; \
	errno = 0; \
	got_ = (long)(call); \
	if (got_ != -1 || errno != (error)) \
		test_failed(__FILE__, __LINE__, #call " fails with " #error, \
			    got_ == -1 ? errno : got_, error); \
} while (0)

/* Run in a child; the wait status it leaves. */
int test_child(void (*run)(void *), void *argument);
/* The same as another user without any privilege. */
int test_child_as(unsigned uid, void (*run)(void *), void *argument);
/* Wait for one child and return its wait status. */
int test_wait(pid_t pid);
long test_now_ms(void);
void test_sleep_ms(long ms);
void test_write_file(const char *path, const char *text);
/* The start of a file as a string in a static buffer. */
const char *test_read_file(const char *path);

#endif
