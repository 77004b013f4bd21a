/* tests/unit/fake_hal.c -- a machine of 64 MiB without devices or user mode, for tests of the
 * lowest folders: threads are CPUs. */
#include "fake_hal.h"

#include <sched.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "hal/clock.h"
#include "hal/console.h"
#include "hal/cpu.h"
#include "hal/machine.h"
#include "hal/memory.h"

#define RAM_BASE 0x40000000ul
#define RAM_SIZE (64ul << 20)

struct hal_machine hal_machine;
struct fake fake;

static u8 *ram;
static struct hal_cpu cpus[HAL_MAX_CPUS];
static unsigned cpu_count = 1;
static _Thread_local unsigned my_cpu;

void fake_start(unsigned n)
{
	if (ram)
		munmap(ram, RAM_SIZE);
	ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	memset(&hal_machine, 0, sizeof(hal_machine));
	memset(&fake, 0, sizeof(fake));
	hal_machine.memory[0] = (struct hal_region){paddr_of(RAM_BASE), RAM_SIZE};
	hal_machine.memory_count = 1;
	hal_machine.reserved[0] = (struct hal_region){paddr_of(RAM_BASE + 0x80123), 0x100000};
	hal_machine.reserved_count = 1;
	cpu_count = n;
	for (unsigned i = 0; i < HAL_MAX_CPUS; i++)
		cpus[i].id = i;
	my_cpu = 0;
}

void fake_be_cpu(unsigned n)
{
	my_cpu = n;
}

struct hal_cpu *hal_cpu_self(void)
{
	return &cpus[my_cpu];
}

struct hal_cpu *hal_cpu_nth(unsigned n)
{
	return &cpus[n];
}

unsigned hal_cpu_count(void)
{
	return cpu_count;
}

void hal_relax(void)
{
	sched_yield();
}

bool hal_irq_pending(void)
{
	return false;
}

void hal_sim_point(const volatile void *what)
{
}

void hal_sim_read(const volatile void *what)
{
}

void hal_stop_others(void)
{
}

void hal_halt(void)
{
	if (fake.expect_panic) {
		fake.expect_panic = false;
		longjmp(fake.panicked, 1);
	}
	abort();
}

u64 hal_clock_ns(void)
{
	return fake.now_ns++;
}

u64 hal_clock_counter(void)
{
	return fake.now_ns;
}

u64 hal_clock_rtc_seconds(void)
{
	return 0;
}

void hal_console_poll(const char *bytes, size_t n)
{
	size_t room = sizeof(fake.console) - 1 - fake.console_len;

	if (n > room)
		n = room;
	memcpy(fake.console + fake.console_len, bytes, n);
	fake.console_len += n;
	if (!fake.expect_panic)
		fwrite(bytes, 1, n, stderr);
}

void *hal_phys_to_virt(paddr p)
{
	if (p.raw - RAM_BASE >= RAM_SIZE)
		abort();
	return ram + (p.raw - RAM_BASE);
}

void hal_zero_page(void *page)
{
	memset(page, 0, PAGE_SIZE);
}

paddr hal_virt_to_phys(const void *v)
{
	u64 at = (u64)((const u8 *)v - ram);

	if (at >= RAM_SIZE)
		abort();
	return paddr_of(RAM_BASE + at);
}
