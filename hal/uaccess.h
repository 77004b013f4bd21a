/* hal/uaccess.h -- touching user memory.
 *
 * Every function checks the range against HAL_USER_END, uses unprivileged accesses in the
 * loaded user space, and survives any fault: it then returns how far it came. None waits.
 *
 * Units  lengths and results in bytes.
 */
#ifndef HAL_UACCESS_H
#define HAL_UACCESS_H

#include "hal/types.h"

/* Bytes copied, less than n if an access faulted (the first fault is at that offset).
 * The budget is the caller's: at most a few pages a call. */
size_t hal_copy_from_user(void *to, uptr from, size_t n);
size_t hal_copy_to_user(uptr to, const void *from, size_t n);
size_t hal_zero_user(uptr to, size_t n);

/* Copy a string of at most n bytes, its NUL included. Returns its length without the NUL;
 * n if there was no NUL in n bytes; -1 - k if byte k faulted (k bytes were copied). */
i64 hal_string_from_user(char *to, uptr from, size_t n);

/* One aligned word, atomically. false on a fault. */
bool hal_load_user32(u32 *value, uptr from);
bool hal_store_user32(uptr to, u32 value);

#endif
