/* An include that climbs.
 * refused by lint: .. in an include */
#include "../core/base/list.h"

struct list *parent_include_list(void);
