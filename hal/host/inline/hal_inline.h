/* hal/host/inline/hal_inline.h -- the same operations in a simulation. */
#ifndef HAL_INLINE_H
#define HAL_INLINE_H

#define HAL_SIMULATED 1
#define HAL_ENTRY

struct hal_cpu *hal_cpu_self(void);
void hal_relax(void);
bool hal_irq_pending(void);

static inline bool hal_has_crc32c(void)
{
	return false;
}

static inline u32 hal_crc32c(u32 crc, u64 word)
{
	return crc;
}

void hal_sim_point(const volatile void *what);
void hal_sim_read(const volatile void *what);

/* Tickets: the low half says whose turn it is, the high one what to draw next. Who waits does
 * nothing else, so any order of holders is an order of drawing, and an exploration of those needs
 * to look at no more. */
static inline void hal_lock(u32 *lock)
{
	u16 *turn = (u16 *)lock;
	u32 was;

	hal_sim_point(turn + 1);
	was = __atomic_fetch_add(lock, 1u << 16, __ATOMIC_ACQ_REL);
	if ((u16)was == was >> 16)
		return;
	for (hal_sim_read(turn); __atomic_load_n(turn, __ATOMIC_ACQUIRE) != was >> 16;
	     hal_sim_read(turn))
		hal_relax();
}

static inline bool hal_try_lock(u32 *lock)
{
	u32 was;

	hal_sim_point(lock);
	was = __atomic_load_n(lock, __ATOMIC_ACQUIRE);
	return (u16)was == was >> 16 &&
	       __atomic_compare_exchange_n(lock, &was, was + (1u << 16), false, __ATOMIC_ACQ_REL,
					   __ATOMIC_ACQUIRE);
}

static inline void hal_unlock(u32 *lock)
{
	u16 *turn = (u16 *)lock;

	/* Only its holder changes it. */
	hal_sim_point(turn);
	__atomic_store_n(turn, (u16)(__atomic_load_n(turn, __ATOMIC_RELAXED) + 1),
			 __ATOMIC_RELEASE);
}

#endif
