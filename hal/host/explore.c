/* hal/host/explore.c -- placeholder */
#include "hal/host/internal.h"
unsigned host_explore_next(u32 enabled, unsigned current)
{
	return enabled & 1u << current ? current : (unsigned)__builtin_ctz(enabled);
}
