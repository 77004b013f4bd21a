/* A line of more than 100 columns.
 * refused by lint: columns */
#include "hal/types.h"

int wide_line_value(int first_argument, int second_argument, int third_argument, int fourth_argument);
