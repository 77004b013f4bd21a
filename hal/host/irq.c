/* hal/host/irq.c -- the interrupt controller: device lines, all routed to CPU 0. */
#include <errno.h>

#include "hal/irq.h"
#include "hal/host/internal.h"

#define IRQS 128
#define FIRST_SPI 32

static struct {
	hal_irq_fn *fn;
	void *arg;
	const char *name;
	bool edge, level, latched;
	u64 count;
} lines[IRQS];

int hal_irq_register(unsigned irq, bool edge, const char *name, hal_irq_fn *fn, void *arg)
{
	int err = 0;

	if (irq < FIRST_SPI || irq >= IRQS)
		return -EINVAL;
	host_lock();
	if (lines[irq].fn) {
		err = -EBUSY;
		goto out;
	}
	lines[irq].edge = edge;
	lines[irq].arg = arg;
	lines[irq].name = name;
	lines[irq].fn = fn;
	if (lines[irq].level || lines[irq].latched)
		host_pend(0, HOST_PEND_DEVICE);
out:
	host_unlock();
	return err;
}

/* The device's line changes. */
void host_irq_raise(unsigned irq, bool level)
{
	if (level && !lines[irq].level)
		lines[irq].latched = true;
	lines[irq].level = level;
	if (level && lines[irq].fn)
		host_pend(0, HOST_PEND_DEVICE);
}

static bool take(unsigned irq, hal_irq_fn **fn, void **arg)
{
	bool due;

	host_lock();
	due = lines[irq].fn && (lines[irq].edge ? lines[irq].latched : lines[irq].level);
	lines[irq].latched = false;
	if (due) {
		lines[irq].count++;
		*fn = lines[irq].fn;
		*arg = lines[irq].arg;
	}
	host_unlock();
	return due;
}

static bool console_due;

void host_irq_console(void)
{
	console_due = true;
	host_pend(0, HOST_PEND_DEVICE);
}

void host_irq_deliver(void)
{
	bool console;

	host_lock();
	console = console_due;
	console_due = false;
	host_unlock();
	if (console)
		host_console_interrupt();
	for (unsigned irq = FIRST_SPI; irq < IRQS; irq++) {
		hal_irq_fn *fn;
		void *arg;

		for (unsigned again = 0; take(irq, &fn, &arg); again++) {
			if (again > 1000)
				host_fail("interrupt %u: its handler does not quiet the device", irq);
			fn(arg);
		}
	}
}

bool hal_irq_info(unsigned irq, struct hal_irq *info)
{
	bool taken = false;

	if (irq >= IRQS)
		return false;
	host_lock();
	taken = lines[irq].fn;
	*info = (struct hal_irq){lines[irq].name, "host", lines[irq].edge};
	host_unlock();
	return taken;
}

u64 hal_irq_count(unsigned irq, unsigned cpu)
{
	return irq < IRQS && cpu == 0 ? lines[irq].count : 0;
}

unsigned hal_irq_max(void)
{
	return IRQS - 1;
}
