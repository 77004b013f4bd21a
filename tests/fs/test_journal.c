/* tests/fs/test_journal.c -- the journal under tasks that change blocks of an ext4's free space at
 * once, with the power cut at any write: what a replay leaves is what each task had made of its
 * blocks after some step, not before the last that was said to last; and a replay by e2fsck
 * leaves the same image. One task frees blocks and has them written past the journal, as a file's:
 * no replay may bring back what was there before.
 */
#include "co_machine.h"
#include "core/dev/blk.h"
#include "fs/ext4/ext4.h"
#include "fs/journal/internal.h"
#include "image.h"
#include "tree.h"

#undef memcpy
#undef memset
#undef memcmp
#undef strlen
#undef strstr
#undef strcmp
#undef strchr
#include <linux/mount.h>
#include <string.h>
#include <sys/mman.h>

#define TASKS	    3u
#define TASK_BLOCKS 60u	  /* of each */
#define RECYCLED    8u	  /* of the one that frees */
#define STEPS_MAX   2000u
#define WORDS	    256u  /* the least that a block has: 1 KiB */

static char image_path[200], cut_path[200];
static struct host_result result;
static unsigned steps, block_size;
static enum host_mode mode;
static u64 first_block;	/* of those that the file system does not use */

enum stage { CREATING, CREATED, FREEING, FREED, WRITING, WRITTEN };

/* What a run leaves, in memory that it shares with the test. */
static struct run {
	unsigned begun[TASKS], lasting[TASKS];
	struct {
		unsigned round;
		enum stage stage;
	} recycled[RECYCLED];
	u64 replayed;
} *run;

/* --- who changes what: the same for the run and for the check --- */

static u64 mix(u64 n)
{
	n ^= n >> 31;
	n *= 0x9e3779b97f4a7c15ul;
	n ^= n >> 29;
	n *= 0xbf58476d1ce4e5b9ul;
	return n ^ n >> 32;
}

static unsigned step_changes(unsigned id, unsigned step)
{
	return step % 97 ? 1 + mix(id * 7919 + step) % 6 : 40;
}

static u64 step_block(unsigned id, unsigned step, unsigned n)
{
	return first_block + id * TASK_BLOCKS + mix(id + step * 131 + n * 65537) % TASK_BLOCKS;
}

/* Some blocks begin as those of the log do. */
static void fill(u8 *block, unsigned who, unsigned step)
{
	u32 *words = (u32 *)block;

	for (unsigned i = 0; i < block_size / 4; i++)
		words[i] = (u32)mix(who * 1000003 + step);
	if (step % 3 == 0)
		words[0] = __builtin_bswap32(0xc03b3998u);
}

#define FREED_AS 100u	/* who wrote it: as a block of a file */

/* --- the run --- */

static struct ext4 *fs;

struct changer {
	struct co_frame co;
	unsigned id, step, n;
	struct handle handle;
	struct buffer *buffer;
	long err;
};
static co_t changer(struct co *co, struct changer *f)
{
	CO_BEGIN;
	for (f->step = 1; f->step <= steps; f->step++) {
		CO_AWAIT(f->err, journal_start, .journal = fs->journal, .handle = &f->handle,
			 .credits = step_changes(f->id, f->step));
		host_expect(!f->err);
		run->begun[f->id] = f->step;
		for (f->n = 0; f->n < step_changes(f->id, f->step); f->n++) {
			if (f->n % 2)
				CO_AWAIT(f->err, journal_create, .handle = &f->handle,
					 .block = step_block(f->id, f->step, f->n),
					 .buffer = &f->buffer);
			else
				CO_AWAIT(f->err, buffer_get, .journal = fs->journal,
					 .block = step_block(f->id, f->step, f->n),
					 .buffer = &f->buffer);
			host_expect(!f->err);
			CO_AWAIT(f->err, journal_access, .handle = &f->handle,
				 .buffer = f->buffer);
			host_expect(!f->err);
			CO_YIELD;
			fill(f->buffer->data, f->id, f->step);
			buffer_put(f->buffer);
		}
		journal_stop(&f->handle);
		if (!host_random(12)) {
			CO_AWAIT(f->err, journal_wait, .journal = fs->journal,
				 .tid = f->handle.tid);
			host_expect(!f->err);
			run->lasting[f->id] = f->step;
		}
		CO_YIELD;
	}
	CO_RETURN(0);
	CO_END;
}

struct told {
	struct journal_callback cb;
	int calls, err;
};
static void told(struct journal_callback *cb, int err)
{
	struct told *t = container_of(cb, struct told, cb);

	t->calls++;
	t->err = err;
}

