/* A physical address given where a user address is wanted.
 * refused by compiler: incompatible type */
#include "hal/uaccess.h"

bool addresses_put(paddr p);
bool addresses_put(paddr p)
{
	return hal_store_user32(p, 1);
}
