/* hal/arm64/smoke/smoke.c -- the HAL under test, with its own up-calls and no kernel.
 *
 * Every CPU runs the program of user.S in a user space of its own; CPU 0 first tries what
 * needs no user mode, starts the others, waits for them, and at last overflows its stack:
 * the report of that is the last line of a good run. With `bench` on the command line only
 * the null system call is measured; with `die=HOW` the kernel breaks in another way.
 */
#include "core/base/atomic.h"
#include "core/base/log.h"
#include "core/base/string.h"
#include "hal/clock.h"
#include "hal/console.h"
#include "hal/irq.h"
#include "hal/machine.h"
#include "hal/memory.h"
#include "hal/trap.h"
#include "hal/uaccess.h"
#include "smoke.h"

#include <asm/ptrace.h>

#define MS 1000000ul
#define SINGLE_STEP (1ul << 21)

extern const char user_start[], user_other[];
extern const char image_start[], text_end[];

static struct smoke_cpu {
	struct hal_user main, other;
	struct space space;
	struct hal_fault expected;
	bool expecting;
	unsigned faults, bench_ns;
	unsigned timers, kicks;	/* [a] */
	bool up, done;		/* [a] */
} cpus[HAL_MAX_CPUS];
static bool overflowing;
static u8 received[64];
static unsigned received_count;	/* [a] */

static struct smoke_cpu *self(void)
{
	return &cpus[hal_cpu_self()->id];
}

__attribute__((format(printf, 1, 2))) static void say(const char *fmt, ...)
{
	char line[200];
	va_list ap;

	va_start(ap, fmt);
	format_va(line, sizeof(line), fmt, ap);
	va_end(ap);
	hal_console_poll(line, strlen(line));
}

static bool may(const void *at, bool write)
{
	u64 par;

	if (write)
		__asm__ volatile("at s1e1w, %0\n\tisb" : : "r"(at) : "memory");
	else
		__asm__ volatile("at s1e1r, %0\n\tisb" : : "r"(at) : "memory");
	__asm__ volatile("mrs %0, par_el1" : "=r"(par));
	return !(par & 1);
}

static void try_memory(const struct hal_machine *m)
{
	u64 total = 0;
	u8 *stack = (u8 *)((u64)__builtin_frame_address(0) & ~0xfffful);

	for (unsigned i = 0; i < m->memory_count; i++) {
		u64 last = m->memory[i].base.raw + m->memory[i].size - 8;
		volatile u64 *p = hal_phys_to_virt(paddr_of(last));

		total += m->memory[i].size;
		*p = last;
		assert(*p == last && hal_virt_to_phys((void *)p).raw == last);
	}
	say("memory %lu MiB, %u cpus, %s, pan %d, hwcap %lx, virtio %u, initrd %lx, rtc %lu\n",
	    total >> 20, hal_cpu_count(), m->cpu_name, m->cpu_has_pan, m->hwcap, m->virtio_count,
	    m->initrd.size, hal_clock_rtc_seconds());
	say("cmdline '%s', rng seed %u bytes, asids %u\n", m->cmdline, m->rng_seed_len,
	    hal_asid_max());
	if (m->initrd.size)	/* the runner gives it the image itself */
		assert(memcmp(hal_phys_to_virt(m->initrd.base), image_start, 64) == 0);
	assert(may(user_start, false) && !may(user_start, true));
	assert(may(image_start, false) && !may(image_start, true));
	assert(!may(hal_phys_to_virt(hal_virt_to_phys(image_start)), true));
	assert(!may(hal_phys_to_virt(hal_virt_to_phys(user_start)), true));
	assert(may(m, true));
	hal_memory_seal();
	assert(may(m, false) && !may(m, true));
	assert(!may(hal_phys_to_virt(hal_virt_to_phys(m)), true));
	assert(may(cpus, true));
	assert(may(stack + 0x10000 - 8, true) && may(stack + 0xc000, true));
	assert(!may(stack + 0xc000 - 8, true) && !may(stack, true) && !may(stack + 0x10000, false));
	assert(hal_virt_to_phys(stack + 0xc000).raw != 0);
	*(volatile u64 *)(stack + 0xc000) = 0x1234567;
	assert(*(volatile u64 *)hal_phys_to_virt(hal_virt_to_phys(stack + 0xc000)) == 0x1234567);
	assert(!hal_mmio_map(m->memory[0].base, PAGE_SIZE));
	assert(m->virtio_count == 32 && m->virtio[0].base.raw < m->virtio[31].base.raw);
	for (unsigned i = 0; i < m->virtio_count; i++) {
		void *regs = hal_mmio_map(m->virtio[i].base, m->virtio[i].size);

		assert(regs && hal_mmio_read32(regs) == 0x74726976);
	}
}

