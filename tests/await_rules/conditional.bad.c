/* A conditional in a .c file outside hal/: a variant is a file.
 * refused by lint: #if in a .c file */
#include "hal/types.h"

#ifdef LICHEN_DEBUG
int conditional_value(void);
int conditional_value(void)
{
	return 1;
}
#endif
