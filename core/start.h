/* core/start.h -- the second half of booting, as a worker that may wait: devices, the initial
 * file system, and the first process.
 */
#ifndef CORE_START_H
#define CORE_START_H

void start_spawn(void);

#endif