static void try_registers(void)
{
	static struct hal_user u;

	hal_user_init(&u, 4, 16);
	u.pstate = PSR_N_BIT | PSR_V_BIT | PSR_SSBS_BIT;
	assert(hal_user_sanitise(&u) && u.pstate == (PSR_N_BIT | PSR_V_BIT | PSR_SSBS_BIT));
	u.pstate = PSR_Z_BIT | PSR_PAN_BIT | PSR_UAO_BIT | 1ul << 20 | 1ul << 40;
	assert(hal_user_sanitise(&u) && u.pstate == PSR_Z_BIT);
	u.pstate = PSR_MODE_EL1h;
	assert(!hal_user_sanitise(&u) && u.pstate == PSR_MODE_EL0t);
	u.pstate = PSR_MODE32_BIT;
	assert(!hal_user_sanitise(&u) && u.pstate == PSR_MODE_EL0t);
	u.pstate = PSR_I_BIT | PSR_C_BIT;
	assert(!hal_user_sanitise(&u) && u.pstate == PSR_C_BIT);
}

static void try_timer(void)
{
	struct smoke_cpu *c = self();
	u64 before = hal_clock_ns(), deadline = before + 3 * MS;
	unsigned fired = c->timers;

	hal_timer_set(before + 1000 * MS);
	hal_timer_set(deadline);
	while (atomic_load(&c->timers) == fired)
		hal_cpu_idle();
	assert(hal_clock_ns() >= deadline && hal_clock_ns() < deadline + 900 * MS);
	hal_timer_set(0);	/* the past */
	while (!hal_irq_pending())
		hal_relax();
	hal_irq_window();
	assert(c->timers == fired + 2);
	hal_timer_set(hal_clock_ns() + MS);
	hal_timer_set(HAL_TIMER_NEVER);
	before = hal_clock_ns();
	while (hal_clock_ns() < before + 2 * MS)
		hal_irq_window();
	assert(c->timers == fired + 2);
}

static void got(u8 byte)
{
	if (received_count < sizeof(received))
		received[received_count] = byte;
	atomic_add(&received_count, 1u);
}

static void room(void)
{
}

static void nothing(void *arg)
{
}

/* The runner types "ping". */
static void try_console(void)
{
	static const struct hal_console_ops ops = {.received = got, .room = room};
	static const u8 line[] = "type ping\r\n";
	size_t sent = 0;
	struct hal_irq info;
	u64 taken = 0;

	hal_console_start(&ops);
	while (sent < sizeof(line) - 1)
		sent += hal_console_send(line + sent, sizeof(line) - 1 - sent);
	while (atomic_load(&received_count) < 4)
		hal_cpu_idle();
	assert(memcmp(received, "ping", 4) == 0);
	for (unsigned irq = 32; irq < hal_irq_max(); irq++)
		taken += hal_irq_count(irq, 0);
	assert(taken >= 1 && taken <= 4);
	assert(hal_irq_register(5, false, "low", nothing, NULL) == -EINVAL);
	assert(hal_irq_register(hal_irq_max(), false, "high", nothing, NULL) == -EINVAL);
	assert(!hal_irq_info(40, &info));
	assert(hal_irq_register(40, true, "spare", nothing, NULL) == 0);
	assert(hal_irq_register(40, true, "other", nothing, NULL) == -EBUSY);
	assert(hal_irq_info(40, &info) && !strcmp(info.name, "spare") && info.edge);
}

