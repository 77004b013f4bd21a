/* tests/fs/test_ext4_map.c -- the map of a file changes at random, extents or blocks: pieces are
 * entered, unwritten ones become written, ranges go; beside an array that says what should be
 * where. e2fsck finds the tree, the counts and the bitmaps right at the end, and all blocks are
 * free when the last piece has gone. */
#include "co_machine.h"
#include "core/dev/blk.h"
#include "fs/ext4/write.h"
#include "image.h"
#include "tree.h"

#undef memcpy
#undef memset
#undef strlen
#include <string.h>
#include <sys/mman.h>

#define BLOCKS 5000u
#define FILE_INO 12u	/* the first one that mke2fs copies */

static struct host_result result;
static char source[200], image_path[200];
static unsigned steps;
static bool extents;

static u64 where[BLOCKS];	/* 0: a hole */
static bool unwritten[BLOCKS];

static const char *const root_dirs[] = {"/m", NULL};

/* One change, or a look: all have the same frame. */
#define STEP(name)                                \
	struct name {                             \
		struct co_frame co;               \
		struct inode *inode;              \
		struct handle handle;             \
		struct ext4_run run;              \
		u64 block, len, start, done;      \
		u32 got;                          \
		struct ext4_blocks did;           \
		long err;                         \
	};                                        \
	static co_t name(struct co *co, struct name *f)

/* A piece where nothing is. */
STEP(step_insert)
{
	CO_BEGIN;
	f->block = host_random(BLOCKS);
	f->len = host_random(3) ? 1 : 1 + host_random(40);
	for (f->done = 0; f->done < f->len; f->done++)
		if (f->block + f->done >= BLOCKS || where[f->block + f->done])
			break;
	f->len = f->done;
	if (!f->len)
		CO_RETURN(0);
	CO_AWAIT(f->err, ext4_reserve_blocks, .inode = f->inode, .want = (u32)f->len,
		 .goal = host_random(2) && f->block ? where[f->block - 1] + 1
						    : host_random(ext4_of(f->inode)->blocks),
		 .start = &f->start, .got = &f->got);
	if (f->err)
		CO_RETURN(f->err);
	CO_AWAIT(f->err, journal_start, .journal = ext4_of(f->inode)->journal,
		 .handle = &f->handle, .credits = ext4_map_credits(f->inode));
	host_expect(!f->err);
	CO_AWAIT(f->err, ext4_use_blocks, .handle = &f->handle, .fs = ext4_of(f->inode),
		 .start = f->start, .n = f->got);
	host_expect(!f->err);
	unwritten[f->block] = extents && host_random(2);
	CO_AWAIT(f->err, ext4_map_insert, .handle = &f->handle, .inode = f->inode,
		 .block = f->block, .start = f->start, .len = f->got,
		 .unwritten = unwritten[f->block], .done = &f->done);
	host_expect(!f->err && f->done == f->got);
	for (u64 i = 0; i < f->done; i++) {
		where[f->block + i] = f->start + i;
		unwritten[f->block + i] = unwritten[f->block];
	}
	CO_AWAIT(f->err, ext4_inode_write, .handle = &f->handle, .inode = f->inode);
	journal_stop(&f->handle);
	CO_RETURN(f->err);
	CO_END;
}

/* A part of what is unwritten is written. */
STEP(step_convert)
{
	CO_BEGIN;
	f->block = host_random(BLOCKS);
	while (f->block < BLOCKS && !(where[f->block] && unwritten[f->block]))
		f->block++;
	if (f->block == BLOCKS)
		CO_RETURN(0);
	f->start = where[f->block];
	CO_AWAIT(f->err, journal_start, .journal = ext4_of(f->inode)->journal,
		 .handle = &f->handle, .credits = ext4_map_credits(f->inode));
	host_expect(!f->err);
	CO_AWAIT(f->err, ext4_map_convert, .handle = &f->handle, .inode = f->inode,
		 .block = f->block, .start = f->start, .len = 1 + host_random(10), .did = &f->did);
	host_expect(!f->err && f->did.len && f->did.start == f->start);
	for (u64 i = 0; i < f->did.len; i++) {
		host_expect(where[f->block + i] == f->start + i && unwritten[f->block + i]);
		unwritten[f->block + i] = false;
	}
	CO_AWAIT(f->err, ext4_inode_write, .handle = &f->handle, .inode = f->inode);
	journal_stop(&f->handle);
	CO_RETURN(f->err);
	CO_END;
}

STEP(step_remove)
{
	CO_BEGIN;
	f->block = host_random(BLOCKS);
	f->len = 1 + host_random(host_random(20) ? 30 : BLOCKS / 4);
	CO_AWAIT(f->err, ext4_map_remove, .inode = f->inode, .from = f->block,
		 .end = f->block + f->len);
	for (u64 i = f->block; i < min(f->block + f->len, (u64)BLOCKS); i++)
		where[i] = 0;
	CO_RETURN(f->err);
	CO_END;
}

