/* tests/fs/test_ext4_write.c -- an ext4 that is written to, beside an ordinary folder of the build
 * host: the same random changes, the same answers; at the end e2fsck finds nothing wrong and
 * both show the same tree. Then the power is cut at random writes: what is there afterwards is the
 * tree as it was after some change, not before the last one that was synced. */
#include "changes.h"
#include "co_machine.h"
#include "core/dev/blk.h"
#include "fs/ext4/ext4.h"
#include "image.h"
#include "tree.h"

#undef memcpy
#undef memset
#undef strlen
#undef strstr
#undef strcmp
#undef strchr
#include <linux/mount.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define CHANGES_MAX 4000

static struct tree *seen, *expected;
static struct host_result result;
static char source[200], copy[200], image_path[200], cut_path[200];

/* What a run leaves for the test, in memory that they share. */
static struct journal_of_run {
	unsigned count;		/* changes that were begun */
	unsigned done;		/* of them came back */
	unsigned synced;	/* of them are known to last */
	struct {
		struct change change;
		long err;
	} made[CHANGES_MAX];
} *run;

static unsigned steps;
static u32 kinds;
static bool sync_writes;	/* each write is waited for */
static u32 write_flags;		/* of the mount */

static const char *const root_dirs[] = {"/m", NULL};

static bool lasts(const struct change *c)
{
	return c->kind == SYNC || (sync_writes && c->kind == WRITE);
}

