/* A physical address given where a user address is wanted.
 * its twin that passes */
#include "hal/uaccess.h"

bool addresses_put(uptr p);
bool addresses_put(uptr p)
{
	return hal_store_user32(p, 1);
}