static void try_others(void)
{
	for (unsigned i = 1; i < hal_cpu_count(); i++) {
		assert(hal_cpu_start(i) == 0);
		while (!atomic_load(&cpus[i].up))
			hal_relax();
	}
	assert(hal_cpu_start(hal_cpu_count()) < 0);
	for (unsigned i = 0; i < hal_cpu_count(); i++) {
		unsigned before = atomic_load(&cpus[i].kicks);

		hal_cpu_kick(i);
		while (atomic_load(&cpus[i].kicks) == before)
			hal_irq_window();
	}
}

static struct hal_user *go(void)
{
	struct smoke_cpu *c = self();

	space_init(&c->space);
	hal_space_load(hal_space_token(hal_virt_to_phys(c->space.tables[0]),
				       (u16)(hal_cpu_self()->id + 1)));
	hal_user_init(&c->main, AT_CODE, AT_STACK);
	hal_user_init(&c->other, AT_CODE + (u64)(user_other - user_start), AT_STACK);
	c->main.x[28] = AT_DATA;
	c->main.x[27] = space_vdso("__kernel_clock_gettime");
	hal_user_load(&c->main);
	return &c->main;
}

/* Break as the runner asks; it knows what the report must say. */
static void try_dying(const char *how)
{
	volatile u64 *p = (volatile u64 *)8;
	static u32 code = 0xd65f03c0;	/* ret */

	if (strcmp(how, "read") == 0)
		(void)*p;
	else if (strcmp(how, "text") == 0)
		*(volatile u32 *)try_dying = 0;
	else if (strcmp(how, "exec") == 0)
		((void (*)(void))&code)();
	else if (strcmp(how, "trap") == 0)
		__builtin_trap();
	else if (strcmp(how, "twice") == 0)
		*(volatile u64 *)16 = 0;
	else if (strcmp(how, "user") == 0) {
		go();
		(void)*(volatile u64 *)AT_DATA;
	}
	panic("still alive");
}

static struct hal_user *boot(const struct hal_machine *m)
{
	self()->up = true;
	if (strncmp(m->cmdline, "die=", 4) == 0)
		try_dying(m->cmdline + 4);
	if (strcmp(m->cmdline, "bench") != 0) {
		try_memory(m);
		try_registers();
		try_timer();
		try_console();
		try_others();
	}
	return go();
}

static struct hal_user *cpu_up(void)
{
	atomic_store(&self()->up, true);
	return go();
}

