/* hal/arm64/uaccess.c -- the range checks before uaccess.S. */
#include "hal/uaccess.h"
#include "hal/memory.h"

size_t user_load(void *to, u64 from, size_t n);
size_t user_store(u64 to, const void *from, size_t n);
size_t user_zero(u64 to, size_t n);
i64 user_string(char *to, u64 from, size_t n);
bool user_load32(u32 *to, u64 from);
bool user_store32(u64 to, u32 value);

/* How much of [p, p+n) lies in user space: what is beyond would fault. */
static size_t clip(uptr p, size_t n)
{
	if (p.raw >= HAL_USER_END)
		return 0;
	return n <= HAL_USER_END - p.raw ? n : HAL_USER_END - p.raw;
}

size_t hal_copy_from_user(void *to, uptr from, size_t n)
{
	return user_load(to, from.raw, clip(from, n));
}

size_t hal_copy_to_user(uptr to, const void *from, size_t n)
{
	return user_store(to.raw, from, clip(to, n));
}

size_t hal_zero_user(uptr to, size_t n)
{
	return user_zero(to.raw, clip(to, n));
}

i64 hal_string_from_user(char *to, uptr from, size_t n)
{
	size_t most = clip(from, n);
	i64 len = user_string(to, from.raw, most);

	/* No NUL up to the end of user space: the byte after it faulted. */
	return len == (i64)most && most < n ? -1 - len : len;
}

bool hal_load_user32(u32 *value, uptr from)
{
	return !(from.raw & 3) && from.raw < HAL_USER_END && user_load32(value, from.raw);
}

bool hal_store_user32(uptr to, u32 value)
{
	return !(to.raw & 3) && to.raw < HAL_USER_END && user_store32(to.raw, value);
}
