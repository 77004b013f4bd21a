/* tests/guest/abuse/scratch.h -- a folder for each lane, filled afresh for every try. */
#ifndef SCRATCH_H
#define SCRATCH_H

[[noreturn]] void scratch_fail(const char *what);
void scratch_enter(unsigned lane);
void scratch_fill(void);
/* Whatever is there goes. */
void scratch_empty(bool with_mounts);
int setgroups_none(void);

#endif
