/* core/proc/root.h -- the roots and working directories of all there are. Nothing waits. */
#ifndef PROC_ROOT_H
#define PROC_ROOT_H

#include "vfs/path.h"

/* pivot_root: those at `from` move to `to`. */
void root_replace(const struct path *from, const struct path *to);

#endif
