/* A lower folder that includes a higher one.
 * refused by compiler as coro: file not found */
#include "sched/eevdf.h"

int upward_value(void);
