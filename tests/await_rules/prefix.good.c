/* A function whose name does not begin with its file's.
 * its twin that passes */
#include "hal/types.h"

int prefix_value(void);
int prefix_value(void)
{
	return 1;
}