struct recycler_use {
	struct co_frame co;
	unsigned n, round;
	struct handle handle;
	struct buffer *buffer;
	struct told told;
	long err;
};
struct recycler {
	struct co_frame co;
	unsigned n, round;
	struct page *page;
	struct blk_segment segment;
	long err;
};
static u64 recycled_block(unsigned n)
{
	return first_block + TASKS * TASK_BLOCKS + n;
}

static void note_stage(unsigned n, unsigned round, enum stage stage)
{
	run->recycled[n].round = round;
	run->recycled[n].stage = stage;
}

/* Journaled, freed. */
static co_t recycler_use(struct co *co, struct recycler_use *f)
{
	CO_BEGIN;
	note_stage(f->n, f->round, CREATING);
	CO_AWAIT(f->err, journal_start, .journal = fs->journal, .handle = &f->handle,
		 .credits = 1);
	host_expect(!f->err);
	CO_AWAIT(f->err, journal_create, .handle = &f->handle, .block = recycled_block(f->n),
		 .buffer = &f->buffer);
	host_expect(!f->err);
	fill(f->buffer->data, FREED_AS + 1 + f->n, f->round);
	buffer_put(f->buffer);
	journal_stop(&f->handle);
	if (host_random(2)) {
		CO_AWAIT(f->err, journal_wait, .journal = fs->journal, .tid = f->handle.tid);
		host_expect(!f->err);
		note_stage(f->n, f->round, CREATED);
	}
	if (run->recycled[f->n].stage == CREATED)
		note_stage(f->n, f->round, FREEING);
	CO_AWAIT(f->err, journal_start, .journal = fs->journal, .handle = &f->handle,
		 .credits = 1);
	host_expect(!f->err);
	CO_AWAIT(f->err, journal_forget, .handle = &f->handle, .block = recycled_block(f->n));
	if (f->err) host_fail("forget: %ld free %u blocks %u reserved %u", f->err, fs->journal->log.free, f->handle.transaction->blocks, f->handle.transaction->reserved);
	f->told.calls = 0;
	f->told.cb.done = told;
	journal_on_commit(&f->handle, &f->told.cb);
	journal_stop(&f->handle);
	CO_AWAIT(f->err, journal_wait, .journal = fs->journal, .tid = f->handle.tid);
	if (f->err || f->told.calls != 1 || f->told.err) host_fail("recycler: %ld %d %d", f->err, f->told.calls, f->told.err);
	CO_RETURN(0);
	CO_END;
}

static co_t recycler(struct co *co, struct recycler *f)
{
	CO_BEGIN;
	f->page = buddy_alloc(0, 0);
	host_expect(f->page);
	for (f->round = 1; f->round <= steps / 10; f->round++)
		for (f->n = 0; f->n < RECYCLED; f->n++) {
			CO_AWAIT(f->err, recycler_use, .n = f->n, .round = f->round);
			fill(phys_page_data(f->page), FREED_AS, f->round);
			note_stage(f->n, f->round, WRITING);
			f->segment = (struct blk_segment){phys_page_addr(f->page), block_size};
			CO_AWAIT(f->err, blk_transfer, .dev = fs->dev, .kind = BLK_WRITE,
				 .sector = recycled_block(f->n) * (block_size / BLK_SECTOR),
				 .segments = &f->segment, .count = 1);
			host_expect(!f->err);
			CO_AWAIT(f->err, journal_sync, .journal = fs->journal);
			host_expect(!f->err);
			note_stage(f->n, f->round, WRITTEN);
		}
	phys_page_put(f->page);
	CO_RETURN(0);
	CO_END;
}

static const char *const root_dirs[] = {"/m", NULL};

