/* mem/space/uaccess.h -- copying from and to the current task's user memory.
 *
 * The CO_ forms try without a frame first and only await the coroutine if a page is missing
 * or the copy is long. `err` becomes 0 or -EFAULT (-EINTR if killed meanwhile); what was
 * copied before an error stays copied. With a page busy, an inode lock or a journal handle
 * held use struct uio's copies, which never wait.
 *
 *	CO_COPY_FROM_USER(err, &f->timespec, f->user_ptr, sizeof(f->timespec));
 *
 * The arguments are evaluated more than once.
 * `to` and `from` on the kernel's side lie in the frame or the heap, never on the C stack.
 *
 * Units  bytes.
 */
#ifndef SPACE_UACCESS_H
#define SPACE_UACCESS_H

#include "coro/co.h"
#include "hal/uaccess.h"

/* From here on no address is a user's. A call that is made later than it was asked for is given
 * such ones, for copies of what it is to read that were made in time: user_kept finds them, for the
 * current task, and how many bytes follow in *n. NULL: there is none. Only a copy that finds no
 * user's memory asks. */
#define USER_KEPT (1ul << 63)
extern const void *(*user_kept)(uptr at, size_t *n);
/* Copy from there: false if there are no n bytes. */
bool uaccess_kept(void *to, uptr from, size_t n);

/* Copies up to this many bytes are done in one go. */
#define UACCESS_AT_ONCE 4096ul

#define CO_COPY_FROM_USER(err, to_, from_, n_)                                         \
	do {                                                                           \
		if (!co_goes_long_way() && (n_) <= UACCESS_AT_ONCE &&                  \
		    hal_copy_from_user((to_), (from_), (n_)) == (n_))                  \
			(err) = 0;                                                     \
		else                                                                   \
			CO_AWAIT(err, copy_from_user, .to = (to_), .from = (from_), .n = (n_)); \
	} while (0)

#define CO_COPY_TO_USER(err, to_, from_, n_)                                           \
	do {                                                                           \
		if (!co_goes_long_way() && (n_) <= UACCESS_AT_ONCE &&                  \
		    hal_copy_to_user((to_), (from_), (n_)) == (n_))                    \
			(err) = 0;                                                     \
		else                                                                   \
			CO_AWAIT(err, copy_to_user, .to = (to_), .from = (from_), .n = (n_)); \
	} while (0)

#define CO_CLEAR_USER(err, to_, n_)                                                    \
	do {                                                                           \
		if (!co_goes_long_way() && (n_) <= UACCESS_AT_ONCE &&                  \
		    hal_zero_user((to_), (n_)) == (n_))                                \
			(err) = 0;                                                     \
		else                                                                   \
			CO_AWAIT(err, clear_user, .to = (to_), .n = (n_));             \
	} while (0)

/* A string of at most size - 1 bytes and its NUL: `len` becomes its length; `size` if there
 * is no NUL in `size` bytes (nothing terminates `to` then); or -EFAULT. */
#define CO_STRING_FROM_USER(len, to_, from_, size_)                                    \
	do {                                                                           \
		(len) = co_goes_long_way() ? (typeof(len))-1 :                         \
			(typeof(len))hal_string_from_user((to_), (from_), (size_));    \
		if ((i64)(len) < 0)                                                    \
			CO_AWAIT(len, string_from_user, .to = (to_), .from = (from_),  \
				 .size = (size_));                                     \
	} while (0)

struct copy_from_user {
	struct co_frame co;
	void *to;
	uptr from;
	size_t n;
	unsigned stuck;
	long err;
};
co_t copy_from_user(struct co *co, struct copy_from_user *f);

struct copy_to_user {
	struct co_frame co;
	uptr to;
	const void *from;
	size_t n;
	unsigned stuck;
	long err;
};
co_t copy_to_user(struct co *co, struct copy_to_user *f);

struct clear_user {
	struct co_frame co;
	uptr to;
	size_t n;
	unsigned stuck;
	long err;
};
co_t clear_user(struct co *co, struct clear_user *f);

struct string_from_user {
	struct co_frame co;
	char *to;
	uptr from;
	size_t size;
	unsigned stuck;
	size_t done;
	long err;
};
co_t string_from_user(struct co *co, struct string_from_user *f);

/* Make [addr, addr+n) accessible as far as possible, one byte at least: 0, -EFAULT, -EINTR.
 * `write`: for storing into it. */
struct user_fault_in {
	struct co_frame co;
	uptr addr;
	size_t n;
	bool write;
	u64 at;
	long err;
};
co_t user_fault_in(struct co *co, struct user_fault_in *f);

/* fault_handle's result as an errno: 0, -EFAULT, -ENOMEM, -EINTR. */
long uaccess_errno(long fault_result);

#endif
