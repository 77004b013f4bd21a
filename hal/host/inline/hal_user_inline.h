/* hal/host/inline/hal_user_inline.h -- nothing of hal/trap.h is inline in a simulation. */
