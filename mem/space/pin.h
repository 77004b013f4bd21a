/* mem/space/pin.h -- reaching one user page of any space through the direct map: futexes,
 * robust lists, ptrace, /proc/pid/mem, process_vm_readv.
 *
 * Ownership  a pinned page carries a reference; drop it with phys_page_put. It stays the
 *            page of that address only until the owner unmaps or copies it, so use it and
 *            let go within the poll if that matters.
 */
#ifndef SPACE_PIN_H
#define SPACE_PIN_H

#include "mem/space/space.h"

/* The page at addr if it is mapped with the access wanted; NULL: await space_pin. Nobody gets one
 * that is PAGE_SECRET. */
struct page *space_try_pin(struct space *s, uptr addr, unsigned access);

/* 0 and *page; -EFAULT, -ENOMEM, -EINTR. access: enum hal_access | FAULT_FORCE. */
struct space_pin {
	struct co_frame co;
	struct space *space;
	uptr addr;
	unsigned access;
	struct page **page;
	unsigned tries;
	long err;
};
co_t space_pin(struct co *co, struct space_pin *f);

/* The next private page at or after *at and before end that holds something, with a reference;
 * *at becomes its address. NULL: none before *at, which is end or where to go on. */
struct page *space_next_private(struct space *s, u64 *at, u64 end);

/* What makes two futex words the same. Private: space and address. Shared: object and
 * position, whatever the space. */
struct futex_key {
	u64 object;	/* struct space or struct pager, as an address */
	u64 at;		/* address, or page index << 12 | offset in it */
};

/* 0, -EFAULT (nothing mapped there), or -EAGAIN: the lock is busy, await space_futex_key.
 * With `shared` the mapping decides which kind it is. */
int space_try_futex_key(struct space *s, uptr addr, bool shared, struct futex_key *key);
struct space_futex_key {
	struct co_frame co;
	struct space *space;
	uptr addr;
	bool shared;
	struct futex_key *key;
};
co_t space_futex_key(struct co *co, struct space_futex_key *f);

/* Copy between kernel memory and the user memory of any space. Bytes moved; -EFAULT, -EINTR
 * if none. force: a debugger's rights (FAULT_FORCE). */
struct space_access {
	struct co_frame co;
	struct space *space;
	uptr addr;
	void *buf;
	size_t len;
	bool write, force;
	bool alone;		/* FAULT_ALONE */
	size_t done;
	struct page *page;
	long err;
};
co_t space_access(struct co *co, struct space_access *f);

#endif
