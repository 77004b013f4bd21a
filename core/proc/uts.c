/* core/proc/uts.c */
#include "core/proc/uts.h"

#include "core/base/errno.h"
#include "core/base/spinlock.h"

static spinlock uts_lock = SPINLOCK_INIT(RANK_PROC_OTHER);
static char uts_names[2][UTS_MAX + 1] GUARDED_BY(&uts_lock) = {"lichen", "(none)"};

size_t uts_get(enum uts_name which, char *to)
{
	spin_lock(&uts_lock);
	memcpy(to, uts_names[which], UTS_MAX + 1);
	spin_unlock(&uts_lock);
	return strlen(to);
}

int uts_set(enum uts_name which, const char *name, size_t len)
{
	if (len > UTS_MAX)
		return -EINVAL;
	spin_lock(&uts_lock);
	memset(uts_names[which], 0, UTS_MAX + 1);
	memcpy(uts_names[which], name, len);
	spin_unlock(&uts_lock);
	return 0;
}