/* Is all as it should be? */
STEP(step_check)
{
	CO_BEGIN;
	for (f->block = 0; f->block < BLOCKS; f->block++) {
		CO_AWAIT(f->err, ext4_map, .inode = ext4_inode(f->inode), .block = f->block,
			 .run = &f->run);
		host_expect(!f->err && f->run.block <= f->block &&
			    f->block - f->run.block < f->run.len);
		if (where[f->block])
			host_expect((unwritten[f->block] ? f->run.unwritten : f->run.start) +
				    (f->block - f->run.block) == where[f->block]);
		else
			host_expect(!f->run.start && !f->run.unwritten);
	}
	CO_RETURN(0);
	CO_END;
}

struct map_run {
	struct co_frame co;
	struct inode *root, *file;
	unsigned step, what;
	u64 free;
	bool empty;
	long err;
};

static void set_size(struct inode *inode)
{
	u64 size = (u64)BLOCKS << ext4_of(inode)->block_shift;

	inode->size = size;
	ext4_inode(inode)->disk_size = size;
	memset(where, 0, sizeof(where));
	memset(unwritten, 0, sizeof(unwritten));
}

/* Many pieces, then few, then many again. */
static unsigned choose(const struct map_run *f)
{
	unsigned n = (unsigned)host_random(12);

	if (n < 3)
		return extents ? 1 : 0;
	return f->step / 500 % 2 ? (n < 7 ? 2 : 0) : (n < 4 ? 2 : 0);
}

static co_t map_run(struct co *co, struct map_run *f)
{
	CO_BEGIN;
	tree_boot();
	ext4_register();
	CO_AWAIT(f->err, tree_root, .dirs = root_dirs);
	CO_AWAIT(f->err, tree_mount, .type = "ext4", .at = "/m", .options = "", .root = &f->root,
		 .dev = BLK_NUMBER(BLK_MAJOR_VIRTIO, 0));
	if (f->err)
		host_fail("mount: %ld", f->err);
	CO_AWAIT(f->err, ext4_inode_get, .fs = ext4_of(f->root), .ino = FILE_INO,
		 .inode = &f->file);
	host_expect(!f->err);
	set_size(f->file);
	f->free = ext4_of(f->root)->blocks_free;
	for (f->step = 0; f->step < steps && !f->err; f->step++) {
		f->what = choose(f);
		if (f->what == 0)
			CO_AWAIT(f->err, step_insert, .inode = f->file);
		else if (f->what == 1)
			CO_AWAIT(f->err, step_convert, .inode = f->file);
		else
			CO_AWAIT(f->err, step_remove, .inode = f->file);
		if (f->err)
			host_fail("step %u: %ld", f->step, f->err);
		if (f->step % 100 == 0)
			CO_AWAIT(f->err, step_check, .inode = f->file);
	}
	CO_AWAIT(f->err, step_check, .inode = f->file);
	f->empty = host_random(2);
	if (f->empty) {
		CO_AWAIT(f->err, ext4_map_cut, .inode = f->file);
		host_expect(!f->err && !f->file->blocks);
		host_expect(ext4_of(f->root)->blocks_free == f->free);
	}
	inode_put(f->file);
	CO_AWAIT(f->err, tree_umount, .at = "/m");
	if (f->err)
		host_fail("umount: %ld", f->err);
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(map_run)

static const struct {
	const char *mke2fs;
	bool extents;
} variants[] = {
	{"-t ext4 -b 1024", true},	{"-t ext4 -b 4096", true},
	{"-t ext3 -b 1024", false},	{"-t ext4 -b 1024 -g 1024 -O ^flex_bg", true},
	{"-t ext2 -b 2048", false},	{"-t ext4 -O meta_bg,^resize_inode -b 1024 -g 1024", true},
	{"-t ext4 -O ^metadata_csum,uninit_bg -b 2048", true},
};

static void test_random_pieces(void **state)
{
	const char *one = getenv("SEED"), *many = getenv("ROUNDS");
	u64 from = one ? strtoull(one, NULL, 0) : 1;
	u64 to = one ? from : many ? strtoull(many, NULL, 0) : 2 * ARRAY_SIZE(variants);

	steps = 3000;
	for (u64 seed = from; seed <= to; seed++) {
		unsigned v = seed % ARRAY_SIZE(variants);
		enum host_end end;
		size_t size;
		u8 *image;

		extents = variants[v].extents;
		image_run("rm -f %s && mke2fs -q -F %s -d %s %s 40M >/dev/null 2>&1", image_path,
			  variants[v].mke2fs, source, image_path);
		image = image_map(image_path, &size, true);
		end = co_machine_run((struct host_config){
			.seed = seed, .cpus = 1, .memory = 128ul << 20,
			.limit_ns = 36000ul * 1000000000, .verbose = one != NULL,
			.disk[0] = {.image = image, .size = size},
		}, begin_map_run, &result);
		munmap(image, size);
		if (end != HOST_OFF)
			fail_msg("SEED=%lu: %s: %s: %s\n%s", (unsigned long)seed,
				 variants[v].mke2fs, host_end_name(end), result.why, result.console);
		image_run("e2fsck -fn %s >%s.fsck 2>&1 || { head -30 %s.fsck >&2; exit 1; }",
			  image_path, image_path, image_path);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_pieces),
	};

	snprintf(source, sizeof(source), "%s/source", image_scratch());
	snprintf(image_path, sizeof(image_path), "%s/image", image_scratch());
	image_run("mkdir -p %s && : >%s/file", source, source);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
