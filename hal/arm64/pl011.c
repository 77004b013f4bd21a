/* hal/arm64/pl011.c -- the serial line: interrupts in normal life, polling in a panic.
 *
 * Locking  mask_lock for the interrupt mask, which sender and handler both change.
 */
#include "core/base/spinlock.h"
#include "hal/arm64/arm64.h"
#include "hal/console.h"

#define UARTDR	 0x00
#define UARTFR	 0x18
#define UARTIBRD 0x24
#define UARTLCR	 0x2c
#define UARTCR	 0x30
#define UARTIFLS 0x34
#define UARTIMSC 0x38
#define UARTMIS	 0x40
#define UARTICR	 0x44

#define FR_RX_EMPTY 0x10
#define FR_TX_FULL  0x20
#define DR_ERRORS   0x700	/* framing, parity, break: not a byte */
#define LCR_8BIT_FIFO 0x70
#define CR_ENABLE   0x301
#define IRQ_RX	    0x10
#define IRQ_TX	    0x20
#define IRQ_RX_LATE 0x40	/* some bytes, and then silence */

static RO_AFTER_INIT u8 *uart;
static const struct hal_console_ops *ops;
static spinlock mask_lock;
static u32 mask GUARDED_BY(&mask_lock);

void pl011_init(void)
{
	if (!arm_platform.uart.raw)
		return;
	uart = hal_mmio_map(arm_platform.uart, PAGE_SIZE);
	if (!uart)
		return;
	hal_mmio_write32(uart + UARTIMSC, 0);
	hal_mmio_write32(uart + UARTICR, 0x7ff);
	hal_mmio_write32(uart + UARTLCR, LCR_8BIT_FIFO);
	hal_mmio_write32(uart + UARTCR, CR_ENABLE);
}

static void set_mask(u32 add, u32 remove)
{
	spin_lock(&mask_lock);
	mask = (mask & ~remove) | add;
	hal_mmio_write32(uart + UARTIMSC, mask);
	spin_unlock(&mask_lock);
}

static void interrupted(void *arg)
{
	u32 why = hal_mmio_read32(uart + UARTMIS);

	hal_mmio_write32(uart + UARTICR, why & ~IRQ_TX);
	while (!(hal_mmio_read32(uart + UARTFR) & FR_RX_EMPTY)) {
		u32 data = hal_mmio_read32(uart + UARTDR);

		if (!(data & DR_ERRORS))
			ops->received((u8)data);
	}
	if (why & IRQ_TX) {
		set_mask(0, IRQ_TX);
		ops->room();
	}
}

void hal_console_start(const struct hal_console_ops *o)
{
	if (!uart)
		return;
	ops = o;
	if (hal_irq_register(arm_platform.uart_irq, false, "uart-pl011", interrupted, NULL) == 0)
		set_mask(IRQ_RX | IRQ_RX_LATE, 0);
}

size_t hal_console_send(const u8 *bytes, size_t n)
{
	size_t sent = 0;

	if (!uart)
		return n;
	while (sent < n && !(hal_mmio_read32(uart + UARTFR) & FR_TX_FULL))
		hal_mmio_write32(uart + UARTDR, bytes[sent++]);
	if (sent < n)
		set_mask(IRQ_TX, 0);
	return sent;
}

static void poll_byte(u8 byte)
{
	while (hal_mmio_read32(uart + UARTFR) & FR_TX_FULL)
		hal_relax();
	hal_mmio_write32(uart + UARTDR, byte);
}

void hal_console_poll(const char *bytes, size_t n)
{
	for (size_t i = 0; uart && i < n; i++) {
		if (bytes[i] == '\n')
			poll_byte('\r');
		poll_byte((u8)bytes[i]);
	}
}
