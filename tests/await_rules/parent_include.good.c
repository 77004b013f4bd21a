/* An include that climbs.
 * its twin that passes */
#include "core/base/list.h"

struct list *parent_include_list(void);
