/* core/ipc/ipc.c */
#include "core/ipc/ipc.h"

#include <limits.h>
#include <linux/msg.h>
#include <linux/sem.h>
#include <linux/shm.h>

#include "core/base/bits.h"
#include "core/base/string.h"
#include "core/ipc/mqueue.h"
#include "core/ipc/segment.h"
#include "core/ipc/semundo.h"
#include "mem/phys/buddy.h"
#include "mem/phys/slab.h"
#include "vfs/inode.h"

#define IPC_SHIFT	15	/* of the round in a number */
#define IPC_ROUNDS	(1u << (31 - IPC_SHIFT))
#define IPC_CYCLE	64u	/* places that are used before the first is used again */
#define IPC_RIGHTS	0777u

struct ipc_limits ipc_limits = {
	.shmmax = SHMMAX, .shmall = SHMALL, .shmmni = SHMMNI,
	.semmsl = SEMMSL, .semmns = SEMMNS, .semopm = SEMOPM, .semmni = SEMMNI,
	.msgmax = MSGMAX, .msgmnb = MSGMNB, .msgmni = MSGMNI,
};

static u64 ipc_charged; /* [a] bytes */

void ipc_init(void)
{
	segment_init();
	semundo_init();
	mqueue_init();
}

i64 ipc_now(void)
{
	return inode_now().sec;
}

bool ipc_charge(u64 bytes)
{
	u64 most = buddy_total_pages() * (PAGE_SIZE / 4);

	if (atomic_add(&ipc_charged, bytes) + bytes <= most)
		return true;
	atomic_sub(&ipc_charged, bytes);
	return false;
}

void ipc_uncharge(u64 bytes)
{
	atomic_sub(&ipc_charged, bytes);
}

/* --- keys --- */

#define IPC_OF(n) container_of(n, struct ipc_object, by_key)

static bool ipc_key_less(const struct rb_node *a, const struct rb_node *b)
{
	return (u32)IPC_OF(a)->key < (u32)IPC_OF(b)->key;
}

static bool ipc_key_before(const struct rb_node *n, u64 key)
{
	return (u32)IPC_OF(n)->key < key;
}

static struct ipc_object *ipc_by_key(struct ipc_table *t, int key) REQUIRES(t->lock)
{
	struct rb_node *n = rb_lower_bound(&t->keys, ipc_key_before, (u32)key);

	return n && IPC_OF(n)->key == key ? IPC_OF(n) : NULL;
}

static void ipc_drop_key(struct ipc_table *t, struct ipc_object *o) REQUIRES(t->lock)
{
	if (o->key == IPC_PRIVATE)
		return;
	rb_remove(&t->keys, &o->by_key);
	o->key = IPC_PRIVATE;
}

void ipc_forget_key(struct ipc_object *o)
{
	struct ipc_table *t = o->table;

	spin_lock(&t->lock);
	ipc_drop_key(t, o);
	spin_unlock(&t->lock);
}

/* --- places --- */

static bool ipc_grow(struct ipc_table *t) REQUIRES(t->lock)
{
	u32 size = t->size ? t->size * 2 : IPC_CYCLE;
	struct ipc_object **places;

	if (t->size >= IPC_PLACES)
		return false;
	places = kcalloc(size, sizeof(*places));
	if (!places)
		return false;
	if (t->size)
		memcpy(places, t->places, t->size * sizeof(*places));
	kfree(t->places);
	t->places = places;
	t->size = size;
	return true;
}

/* A free place from t->next on, and around; -1: there is none or no memory. As Linux does,
 * a few are used in turn although earlier ones are free. */
static int ipc_free_place(struct ipc_table *t) REQUIRES(t->lock)
{
	u32 cycle = min(max(t->count * 3 / 2, IPC_CYCLE), IPC_PLACES);

	while (t->size < cycle)
		if (!ipc_grow(t))
			return -1;
	for (u32 n = 0; n < cycle; n++) {
		u32 at = (t->next + n) % cycle;

		if (!t->places[at])
			return (int)at;
	}
	return -1;
}

static int ipc_enter(struct ipc_table *t, struct ipc_object *o) REQUIRES(t->lock)
{
	int place = -1;

	if (t->count < atomic_load_relaxed(t->limit))
		place = ipc_free_place(t);
	if (place < 0)
		return -ENOSPC;
	if (place <= t->last)
		t->round = (t->round + 1) % IPC_ROUNDS;
	t->last = place;
	t->next = (u32)place + 1;
	o->id = (int)(t->round << IPC_SHIFT) + place;
	t->places[place] = o;
	t->count++;
	o->listed = true;
	if (o->key != IPC_PRIVATE)
		rb_insert(&t->keys, &o->by_key, ipc_key_less);
	return o->id;
}

bool ipc_unlist(struct ipc_object *o)
{
	struct ipc_table *t = o->table;
	bool was;

	spin_lock(&t->lock);
	was = o->listed;
	if (was) {
		ipc_drop_key(t, o);
		t->places[o->id % (int)IPC_PLACES] = NULL;
		o->listed = false;
		/* As large as there were ever objects; not for ever. */
		if (!--t->count) {
			kfree(t->places);
			t->places = NULL;
			t->size = 0;
		}
	}
	spin_unlock(&t->lock);
	if (was)
		ipc_put(o);
	return was;
}

