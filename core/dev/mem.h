/* core/dev/mem.h -- null, zero, full, random, urandom. */
#ifndef DEV_MEM_H
#define DEV_MEM_H

void mem_init(void);

#endif
