/* hal/arm64/psci.c -- the firmware calls that start CPUs and end the machine. */
#include "hal/arm64/arm64.h"

#define PSCI_SYSTEM_OFF	  0x84000008
#define PSCI_SYSTEM_RESET 0x84000009
#define PSCI_CPU_ON	  0xc4000003

static i64 psci_call(u64 function, u64 a, u64 b, u64 c)
{
	register u64 x0 __asm__("x0") = function;
	register u64 x1 __asm__("x1") = a;
	register u64 x2 __asm__("x2") = b;
	register u64 x3 __asm__("x3") = c;

	if (arm_platform.psci_smc)
		__asm__ volatile(".inst 0xd4000003" /* smc #0 */
				 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
				 :
				 : "memory", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11",
				   "x12", "x13", "x14", "x15", "x16", "x17");
	else
		__asm__ volatile("hvc #0"
				 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
				 :
				 : "memory", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11",
				   "x12", "x13", "x14", "x15", "x16", "x17");
	return (i64)x0;
}

i64 psci_cpu_on(u64 mpidr, u64 entry, u64 context)
{
	return psci_call(PSCI_CPU_ON, mpidr, entry, context);
}

void hal_power_off(void)
{
	psci_call(PSCI_SYSTEM_OFF, 0, 0, 0);
	hal_halt();
}

void hal_reset(void)
{
	psci_call(PSCI_SYSTEM_RESET, 0, 0, 0);
	hal_halt();
}