/* Copies that end at, cross and start in a hole, at every length and offset. */
static void try_copies(struct smoke_cpu *c)
{
	static u8 from[HAL_MAX_CPUS][256], to[HAL_MAX_CPUS][256];
	u8 *a = from[hal_cpu_self()->id], *b = to[hal_cpu_self()->id];
	const u64 end = AT_STRADDLE + PAGE_SIZE;
	u32 word = 0;

	for (unsigned i = 0; i < 256; i++)
		a[i] = (u8)(i * 7 + 1);
	for (unsigned n = 0; n <= 100; n++)
		for (unsigned have = 0; have <= n; have += 1 + (n > 40)) {
			uptr at = uptr_of(end - have);

			memset(c->space.straddle + PAGE_SIZE - 256, 0xee, 256);
			assert(hal_copy_to_user(at, a, n) == have);
			assert(memcmp(c->space.straddle + PAGE_SIZE - have, a, have) == 0);
			assert(c->space.straddle[PAGE_SIZE - have - 1] == 0xee);
			memset(b, 0, 256);
			assert(hal_copy_from_user(b, at, n) == have);
			assert(memcmp(a, b, have) == 0 && b[have] == 0);
			assert(hal_zero_user(at, n) == have);
			assert(!have || (!c->space.straddle[PAGE_SIZE - 1] &&
					 !c->space.straddle[PAGE_SIZE - have]));
			assert(c->space.straddle[PAGE_SIZE - have - 1] == 0xee);
		}
	memset(c->space.straddle + PAGE_SIZE - 64, 'x', 64);
	for (unsigned have = 0; have < 40; have++)
		assert(hal_string_from_user((char *)b, uptr_of(end - have), 64) == -1 - (i64)have);
	assert(hal_string_from_user((char *)b, uptr_of(end - 40), 33) == 33);
	for (unsigned len = 0; len < 40; len++) {
		memset(c->space.straddle + PAGE_SIZE - 64, 'x', 64);
		c->space.straddle[PAGE_SIZE - 1] = 0;
		assert(hal_string_from_user((char *)b, uptr_of(end - 1 - len), 64) == len);
		assert(strlen((char *)b) == len);
	}
	assert(hal_string_from_user((char *)b, uptr_of(HAL_USER_END), 8) == -1);
	assert(hal_copy_from_user(b, uptr_of(HAL_USER_END - 4), 8) == 0);
	assert(hal_copy_from_user(b, uptr_of(~0ul - 3), 8) == 0);
	assert(hal_copy_from_user(b, uptr_of((u64)image_start), 8) == 0);
	assert(hal_copy_to_user(uptr_of(AT_RODATA), a, 8) == 0);
	assert(hal_copy_to_user(uptr_of(0), a, 8) == 0);
	assert(hal_store_user32(uptr_of(AT_DATA + 8), 99));
	assert(hal_load_user32(&word, uptr_of(AT_DATA + 8)) && word == 99);
	assert(!hal_load_user32(&word, uptr_of(AT_HOLE)));
	assert(!hal_store_user32(uptr_of(AT_RODATA), 1));
	assert(!hal_load_user32(&word, uptr_of(AT_DATA + 2)));
	assert(!hal_load_user32(&word, uptr_of(HAL_USER_END)));
}

static void check_time(struct hal_user *u)
{
	static u64 last[HAL_MAX_CPUS];
	u64 now = u->x[0] * 1000000000ul + u->x[1], *was = &last[hal_cpu_self()->id];

	assert(now <= hal_clock_ns() && hal_clock_ns() - now < 5000 * MS && now >= *was);
	*was = now;
}

__attribute__((noinline, optnone)) static unsigned dig(unsigned depth)
{
	volatile unsigned char hole[200];

	hole[0] = (unsigned char)depth;
	if (!overflowing)
		return 0;
	return dig(depth + 1) + hole[0];
}

[[noreturn]] static void finish(struct smoke_cpu *c)
{
	atomic_store(&c->done, true);
	hal_space_load(hal_space_token(hal_space_empty(), 0));
	if (c != cpus)
		for (;;)
			hal_cpu_idle();
	for (unsigned i = 0; i < hal_cpu_count(); i++)
		while (cpus[i].up && !atomic_load(&cpus[i].done))
			hal_irq_window();
	say("faults %u\n", c->faults);
	overflowing = true;
	dig(0);
	panic("the stack did not overflow");
}

