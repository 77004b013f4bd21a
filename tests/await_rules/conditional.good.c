/* A conditional in a .c file outside hal/: a variant is a file.
 * its twin that passes */
#include "hal/types.h"

int conditional_value(void);
int conditional_value(void)
{
	return 1;
}