struct write_run {
	struct co_frame co;
	struct inode *root;
	unsigned step;
	long err;
};
static co_t write_run(struct co *co, struct write_run *f)
{
	CO_BEGIN;
	tree_boot();
	ext4_register();
	CO_AWAIT(f->err, tree_root, .dirs = root_dirs);
	CO_AWAIT(f->err, tree_mount, .type = "ext4", .at = "/m", .options = "", .root = &f->root,
		 .dev = BLK_NUMBER(BLK_MAJOR_VIRTIO, 0), .flags = write_flags);
	if (f->err)
		host_fail("mount: %ld", f->err);
	seen->brief = true;
	for (f->step = 0; f->step < steps; f->step++) {
		if (!host_random(200)) {
			tree_clear(seen);
			CO_AWAIT(f->err, tree_of_inode, .root = f->root, .tree = seen);
			host_expect(!seen->errors);
		}
		change_choose(&run->made[f->step].change, kinds);
		run->count = f->step + 1;
		CO_AWAIT(f->err, change_make, .change = &run->made[f->step].change, .at = "/m",
			 .sync = sync_writes);
		run->made[f->step].err = f->err;
		run->done = f->step + 1;
		if (!f->err && lasts(&run->made[f->step].change))
			run->synced = f->step + 1;
		if (getenv("SHOW"))
			fprintf(stderr, "%4u %s %s %s %lu: %ld\n", f->step,
				change_name(&run->made[f->step].change),
				run->made[f->step].change.a, run->made[f->step].change.b,
				run->made[f->step].change.n, f->err);
	}
	tree_clear(seen);
	CO_AWAIT(f->err, tree_of_inode, .root = f->root, .tree = seen);
	CO_AWAIT(f->err, tree_umount, .at = "/m");
	if (f->err)
		host_fail("umount: %ld", f->err);
	host_expect(!tree_supers("ext4"));
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(write_run)

/* Mount what there is, read-only or not, list it, unmount. */
static const char *read_options;
static bool read_only;
struct read_run {
	struct co_frame co;
	struct inode *root;
	long err;
};
static co_t read_run(struct co *co, struct read_run *f)
{
	CO_BEGIN;
	tree_boot();
	ext4_register();
	CO_AWAIT(f->err, tree_root, .dirs = root_dirs);
	CO_AWAIT(f->err, tree_mount, .type = "ext4", .at = "/m", .options = read_options,
		 .root = &f->root, .dev = BLK_NUMBER(BLK_MAJOR_VIRTIO, 0),
		 .flags = read_only ? MS_RDONLY : 0);
	if (f->err)
		host_fail("mount again: %ld", f->err);
	seen->brief = true;
	CO_AWAIT(f->err, tree_of_inode, .root = f->root, .tree = seen);
	CO_AWAIT(f->err, tree_umount, .at = "/m");
	host_expect(!f->err && !tree_supers("ext4"));
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(read_run)

static enum host_end run_image(co_machine_main *first, u64 seed, u64 cut)
{
	size_t size;
	u8 *image = image_map(image_path, &size, true);
	struct host_config config = {
		.seed = seed, .cpus = 1 + seed % 2, .memory = 192ul << 20,
		.limit_ns = 36000ul * 1000000000, .verbose = getenv("SEED") != NULL,
		.disk[0] = {.image = image, .size = size, .cut_at_write = cut},
	};
	enum host_end end;

	tree_clear(seen);
	end = co_machine_run(config, first, &result);
	munmap(image, size);
	return end;
}

static void expect_off(enum host_end end, u64 seed, const char *what)
{
	if (end != HOST_OFF)
		fail_msg("SEED=%lu: %s: %s: %s\n%s", (unsigned long)seed, what, host_end_name(end),
			 result.why, result.console);
}

static void expect_clean(const char *path, u64 seed, const char *what)
{
	char command[600];

	snprintf(command, sizeof(command), "e2fsck -fn %s >%s.fsck 2>&1", path, path);
	if (system(command)) {
		snprintf(command, sizeof(command), "head -40 %s.fsck >&2", path);
		(void)!system(command);
		fail_msg("SEED=%lu: %s: e2fsck finds something\n%s", (unsigned long)seed, what,
			 result.console);
	}
}

static void expect_tree(u64 seed, const char *what)
{
	tree_sort(seen);
	if (tree_difference(seen, expected))
		fail_msg("SEED=%lu: %s: %s", (unsigned long)seed, what,
			 tree_difference(seen, expected));
}

static const char *const variants[] = {
	"-t ext4", "-t ext4 -b 1024", "-t ext2 -b 1024", "-t ext4 -O ^has_journal",
	"-t ext3 -b 2048", "-t ext4 -O ^metadata_csum,uninit_bg -b 2048 -I 128", "-t ext2 -b 4096",
	"-t ext4 -O orphan_file,metadata_csum_seed -b 1024", "-t ext4 -O ^dir_index,^64bit",
	"-t ext4 -O meta_bg,^resize_inode -b 1024 -g 1024", "-t ext4 -O ^flex_bg,sparse_super2",
	"-t ext4 -O ^huge_file,^large_file,^extra_isize,^dir_nlink",
};

static void make_image(const char *mke2fs, const char *size)
{
	image_run("rm -f %s && mke2fs -q -F %s -d %s %s %s >/dev/null 2>&1", image_path, mke2fs,
		  source, image_path, size);
}

static void seeds(u64 *from, u64 *to, u64 usual)
{
	const char *one = getenv("SEED"), *many = getenv("ROUNDS");

	*from = one ? strtoull(one, NULL, 0) : 1;
	*to = one ? *from : many ? strtoull(many, NULL, 0) : usual;
}

static void test_random_changes(void **state)
{
	u64 from, to;

	seeds(&from, &to, ARRAY_SIZE(variants));
	steps = 1000;
	kinds = (1u << CHANGE_KINDS) - 1;
	sync_writes = false;
	for (u64 seed = from; seed <= to; seed++) {
		const char *variant = variants[seed % ARRAY_SIZE(variants)];
		unsigned refused = 0;

		memset(run, 0, sizeof(*run));
		make_image(variant, "64M");
		expect_off(run_image(begin_write_run, seed, 0), seed, variant);
		image_run("rm -rf %s && cp -a %s %s", copy, source, copy);
		for (unsigned i = 0; i < run->count; i++) {
			const struct change *c = &run->made[i].change;
			long err;

			/* One block's worth of attributes is all that fits, and some have many. */
			if (c->kind == SET_XATTR && run->made[i].err == -ENOSPC) {
				refused++;
				continue;
			}
			/* Maps of blocks cannot. */
			if ((c->kind == RANGE_OUT || c->kind == RANGE_IN) &&
			    !strstr(variant, "-t ext4") && run->made[i].err == -EOPNOTSUPP)
				continue;
			err = c->kind == SYNC ? 0 : change_on_host(c, copy);
			if (err != run->made[i].err)
				fail_msg("SEED=%lu, %s: step %u, %s %s %s: %ld, should be %ld",
					 (unsigned long)seed, variant, i, change_name(c), c->a, c->b,
					 run->made[i].err, err);
		}
		expected->brief = true;
		tree_of_host(expected, copy);
		expect_tree(seed, variant);
		expect_clean(image_path, seed, variant);
		read_only = seed % 2;
		expect_off(run_image(begin_read_run, seed, 0), seed, "mounted again");
		expect_tree(seed, "mounted again");
		expect_clean(image_path, seed, "mounted again");
		print_message("  %s: %u changes\n", variant, run->count);
		if (refused > 10)
			fail_msg("%u attributes were refused: are there so many?", refused);
	}
}

/* Is the tree that is seen the one after some number of changes that may be? A write that was under
 * way may be there in part: then its file is not looked at. */
static bool some_state_fits(void)
{
	image_run("rm -rf %s && cp -a %s %s", copy, source, copy);
	expected->brief = true;
	for (unsigned i = 0;; i++) {
		if (i >= run->synced) {
			tree_of_host(expected, copy);
			if (!tree_difference(seen, expected))
				return true;
			if (getenv("SEED"))
				fprintf(stderr, "not after %u: %.200s\n", i,
					tree_difference(seen, expected));
		}
		if (i == run->count)
			return false;
		/* A change that did not come back is as if it had, or not been begun. */
		if ((i < run->done && run->made[i].err) || run->made[i].change.kind == SYNC)
			continue;
		change_on_host(&run->made[i].change, copy);
	}
}

/* So mounted, all that came back is there: what was changed waited until it lasts. */
static void test_mounted_sync(void **state)
{
	u64 from, to;

	seeds(&from, &to, 4);
	steps = 150;
	kinds = 1u << MAKE_DIR | 1u << MAKE_FILE | 1u << REMOVE | 1u << REMOVE_DIR | 1u << RENAME |
		1u << EXCHANGE | 1u << SYMLINK | 1u << LINK | 1u << SET_XATTR | 1u << REMOVE_XATTR;
	sync_writes = false;
	write_flags = MS_SYNCHRONOUS;
	for (u64 seed = from; seed <= to; seed++) {
		u64 cut = 1 + seed * 7919 % 250;
		enum host_end end;

		memset(run, 0, sizeof(*run));
		make_image(seed % 2 ? "-t ext4 -b 1024 -J size=1" : "-t ext4", "32M");
		end = run_image(begin_write_run, seed, cut);
		if (end != HOST_OFF && end != HOST_CUT)
			expect_off(end, seed, "sync");
		run->synced = run->done;
		read_only = false;
		expect_off(run_image(begin_read_run, seed, 0), seed, "after the cut");
		expect_clean(image_path, seed, "after our replay");
		tree_sort(seen);
		if (!some_state_fits())
			fail_msg("SEED=%lu, cut at write %lu: %u changes came back, and are not there: %s",
				 (unsigned long)seed, (unsigned long)cut, run->done,
				 tree_difference(seen, expected));
		print_message("  seed %lu: %s, %u changes\n", (unsigned long)seed, host_end_name(end),
			      run->done);
	}
	write_flags = 0;
}

static void test_power_cuts(void **state)
{
	u64 from, to;

	seeds(&from, &to, 8);
	steps = 400;
	/* What one handle changes at once: a truncation of a file with much in it takes several. */
	kinds = 1u << MAKE_DIR | 1u << MAKE_FILE | 1u << REMOVE | 1u << REMOVE_DIR | 1u << RENAME |
		1u << EXCHANGE | 1u << CHMOD | 1u << SYMLINK | 1u << LINK | 1u << SET_XATTR |
		1u << REMOVE_XATTR | 1u << SYNC | 1u << RANGE_OUT | 1u << RANGE_IN;
	sync_writes = true;
	for (u64 seed = from; seed <= to; seed++) {
		const char *variant = seed % 3 ? "-t ext4 -b 1024 -J size=1" : "-t ext4 -O orphan_file";
		u64 cut = 1 + seed * 7919 % 700;
		enum host_end end;

		memset(run, 0, sizeof(*run));
		make_image(variant, seed % 3 ? "32M" : "64M");
		end = run_image(begin_write_run, seed, cut);
		if (getenv("SEED"))
			print_message("%s after %u changes, %u done, %u synced\n", host_end_name(end),
				      run->count, run->done, run->synced);
		if (end != HOST_OFF && end != HOST_CUT)
			expect_off(end, seed, variant);
		/* e2fsck replays a copy's journal, we ours; both must be right. */
		image_run("cp %s %s && e2fsck -fy -E journal_only %s >/dev/null 2>&1 || [ $? -le 1 ]",
			  image_path, cut_path, cut_path);
		image_run("e2fsck -p %s >/dev/null 2>&1 || [ $? -le 1 ]", cut_path);
		expect_clean(cut_path, seed, "after e2fsck's replay");
		read_only = false;
		expect_off(run_image(begin_read_run, seed, 0), seed, "after the cut");
		expect_clean(image_path, seed, "after our replay");
		tree_sort(seen);
		if (!some_state_fits())
			fail_msg("SEED=%lu, %s, cut at write %lu: no state between %u and %u: %s",
				 (unsigned long)seed, variant, (unsigned long)cut, run->synced,
				 run->count, tree_difference(seen, expected));
		if (seed % 10 == 0)
			print_message("  seed %lu: cut at write %lu, %u changes done, %u synced\n",
				      (unsigned long)seed, (unsigned long)cut, run->done, run->synced);
	}
}

/* Data: what fsync returned for is there, whatever else. */
static void test_synced_writes(void **state)
{
	u64 from, to;

	seeds(&from, &to, 4);
	steps = 150;
	kinds = 1u << MAKE_FILE | 1u << WRITE | 1u << RENAME | 1u << REMOVE;
	sync_writes = true;
	for (u64 seed = from; seed <= to; seed++) {
		u64 cut = 1 + seed * 7919 % 1200;
		enum host_end end;
		unsigned last;

		memset(run, 0, sizeof(*run));
		make_image(seed % 2 ? "-t ext4 -b 1024 -J size=1" : "-t ext4", "64M");
		end = run_image(begin_write_run, seed, cut);
		if (end != HOST_OFF && end != HOST_CUT)
			expect_off(end, seed, "writes");
		/* The one that was under way may be there in part: not looked at. */
		last = run->count - 1;
		if (end == HOST_CUT && run->count > run->done && run->made[last].change.kind == WRITE)
			continue;
		read_only = false;
		expect_off(run_image(begin_read_run, seed, 0), seed, "after the cut");
		expect_clean(image_path, seed, "after our replay");
		tree_sort(seen);
		if (!some_state_fits())
			fail_msg("SEED=%lu, cut at write %lu: no state between %u and %u: %s",
				 (unsigned long)seed, (unsigned long)cut, run->synced, run->count,
				 tree_difference(seen, expected));
	}
}

/* --- damaged file systems that are written to: errors, and nothing worse --- */

struct damaged_run {
	struct co_frame co;
	struct inode *root;
	unsigned step;
	long err;
};
static co_t damaged_run(struct co *co, struct damaged_run *f)
{
	CO_BEGIN;
	tree_boot();
	ext4_register();
	CO_AWAIT(f->err, tree_root, .dirs = root_dirs);
	CO_AWAIT(f->err, tree_mount, .type = "ext4", .at = "/m", .options = "", .root = &f->root,
		 .dev = BLK_NUMBER(BLK_MAJOR_VIRTIO, 0));
	if (f->err)
		CO_RETURN(0);
	run->synced = 1;
	for (f->step = 0; f->step < steps; f->step++) {
		change_choose(&run->made[f->step].change, kinds);
		CO_AWAIT(f->err, change_make, .change = &run->made[f->step].change, .at = "/m");
		run->done += !f->err;
	}
	tree_clear(seen);
	CO_AWAIT(f->err, tree_of_inode, .root = f->root, .tree = seen);
	CO_AWAIT(f->err, tree_umount, .at = "/m");
	host_expect(!tree_supers("ext4"));
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(damaged_run)

static u64 random_state;
static u32 next_random(void)
{
	random_state = random_state * 6364136223846793005ul + 1442695040888963407ul;
	return (u32)(random_state >> 33);
}

/* Most of it where metadata is: the first blocks of groups, and blocks of directories. */
static void damage_image(u64 seed)
{
	size_t size;
	u8 *image = image_map(image_path, &size, true);

	random_state = seed;
	for (unsigned i = 0; i < 1 + seed % 40; i++) {
		size_t at = next_random() % (next_random() % 4 ? min(size, 900000ul) : size);

		image[at] ^= (u8)(1u << next_random() % 8);
	}
	munmap(image, size);
}

static void test_damage(void **state)
{
	static const char *const kinds_of[] = {
		"-t ext4 -b 1024 -O ^metadata_csum,^64bit", "-t ext2 -b 1024",
		"-t ext4 -b 4096 -O ^metadata_csum", "-t ext4 -b 1024", "-t ext3 -b 2048"};
	unsigned mounted = 0, rounds = 0, done = 0;
	u64 from, to;

	seeds(&from, &to, 30);
	steps = 250;
	kinds = (1u << CHANGE_KINDS) - 1;
	for (u64 seed = from; seed <= to; seed++, rounds++) {
		memset(run, 0, sizeof(*run));
		make_image(kinds_of[seed % ARRAY_SIZE(kinds_of)], "24M");
		damage_image(seed);
		expect_off(run_image(begin_damaged_run, seed, 0), seed, "damaged");
		mounted += run->synced;
		done += run->done;
	}
	print_message("  %u of %u damaged file systems were mounted, %u changes made\n", mounted, rounds,
		      done);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_changes),
		cmocka_unit_test(test_power_cuts),
		cmocka_unit_test(test_mounted_sync),
		cmocka_unit_test(test_synced_writes),
		cmocka_unit_test(test_damage),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	seen = tree_new();
	expected = tree_new();
	run = mmap(NULL, sizeof(*run), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	read_options = "";
	snprintf(source, sizeof(source), "%s/source", image_scratch());
	snprintf(copy, sizeof(copy), "%s/copy", image_scratch());
	snprintf(image_path, sizeof(image_path), "%s/image", image_scratch());
	snprintf(cut_path, sizeof(cut_path), "%s/cut", image_scratch());
	image_fill(source, 300);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