static HAL_ENTRY struct hal_user *syscall(struct hal_user *u)
{
	struct smoke_cpu *c;

	if (u->x[8] == CALL_NULL)
		return u;
	c = self();
	switch (u->x[8]) {
	case CALL_CHECK:
		if (u->x[0] != u->x[1])
			panic("check %lu: %lx is not %lx", u->x[2], u->x[0], u->x[1]);
		break;
	case CALL_EXPECT:
		c->expected = (struct hal_fault){.kind = (enum hal_fault_kind)u->x[0],
						 .addr = u->x[1],
						 .access = (enum hal_access)u->x[2]};
		c->expecting = true;
		break;
	case CALL_YIELD:
		hal_user_save(u);
		u = u == &c->main ? &c->other : &c->main;
		hal_user_load(u);
		break;
	case CALL_UACCESS:
		try_copies(c);
		break;
	case CALL_TIMER:
		hal_timer_set(hal_clock_ns() + MS);
		break;
	case CALL_REMAP:
		*space_entry(&c->space, AT_MOVING) = 0;
		hal_tlb_flush_page((u16)(hal_cpu_self()->id + 1), AT_MOVING);
		space_map(&c->space, AT_MOVING, hal_virt_to_phys(c->space.moving[1]), SPACE_RO);
		break;
	case CALL_STEP:
		u->step = true;
		u->pstate |= SINGLE_STEP;
		hal_user_load(u);
		break;
	case CALL_TIME:
		check_time(u);
		break;
	case CALL_BENCH:
		if (c == cpus)
			say("null call: %lu ns\n", u->x[1] * 1000000000ul / hal_clock_hz() / u->x[0]);
		break;
	case CALL_DONE:
		finish(c);
	default:
		panic("no such call");
	}
	return u;
}

static HAL_ENTRY struct hal_user *fault(struct hal_user *u, const struct hal_fault *why)
{
	struct smoke_cpu *c = self();

	c->faults++;
	if (u->step && why->kind == HAL_FAULT_STEP) {
		u->x[20]++;
		u->step = u->x[20] < 3;
		u->pstate |= u->step ? SINGLE_STEP : 0;
		hal_user_load(u);
		return u;
	}
	if (!c->expecting || why->kind != c->expected.kind || why->access != c->expected.access ||
	    (c->expected.addr && why->addr != c->expected.addr))
		panic("fault kind %d access %d addr %lx esr %x at %lx; expected %d %d %lx", why->kind,
		      why->access, why->addr, why->esr, u->pc, c->expected.kind,
		      c->expected.access, c->expected.addr);
	assert(why->kind != HAL_FAULT_PAGE ||
	       why->present == (why->addr == AT_RODATA || why->access == HAL_EXEC));
	c->expecting = false;
	/* after the instruction; a jump went wrong: back to where it came from */
	u->pc = PAGE_DOWN(u->pc) == AT_CODE && !(u->pc & 3) ? u->pc + 4 : u->x[30];
	return u;
}

static HAL_ENTRY struct hal_user *interrupted(struct hal_user *u)
{
	if (self()->timers)
		u->x[19] = 1;
	return u;
}

static void timer(void)
{
	atomic_add(&self()->timers, 1u);
}

static void kicked(void)
{
	atomic_add(&self()->kicks, 1u);
}

__attribute__((noreturn)) static void died(const char *what, const struct hal_user *regs)
{
	u64 trace[32];
	unsigned n = hal_backtrace(regs, trace, ARRAY_SIZE(trace));

	say("%s\n", what);
	if (strcmp(hal_machine.cmdline, "die=twice") == 0)
		*(volatile u64 *)24 = 0;
	for (unsigned i = 0; i < 31; i++)
		say("x%-2u %016lx%s", i, regs->x[i], i % 3 == 2 ? "\n" : "  ");
	say("\npc %016lx sp %016lx pstate %lx\n", regs->pc, regs->sp, regs->pstate);
	for (unsigned i = 0; i < n && i < 8; i++)
		say("  %lx\n", trace[i]);
	if (overflowing && strncmp(what, "kernel stack overflow", 21) == 0 && n > 16 &&
	    regs->pc > (u64)image_start && regs->pc < (u64)text_end) {
		hal_stop_others();
		say("SMOKE OK\n");
	}
	hal_power_off();
}

const struct hal_upcalls hal_upcalls = {
	.boot = boot,
	.cpu_up = cpu_up,
	.syscall = syscall,
	.fault = fault,
	.interrupted = interrupted,
	.timer = timer,
	.kicked = kicked,
	.died = died,
};
