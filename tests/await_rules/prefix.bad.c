/* A function whose name does not begin with its file's.
 * refused by lint: does not begin with its file */
#include "hal/types.h"

int get_value(void);
int get_value(void)
{
	return 1;
}
