/* core/proc/hwdebug.c -- slots, and what is allowed in them.
 *
 * A slot takes an address and then a control word, each by itself; it is taken with the first
 * write of either, in use or not, and there are only as many as the machine has.
 */
#include "core/proc/hwdebug.h"

#include "core/base/string.h"
#include "core/proc/trace.h"
#include "hal/debug.h"
#include "hal/memory.h"
#include "mem/phys/slab.h"

enum { BREAK, WATCH, KINDS };
enum { TYPE_EXECUTE, TYPE_LOAD, TYPE_STORE, TYPE_BOTH };

#define CTRL_ON	      1u
#define CTRL_USER     (2u << 1)
#define CTRL_TYPE(c)  ((c) >> 3 & 3)
#define CTRL_BYTES(c) ((c) >> 5 & 0xff)

struct slot {
	bool taken, on;
	u64 addr;		/* of the first byte */
	u8 len;			/* bytes */
	u8 type;
};

struct hwdebug {
	struct hal_debug machine;
	struct slot slots[KINDS][HAL_DEBUG_SLOTS];
};

struct layout {
	u32 info, pad;
	struct {
		u64 addr;
		u32 ctrl, pad;
	} regs[HAL_DEBUG_SLOTS];
};
static_assert(sizeof(struct layout) == HWDEBUG_SIZE);

const struct hal_debug *hwdebug_of(const struct hal_user *u)
{
	return &container_of(u, struct thread, user)->trace->hwdebug->machine;
}

void hwdebug_free(struct hwdebug *h)
{
	kfree(h);
}

static unsigned hwdebug_count(unsigned kind)
{
	struct hal_debug_info info = hal_debug_info();

	return kind == WATCH ? info.watches : info.breaks;
}

/* What the machine is told: the word that holds the first byte, and which bytes of it. */
static void hwdebug_words(const struct slot *s, u64 *addr, u32 *ctrl)
{
	u64 mask = s->type == TYPE_EXECUTE ? 3 : 7;
	unsigned len = s->type == TYPE_EXECUTE ? 4 : s->len;

	*addr = s->addr & ~mask;
	*ctrl = (((1u << len) - 1) << (s->addr & mask) & 0xff) << 5 | (u32)s->type << 3 |
		CTRL_USER | (s->on ? CTRL_ON : 0);
}

static void hwdebug_machine(struct hwdebug *h, unsigned kind, unsigned n, u64 **addr, u32 **ctrl)
{
	*addr = kind == WATCH ? &h->machine.watches[n].addr : &h->machine.breaks[n].addr;
	*ctrl = kind == WATCH ? &h->machine.watches[n].ctrl : &h->machine.breaks[n].ctrl;
}

static void hwdebug_apply(struct thread *t, struct hwdebug *h)
{
	bool any = false;

	for (unsigned kind = 0; kind < KINDS; kind++)
		for (unsigned n = 0; n < HAL_DEBUG_SLOTS; n++)
			any |= h->slots[kind][n].on;
	t->user.debugged = any;
}

/* Put `to` in place of slot n. */
static int hwdebug_change(struct thread *t, struct hwdebug *h, unsigned kind, unsigned n,
			  const struct slot *to)
{
	u64 *addr, where;
	u32 *ctrl, what;

	hwdebug_words(to, &where, &what);
	if (where >= HAL_USER_END || to->len > HAL_USER_END - where)
		return -EINVAL;
	h->slots[kind][n] = *to;
	hwdebug_machine(h, kind, n, &addr, &ctrl);
	*addr = where;
	*ctrl = what;
	hwdebug_apply(t, h);
	return 0;
}

/* Slot n, taken now if it was not. */
static int hwdebug_take(struct hwdebug *h, unsigned kind, unsigned n, struct slot *to)
{
	unsigned taken = 0;

	*to = h->slots[kind][n];
	if (to->taken)
		return 0;
	for (unsigned i = 0; i < HAL_DEBUG_SLOTS; i++)
		taken += h->slots[kind][i].taken;
	if (taken >= hwdebug_count(kind))
		return -ENOSPC;
	*to = (struct slot){.taken = true, .len = 4,
			    .type = kind == WATCH ? TYPE_BOTH : TYPE_EXECUTE};
	return 0;
}

static int hwdebug_set_addr(struct thread *t, struct hwdebug *h, unsigned kind, unsigned n,
			    u64 addr)
{
	struct slot s;
	int err = hwdebug_take(h, kind, n, &s);

	if (err)
		return err;
	s.addr = addr;
	return hwdebug_change(t, h, kind, n, &s);
}

/* One run of bytes, from anywhere in the word to its end at most. */
static bool hwdebug_parse(u32 ctrl, unsigned kind, struct slot *s)
{
	u32 bytes = CTRL_BYTES(ctrl), first;

	if (!bytes || (CTRL_TYPE(ctrl) == TYPE_EXECUTE) != (kind == BREAK))
		return false;
	first = (u32)__builtin_ctz(bytes);
	bytes >>= first;
	if (bytes & (bytes + 1))
		return false;
	s->addr += first;
	s->len = (u8)__builtin_popcount(bytes);
	s->type = CTRL_TYPE(ctrl);
	return true;
}

static int hwdebug_set_ctrl(struct thread *t, struct hwdebug *h, unsigned kind, unsigned n,
			    u32 ctrl)
{
	struct slot s;
	int err = hwdebug_take(h, kind, n, &s);

	if (err)
		return err;
	s.on = ctrl & CTRL_ON;
	if (s.on && !hwdebug_parse(ctrl, kind, &s))
		return -EINVAL;
	return hwdebug_change(t, h, kind, n, &s);
}

void hwdebug_get(struct thread *t, bool watch, void *to)
{
	struct hal_debug_info info = hal_debug_info();
	struct layout regs = {.info = (u32)info.arch << 8 | (watch ? info.watches : info.breaks)};
	struct trace *tr = t->trace;
	u64 *addr;
	u32 *ctrl;

	for (unsigned n = 0; tr && tr->hwdebug && n < HAL_DEBUG_SLOTS; n++) {
		hwdebug_machine(tr->hwdebug, watch ? WATCH : BREAK, n, &addr, &ctrl);
		regs.regs[n].addr = *addr;
		regs.regs[n].ctrl = *ctrl;
	}
	memcpy(to, &regs, sizeof(regs));
}

int hwdebug_set(struct thread *t, bool watch, const void *from, size_t n)
{
	struct layout regs;
	struct trace *tr = t->trace;
	unsigned kind = watch ? WATCH : BREAK;
	int err = 0;

	if (!tr->hwdebug)
		tr->hwdebug = kzalloc(sizeof(*tr->hwdebug));
	if (!tr->hwdebug)
		return -ENOMEM;
	memcpy(&regs, from, n);
	for (size_t i = 0, at = offsetof(struct layout, regs); !err && at < n; i++) {
		if (n - at < sizeof(u64))
			return -EINVAL;
		err = hwdebug_set_addr(t, tr->hwdebug, kind, (unsigned)i, regs.regs[i].addr);
		at += sizeof(u64);
		if (!err && at < n)
			err = hwdebug_set_ctrl(t, tr->hwdebug, kind, (unsigned)i,
					       regs.regs[i].ctrl);
		at += sizeof(u64);
	}
	return err;
}

void hwdebug_forget(struct thread *t)
{
	struct trace *tr = t->trace;

	if (!tr || !tr->hwdebug)
		return;
	t->user.debugged = false;
	hwdebug_free(tr->hwdebug);
	tr->hwdebug = NULL;
}
