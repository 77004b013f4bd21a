/* A line of more than 100 columns.
 * its twin that passes */
#include "hal/types.h"

int wide_line_value(int first, int second);
