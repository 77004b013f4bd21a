/* tests/unit/fake_hal.h -- steering the fake machine. */
#ifndef FAKE_HAL_H
#define FAKE_HAL_H

#include <setjmp.h>

#include "hal/types.h"

struct fake {
	u64 now_ns;
	char console[8192];
	size_t console_len;
	bool expect_panic; /* hal_halt jumps to `panicked` instead of aborting */
	jmp_buf panicked;
};
extern struct fake fake;

/* A fresh machine with n CPUs, the calling thread being CPU 0. */
void fake_start(unsigned n);
void fake_be_cpu(unsigned n);

/* Run a statement that must panic with a message containing `text`. */
#define assert_panics(text, statement)                              \
	do {                                                        \
		fake.console_len = 0;                               \
		memset(fake.console, 0, sizeof(fake.console));      \
		fake.expect_panic = true;                           \
		if (!setjmp(fake.panicked)) {                       \
			statement;                                  \
			fail_msg("did not panic: %s", #statement);  \
		}                                                   \
		if (!strstr(fake.console, text))                    \
			fail_msg("panicked with: %s", fake.console); \
	} while (0)

#endif
