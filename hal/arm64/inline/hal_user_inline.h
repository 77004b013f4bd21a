/* hal/arm64/inline/hal_user_inline.h -- of hal/trap.h, what every switch does. */
#ifndef HAL_USER_INLINE_H
#define HAL_USER_INLINE_H

/* The head of struct arm_cpu. */
struct arm_cpu_user {
	struct arm_cpu_clock;
	struct hal_user *fp_live;	/* who may have changed the FP registers; NULL: nobody */
	/* What most programs have no need of; load_more not 0: user_load_rest. */
	union {
		struct {
			u8 watched;	/* hal_user.watched of whose debug registers it has */
			bool fp_open;	/* CPACR_EL1: user mode may use them */
		};
		u16 load_more;		/* as in struct hal_user */
	};
};

void user_load_rest(struct hal_user *u);
void fp_leave(void);

static inline void hal_user_load(struct hal_user *u)
{
	const struct arm_cpu_user *c = (const struct arm_cpu_user *)hal_cpu_self();

	__asm__ volatile("msr tpidr_el0, %0" : : "r"(u->tls) : "memory");
	if (__builtin_expect(c->load_more | u->load_more, 0))
		user_load_rest(u);
}

static inline void hal_user_save(struct hal_user *u)
{
	const struct arm_cpu_user *c = (const struct arm_cpu_user *)hal_cpu_self();

	__asm__ volatile("mrs %0, tpidr_el0" : "=r"(u->tls) : : "memory");
	if (__builtin_expect(c->fp_live != NULL, 0))
		fp_leave();
	else
		u->fp_uses = 0;
}

#endif
