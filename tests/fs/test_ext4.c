/* tests/fs/test_ext4.c -- images that mke2fs made, read through the kernel on the simulated
 * machine; then damaged ones, which must give errors and nothing worse. */
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
#include <string.h>
#include <sys/mman.h>

static struct tree *seen, *expected;
static const char *options;
static struct host_result result;

struct read_all {
	struct co_frame co;
	long err;
};
static co_t read_all(struct co *co, struct read_all *f)
{
	CO_BEGIN;
	tree_boot();
	ext4_register();
	CO_AWAIT(f->err, tree_of_mount, .type = "ext4", .options = options,
		 .dev = BLK_NUMBER(BLK_MAJOR_VIRTIO, 0), .tree = seen);
	if (f->err) {
		log_err("mount: error %d", (int)-f->err);
		CO_RETURN(0);
	}
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(read_all)

/* One run over an image; the console's text is in result. */
static enum host_end run_image(u8 *image, size_t size, unsigned cpus, u64 seed, u32 errors)
{
	struct host_config config = {
		.seed = seed, .cpus = cpus, .memory = 192ul << 20, .limit_ns = 3600ul * 1000000000,
		.disk[0] = {.image = image, .size = size & ~511ul, .error_rate = errors},
	};

	tree_clear(seen);
	return co_machine_run(config, begin_read_all, &result);
}

static void expect_end(enum host_end end, const char *what)
{
	if (end != HOST_OFF)
		fail_msg("%s: %s: %s\n%s", what, host_end_name(end), result.why, result.console);
}

static char source[200], image_path[200];

/* Make an image of the source folder with these mke2fs options, read it, compare. */
static void check_variant(const char *mke2fs, bool hash)
{
	const char *difference;
	size_t size;
	u8 *image;

	image_run("rm -f %s && mke2fs -q -F -d %s %s %s 160M >/dev/null 2>&1", image_path, source,
		  mke2fs, image_path);
	if (hash)
		image_run("e2fsck -fyD %s >/dev/null 2>&1 || [ $? -le 1 ]", image_path);
	image = image_map(image_path, &size, false);
	expect_end(run_image(image, size, 1, 1, 0), mke2fs);
	munmap(image, size);
	tree_sort(seen);
	difference = tree_difference(seen, expected);
	if (difference || !seen->files)
		fail_msg("%s: %u files, console:\n%s\n%.2000s", mke2fs, seen->files, result.console,
			 difference);
	print_message("  mke2fs %s%s: %u files equal\n", mke2fs, hash ? ", indexed" : "",
		      seen->files);
}

static void test_variants(void **state)
{
	static const char *const variants[] = {
		"-t ext4", "-t ext4 -b 1024", "-t ext4 -b 2048 -I 128", "-t ext2 -b 1024",
		"-t ext2 -b 4096", "-t ext3 -b 2048", "-t ext4 -O ^64bit,^metadata_csum",
		"-t ext4 -O ^metadata_csum,uninit_bg -b 1024", "-t ext4 -O metadata_csum_seed",
		"-t ext4 -O ^extents,^64bit", "-t ext4 -O meta_bg,^resize_inode -b 1024",
		"-t ext4 -O sparse_super2 -b 1024", "-t ext4 -O ^flex_bg,orphan_file",
		"-t ext4 -O ^has_journal,large_dir -b 1024", "-t ext4 -O ^filetype",
		"-t ext4 -O bigalloc -C 16384",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(variants); i++) {
		if (getenv("ONLY") && !strstr(variants[i], getenv("ONLY")))
			continue;
		for (int hash = 0; hash < 2; hash++)
			check_variant(variants[i], hash);
	}
}

/* A directory of 10,000 entries, with an index of several levels. */
static void test_large_directory(void **state)
{
	image_run("for i in $(seq 10000); do : > %s/many/one_of_ten_thousand_$i; done", source);
	tree_of_host(expected, source);
	check_variant("-t ext4 -b 1024", true);
	image_run("rm %s/many/one_of_ten_thousand_*", source);
	tree_of_host(expected, source);
}

/* An attribute that has an inode of its own. */
static void test_large_attribute(void **state)
{
	image_attribute(source, "page", "user.large", 3000);
	tree_of_host(expected, source);
	check_variant("-t ext4 -O ea_inode -b 1024", false);
	check_variant("-t ext4 -O ea_inode", false);
	image_run("rm %s/page", source);
	tree_of_host(expected, source);
}

static void test_hash_versions(void **state)
{
	check_variant("-t ext4 -b 1024 -E hash_seed=00112233-4455-6677-8899-aabbccddeeff", true);
	for (unsigned i = 0; i < 3; i++) {
		static const char *const names[] = {"legacy", "half_md4", "tea"};
		char fix[100];

		image_run("mke2fs -q -F -t ext4 -b 1024 -d %s %s 160M && "
			  "tune2fs -E hash_alg=%s %s >/dev/null && e2fsck -fyD %s >/dev/null 2>&1 "
			  "|| [ $? -le 1 ]",
			  source, image_path, names[i], image_path, image_path);
		snprintf(fix, sizeof(fix), "hash %s", names[i]);
		size_t size;
		u8 *image = image_map(image_path, &size, false);

		expect_end(run_image(image, size, 1, 1, 0), fix);
		munmap(image, size);
		tree_sort(seen);
		if (tree_difference(seen, expected))
			fail_msg("%s: %s", fix, tree_difference(seen, expected));
	}
}

/* A mount that must fail, with this text in the log. */
static void check_refused(const char *text)
{
	size_t size;
	u8 *image = image_map(image_path, &size, false);

	expect_end(run_image(image, size, 1, 1, 0), text);
	munmap(image, size);
	if (!strstr(result.console, text) || !strstr(result.console, "mount: error"))
		fail_msg("expected '%s':\n%s", text, result.console);
}

static void test_refused(void **state)
{
	image_run("mke2fs -q -F -t ext4 -O inline_data %s 8M", image_path);
	check_refused("feature inline_data is not supported");
	image_run("mke2fs -q -F -t ext4 -O encrypt %s 8M", image_path);
	check_refused("feature encrypt is not supported");
	image_run("mke2fs -q -F -t ext4 -b 1024 %s 8M && "
		  "debugfs -w -R 'feature needs_recovery' %s >/dev/null 2>&1 && "
		  "dd if=/dev/zero of=%s bs=1024 count=1 conv=notrunc "
		  "seek=$(debugfs -R 'bmap <8> 0' %s 2>/dev/null) 2>/dev/null",
		  image_path, image_path, image_path, image_path);
	check_refused("the journal could not be replayed");
	image_run("mke2fs -q -F -t ext4 %s 8M && debugfs -w -R 'feature FEATURE_I30' %s "
		  ">/dev/null 2>&1", image_path, image_path);
	check_refused("feature FEATURE_I30 is not supported");
	image_run("mke2fs -q -F -t ext4 %s 8M && truncate -s 7M %s", image_path, image_path);
	check_refused("larger than its device");
	image_run("dd if=/dev/zero of=%s bs=1M count=1 2>/dev/null", image_path);
	check_refused("there is no ext2");
	image_run("mke2fs -q -F -t ext4 %s 8M && printf x | dd of=%s bs=1 seek=1150 conv=notrunc "
		  "2>/dev/null", image_path, image_path);
	check_refused("super block's checksum is wrong");
	options = "noload,bogus";
	image_run("mke2fs -q -F -t ext4 %s 8M", image_path);
	check_refused("unknown mount option \"bogus\"");
	options = NULL;
}

static u64 random_state;
static u32 next_random(void)
{
	random_state = random_state * 6364136223846793005ul + 1442695040888963407ul;
	return (u32)(random_state >> 33);
}

/* Where metadata is: most damage should hit it. */
static size_t choose_place(size_t size, u32 blocks_hint)
{
	return next_random() % 4 ? next_random() % min(size, (size_t)blocks_hint)
				 : next_random() % size;
}

static void damage(const char *mke2fs, unsigned rounds)
{
	size_t size;
	u8 *image;
	unsigned mounted = 0;

	image_run("rm -f %s && mke2fs -q -F -N 1024 -d %s/small %s %s 12M >/dev/null 2>&1",
		  image_path, image_scratch(), mke2fs, image_path);
	image_run("e2fsck -fyD %s >/dev/null 2>&1 || [ $? -le 1 ]", image_path);
	for (unsigned round = 1; round <= rounds; round++) {
		unsigned n = 1 + (unsigned)(round % 40);

		random_state = round;
		image = image_map(image_path, &size, false);
		for (unsigned i = 0; i < n; i++)
			image[choose_place(size, 600000)] ^= (u8)(1u << next_random() % 8);
		if (run_image(image, size, 1, round, 0) != HOST_OFF)
			fail_msg("mke2fs %s, round %u: %s\n%s", mke2fs, round, result.why,
				 result.console);
		mounted += seen->files > 0;
		munmap(image, size);
	}
	print_message("  mke2fs %s: %u of %u damaged images mounted\n", mke2fs, mounted, rounds);
}

static void test_damage(void **state)
{
	const char *given = getenv("ROUNDS");
	unsigned rounds = given ? (unsigned)atoi(given) : 60;

	image_run("mkdir -p %s/small", image_scratch());
	image_run("cd %s/small && mkdir d e && for i in $(seq 700); do : > d/file$i; done && "
		  "seq 20000 > e/numbers && ln -s /a/b e/l && "
		  "for i in $(seq 1 2 400); do dd if=/dev/urandom of=e/holes bs=1024 count=1 "
		  "seek=$i conv=notrunc 2>/dev/null; done", image_scratch());
	for (int i = 0; i < 300; i++) {
		char name[32];

		snprintf(name, sizeof(name), "small/d/file%d", i + 1);
		image_attribute(image_scratch(), name, "user.small", (size_t)i % 20);
		image_attribute(image_scratch(), name, "security.larger", (size_t)i % 500);
	}
	damage("-t ext4 -b 1024 -O ^metadata_csum,^64bit", rounds);
	damage("-t ext2 -b 1024", rounds);
	damage("-t ext4 -b 4096 -O ^metadata_csum", rounds);
	damage("-t ext4 -b 1024", rounds / 3);
}

/* A disk that fails one request in eight: errors, and correct data where there is none. */
static void test_disk_errors(void **state)
{
	size_t size;
	u8 *image;

	image_run("mke2fs -q -F -t ext4 -b 1024 -d %s %s 160M", source, image_path);
	for (u64 seed = 1; seed <= 5; seed++) {
		image = image_map(image_path, &size, false);
		expect_end(run_image(image, size, 2, seed, 60), "failing disk");
		munmap(image, size);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_variants),
		cmocka_unit_test(test_large_directory),
		cmocka_unit_test(test_large_attribute),
		cmocka_unit_test(test_hash_versions),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_disk_errors),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	seen = tree_new();
	expected = tree_new();
	snprintf(source, sizeof(source), "%s/source", image_scratch());
	snprintf(image_path, sizeof(image_path), "%s/image", image_scratch());
	image_fill(source, 1500);
	tree_of_host(expected, source);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