struct write_run {
	struct co_frame co;
	struct inode *root;
	struct task *task[TASKS + 1];
	unsigned i;
	long err;
};
static co_t write_run(struct co *co, struct write_run *f)
{
	CO_BEGIN;
	tree_boot();
	ext4_register();
	CO_AWAIT(f->err, tree_root, .dirs = root_dirs);
	CO_AWAIT(f->err, tree_mount, .type = "ext4", .at = "/m", .options = "", .root = &f->root,
		 .dev = BLK_NUMBER(BLK_MAJOR_VIRTIO, 0));
	if (f->err)
		host_fail("mount: %ld", f->err);
	fs = f->root->super->private;
	host_expect(fs->block_size == block_size);
	for (f->i = 0; f->i < TASKS; f->i++)
		CO_SPAWN(f->task[f->i], "changer", changer, .id = f->i);
	CO_SPAWN(f->task[TASKS], "recycler", recycler);
	for (f->i = 0; f->i <= TASKS; f->i++)
		CO_JOIN(f->err, f->task[f->i]);
	CO_AWAIT(f->err, tree_umount, .at = "/m");
	host_expect(!f->err && !tree_supers("ext4"));
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(write_run)

struct replay_run {
	struct co_frame co;
	struct inode *root;
	long err;
};
static co_t replay_run(struct co *co, struct replay_run *f)
{
	CO_BEGIN;
	tree_boot();
	ext4_register();
	CO_AWAIT(f->err, tree_root, .dirs = root_dirs);
	CO_AWAIT(f->err, tree_mount, .type = "ext4", .at = "/m", .options = "", .root = &f->root,
		 .dev = BLK_NUMBER(BLK_MAJOR_VIRTIO, 0), .flags = MS_RDONLY);
	if (f->err)
		host_fail("mount again: %ld", f->err);
	CO_AWAIT(f->err, tree_umount, .at = "/m");
	host_expect(!f->err && !tree_supers("ext4"));
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(replay_run)

/* --- checks --- */

static enum host_end run_image(co_machine_main *first, const char *path, u64 seed, u64 cut)
{
	size_t size;
	u8 *image = image_map(path, &size, true);
	struct host_config config = {
		.seed = seed, .mode = mode, .cpus = 1 + seed % 3, .memory = 64ul << 20,
		.limit_ns = 36000ul * 1000000000, .verbose = getenv("SEED") != NULL,
		.disk[0] = {.image = image, .size = size, .cut_at_write = cut},
	};
	enum host_end end = co_machine_run(config, first, &result);

	munmap(image, size);
	return end;
}

/* Are the blocks of a task as after so many steps? */
static bool is_after(const u8 *image, unsigned id, unsigned upto)
{
	static u8 want[TASK_BLOCKS][4096];

	memset(want, 0, sizeof(want));
	for (unsigned step = 1; step <= upto; step++)
		for (unsigned n = 0; n < step_changes(id, step); n++)
			fill(want[step_block(id, step, n) - first_block - id * TASK_BLOCKS], id,
			     step);
	for (unsigned i = 0; i < TASK_BLOCKS; i++)
		if (memcmp(want[i], image + (first_block + id * TASK_BLOCKS + i) * block_size,
			   block_size))
			return false;
	return true;
}

static void check_task(const u8 *image, unsigned id, u64 seed)
{
	for (unsigned upto = run->lasting[id]; upto <= run->begun[id]; upto++)
		if (is_after(image, id, upto))
			return;
	for (unsigned upto = 0; upto < run->lasting[id]; upto++)
		if (is_after(image, id, upto))
			fail_msg("SEED=%lu: task %u lost steps %u to %u", seed, id, upto + 1,
				 run->lasting[id]);
	fail_msg("SEED=%lu: task %u: not the blocks of any step from %u to %u", seed, id,
		 run->lasting[id], run->begun[id]);
}

static bool has(const u8 *at, unsigned who, unsigned round)
{
	static u8 want[4096];

	memset(want, 0, sizeof(want));
	if (round)
		fill(want, who, round);
	return !memcmp(at, want, block_size);
}

static void check_recycled(const u8 *image, unsigned n, u64 seed)
{
	const u8 *at = image + recycled_block(n) * block_size;
	unsigned round = run->recycled[n].round;
	enum stage stage = run->recycled[n].stage;
	bool was = round && has(at, FREED_AS, round - 1);
	bool journaled = has(at, FREED_AS + 1 + n, round), written = has(at, FREED_AS, round);

	if (!round ? has(at, 0, 0) :
	    stage == CREATING ? was || journaled :
	    /* From FREEING on it may be free already: then what it holds means nothing. */
	    stage == CREATED ? journaled :
	    stage == WRITTEN ? written : true)
		return;
	fail_msg("SEED=%lu: freed block %u at stage %d of round %u: %08x %08x%s", seed, n, stage,
		 round, ((const u32 *)at)[0], ((const u32 *)at)[1],
		 journaled ? ", as it was before it was freed" : "");
}

static void check_image(const char *path, u64 seed)
{
	size_t size;
	u8 *image = image_map(path, &size, false);

	for (unsigned id = 0; id < TASKS; id++)
		check_task(image, id, seed);
	for (unsigned n = 0; n < RECYCLED; n++)
		check_recycled(image, n, seed);
	munmap(image, size);
}

/* The two replays made the same, but for the super block. */
static void check_same(const char *a, const char *b, u64 seed)
{
	size_t size;
	u8 *x = image_map(a, &size, false), *y = image_map(b, &size, false);

	memset(x + 1024, 0, 1024);
	memset(y + 1024, 0, 1024);
	for (size_t at = 0; at < size; at += 1024)
		if (memcmp(x + at, y + at, 1024))
			fail_msg("SEED=%lu: e2fsck's replay differs from ours at block %lu", seed,
				 at / block_size);
	munmap(x, size);
	munmap(y, size);
}

static const struct {
	const char *mke2fs;
	unsigned block_size;
} variants[] = {
	{"-t ext4 -b 1024 -J size=1", 1024},
	{"-t ext4 -b 4096 -J size=4", 4096},
	{"-t ext4 -b 2048 -O ^64bit,^metadata_csum -J size=2", 2048},
	{"-t ext3 -b 1024 -J size=1", 1024},
	{"-t ext4 -b 1024 -O ^has_journal", 1024},
};

static void make_image(unsigned variant)
{
	block_size = variants[variant].block_size;
	first_block = (20ul << 20) / block_size;
	image_run("rm -f %s && mke2fs -q -F %s %s 32M >/dev/null 2>&1", image_path,
		  variants[variant].mke2fs, image_path);
	/* The blocks hold nothing, and the file system has nothing there. */
	image_run("debugfs -R 'testb %lu %u' %s 2>/dev/null | grep -q 'marked in use' && exit 1; "
		  "exit 0", (unsigned long)first_block, TASKS * TASK_BLOCKS + RECYCLED,
		  image_path);
}

static void seeds(u64 *from, u64 *to, u64 usual)
{
	const char *one = getenv("SEED"), *many = getenv("ROUNDS");

	*from = one ? strtoull(one, NULL, 0) : 1;
	*to = one ? *from : many ? strtoull(many, NULL, 0) : usual;
}

static void test_everything_is_home(void **state)
{
	u64 from, to;

	seeds(&from, &to, ARRAY_SIZE(variants));
	steps = 400;
	for (u64 seed = from; seed <= to; seed++) {
		enum host_end end;

		memset(run, 0, sizeof(*run));
		make_image(seed % ARRAY_SIZE(variants));
		end = run_image(begin_write_run, image_path, seed, 0);
		if (end != HOST_OFF)
			fail_msg("SEED=%lu: %s: %s\n%s", seed, host_end_name(end), result.why,
				 result.console);
		for (unsigned id = 0; id < TASKS; id++)
			run->lasting[id] = steps;
		check_image(image_path, seed);
		image_run("e2fsck -fn %s >/dev/null 2>&1", image_path);
	}
}

static void test_power_cuts(void **state)
{
	unsigned cuts = 0;
	u64 from, to;

	seeds(&from, &to, 30);
	steps = 400;
	for (u64 seed = from; seed <= to; seed++) {
		/* Without a log a cut may leave half of a commit. */
		unsigned variant = seed % (ARRAY_SIZE(variants) - 1);
		enum host_end end;

		memset(run, 0, sizeof(*run));
		make_image(variant);
		end = run_image(begin_write_run, image_path, seed, 20 + mix(seed) % 3000);
		if (end != HOST_CUT && end != HOST_OFF)
			fail_msg("SEED=%lu: %s: %s\n%s", seed, host_end_name(end), result.why,
				 result.console);
		cuts += end == HOST_CUT;
		image_run("cp %s %s", image_path, cut_path);
		image_run("e2fsck -E journal_only -y %s >/dev/null 2>&1 || [ $? -le 1 ]", cut_path);
		end = run_image(begin_replay_run, image_path, seed, 0);
		if (end != HOST_OFF)
			fail_msg("SEED=%lu: replay: %s: %s\n%s", seed, host_end_name(end),
				 result.why, result.console);
		check_image(image_path, seed);
		check_same(cut_path, image_path, seed);
	}
	assert_true(cuts > (to - from) / 2);
}

/* With the CPUs really at once: what TSan looks at. */
static void test_free_runs(void **state)
{
	u64 from, to;

	seeds(&from, &to, 5);
	steps = 200;
	mode = HOST_FREE;
	for (u64 seed = from; seed <= to; seed++) {
		enum host_end end;

		memset(run, 0, sizeof(*run));
		make_image(seed % ARRAY_SIZE(variants));
		end = run_image(begin_write_run, image_path, 3 * seed + 2, 0);
		if (end != HOST_OFF)
			fail_msg("SEED=%lu: %s: %s\n%s", seed, host_end_name(end), result.why,
				 result.console);
		image_run("e2fsck -fn %s >/dev/null 2>&1", image_path);
	}
	mode = 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything_is_home),
		cmocka_unit_test(test_power_cuts),
		cmocka_unit_test(test_free_runs),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	run = mmap(NULL, sizeof(*run), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (run == MAP_FAILED)
		return 1;
	snprintf(image_path, sizeof(image_path), "%s/image", image_scratch());
	snprintf(cut_path, sizeof(cut_path), "%s/cut", image_scratch());
	return cmocka_run_group_tests(tests, NULL, NULL);
}