void ipc_put(struct ipc_object *o)
{
	if (ref_put(&o->refs))
		o->table->kind->release(o);
}

static struct ipc_object *ipc_at(struct ipc_table *t, u32 place)
{
	struct ipc_object *o;

	spin_lock(&t->lock);
	o = place < t->size ? t->places[place] : NULL;
	if (o)
		ref_get(&o->refs);
	spin_unlock(&t->lock);
	return o;
}

struct ipc_object *ipc_find(struct ipc_table *t, int id)
{
	struct ipc_object *o = id < 0 ? NULL : ipc_at(t, (u32)id % IPC_PLACES);

	if (!o || o->id == id)
		return o;
	ipc_put(o);
	return NULL;
}

struct ipc_object *ipc_look_up(struct ipc_table *t, int id, bool place)
{
	if (id < 0)
		return NULL;
	return place ? ipc_at(t, (u32)id) : ipc_find(t, id);
}

struct ipc_object *ipc_next(struct ipc_table *t, u32 *place)
{
	struct ipc_object *o = NULL;

	spin_lock(&t->lock);
	while (*place < t->size && !t->places[*place])
		++*place;
	if (*place < t->size) {
		o = t->places[*place];
		ref_get(&o->refs);
	}
	spin_unlock(&t->lock);
	return o;
}

int ipc_highest(struct ipc_table *t)
{
	u32 n;

	spin_lock(&t->lock);
	for (n = t->size; n && !t->places[n - 1]; n--)
		;
	spin_unlock(&t->lock);
	return n ? (int)n - 1 : 0;
}

/* --- getting one by its key --- */

/* What asking for an object that is there gives. */
static int ipc_get_found(struct ipc_object *o, u64 size, u32 flags, const struct cred *cred)
{
	int err;

	if ((flags & IPC_CREAT) && (flags & IPC_EXCL))
		return -EEXIST;
	if (!o->table->kind->fits(o, size))
		return -EINVAL;
	spin_lock(&o->lock);
	err = ipc_permission(o, cred, flags);
	spin_unlock(&o->lock);
	return err ? err : o->id;
}

static int ipc_make(struct ipc_table *t, int key, u64 size, u32 flags, const struct cred *cred,
		    struct ipc_object **made)
{
	int err = t->kind->make(size, flags, made);
	struct ipc_object *o = *made;

	if (err)
		return err;
	ref_init(&o->refs);
	o->table = t;
	o->name = o->key = key;
	spin_init(&o->lock, RANK_IPC_OBJECT);
	o->uid = o->cuid = cred->euid;
	o->gid = o->cgid = cred->egid;
	o->mode = flags & IPC_RIGHTS;
	return 0;
}

int ipc_get(struct ipc_table *t, int key, u64 size, u32 flags, const struct cred *cred)
{
	struct ipc_object *o, *made = NULL;
	int result = -ENOENT;

	/* Not under the lock: making one takes a while. */
	if (key == IPC_PRIVATE) {
		result = ipc_make(t, key, size, flags, cred, &made);
		if (result)
			return result;
	}
	for (;;) {
		spin_lock(&t->lock);
		o = key == IPC_PRIVATE ? NULL : ipc_by_key(t, key);
		if (o)
			ref_get(&o->refs);
		else if (made)
			result = ipc_enter(t, made);
		spin_unlock(&t->lock);
		if (o || made || !(flags & IPC_CREAT))
			break;
		result = ipc_make(t, key, size, flags, cred, &made);
		if (result)
			return result;
	}
	if (o) {
		result = ipc_get_found(o, size, flags, cred);
		ipc_put(o);
	}
	/* Not entered: somebody was first, or there is no place. */
	if (made && (o || result < 0))
		ipc_put(made);
	return result;
}

/* --- rights --- */

int ipc_permission(const struct ipc_object *o, const struct cred *cred, u32 want)
{
	u32 granted = o->mode;

	want = (want >> 6 | want >> 3 | want) & 7;
	if (cred->euid == o->cuid || cred->euid == o->uid)
		granted >>= 6;
	else if (cred_in_group(cred, o->cgid) || cred_in_group(cred, o->gid))
		granted >>= 3;
	return want & ~granted && !cred_capable(cred, CAP_IPC_OWNER) ? -EACCES : 0;
}

int ipc_owns(const struct ipc_object *o, const struct cred *cred)
{
	return cred->euid == o->cuid || cred->euid == o->uid ||
	       cred_capable(cred, CAP_SYS_ADMIN) ? 0 : -EPERM;
}

void ipc_show(const struct ipc_object *o, struct ipc64_perm *to)
{
	*to = (struct ipc64_perm){.key = o->key, .uid = cred_shown_uid(o->uid),
				  .gid = cred_shown_gid(o->gid),
				  .cuid = cred_shown_uid(o->cuid),
				  .cgid = cred_shown_gid(o->cgid), .mode = o->mode,
				  .seq = (unsigned short)(o->id >> IPC_SHIFT)};
}

int ipc_change(struct ipc_object *o, const struct ipc64_perm *from)
{
	u32 uid = cred_kernel_uid(from->uid), gid = cred_kernel_gid(from->gid);

	if (uid == USER_NONE || gid == USER_NONE)
		return -EINVAL;
	o->uid = uid;
	o->gid = gid;
	o->mode = (o->mode & ~IPC_RIGHTS) | (from->mode & IPC_RIGHTS);
	return 0;
}
