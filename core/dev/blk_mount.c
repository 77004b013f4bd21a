#include "core/dev/blk_mount.h"
#include "coro/task.h"
#include "hal/clock.h"

#define CLAIM_NS 10000000000ul
#define AGAIN_NS 2000000ul

static bool claim(struct blk_device *dev, void *holder)
{
	void *none = NULL;

	if (!blk_use(dev))
		return false;
	if (atomic_cas(&dev->holder, &none, holder))
		return true;
	blk_unuse(dev);
	return false;
}

void blk_mount_release(struct blk_device *dev, const void *holder)
{
	if (atomic_load(&dev->holder) != holder)
		return;
	atomic_store(&dev->holder, NULL);
	blk_unuse(dev);
}

/* -ENOENT: nothing is mounted from it. */
static int mount_again(const struct fs_mount *m)
{
	struct super *s = m->shared ? super_share(m->dev) : NULL;

	if (!s)
		return -ENOENT;
	if (s->type != m->type || atomic_load(&s->read_only) != m->read_only) {
		super_unmounted(s);
		return -EBUSY;
	}
	*m->shared = true;
	*m->made = s;
	return 0;
}

co_t blk_mount_claim(struct co *co, struct blk_mount_claim *f)
{
	CO_BEGIN;
	f->until_ns = hal_clock_ns() + CLAIM_NS;
	for (;;) {
		f->err = mount_again(f->mount);
		if (f->err != -ENOENT)
			CO_RETURN(f->err ? f->err : 1);
		if (claim(f->dev, f->holder))
			CO_RETURN(0);
		if (hal_clock_ns() >= f->until_ns)
			CO_RETURN(-EBUSY);
		CO_WAIT_KILLABLE_UNTIL(f->err, NULL, false, hal_clock_ns() + AGAIN_NS);
		if (f->err != -ETIMEDOUT)
			CO_RETURN(f->err);
	}
	CO_END;
}
