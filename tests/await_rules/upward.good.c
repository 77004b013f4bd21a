/* A lower folder that includes a higher one.
 * its twin that passes */
#include "core/base/list.h"

int upward_value(void);
