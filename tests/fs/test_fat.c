/* tests/fs/test_fat.c -- images that mkfs.fat and mtools made, read through the kernel on the simulated
 * machine; then damaged ones, read and written, which must give errors and nothing worse. */
#include <linux/mount.h>
#include <linux/stat.h>

#include "co_machine.h"
#include "core/dev/blk.h"
#include "fs/fat/register.h"
#include "image.h"
#include "tree.h"

#undef memcpy
#undef memset
#undef strlen
#undef strstr
#undef strcmp
#include <string.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static struct tree *seen, *expected;
static char source[200], image_path[200], options[100];
static bool writes;
static struct host_result result;

/* Whatever comes of it: names made, one removed, bytes written to each of the first files. */
struct change_all {
	struct co_frame co;
	struct inode *root, *made;
	unsigned n;
	char name[40];
	struct inode_attr attr;
	long err;
};
static co_t change_all(struct co *co, struct change_all *f)
{
	CO_BEGIN;
	for (f->n = 0; f->n < 12; f->n++) {
		snprintf(f->name, sizeof(f->name), "%s number %u", f->n % 3 ? "a new file" : "new", f->n);
		f->made = NULL;
		CO_WRITE_LOCK(&f->root->lock);
		CO_AWAIT_OP(f->err, f->root->ops->create, .dir = f->root, .name = f->name,
			    .len = strlen(f->name), .mode = f->n % 3 ? S_IFREG | 0644 : S_IFDIR | 0755,
			    .made = &f->made);
		rwlock_unlock_write(&f->root->lock);
		if (f->err || f->n % 3 == 0) {
			inode_put(f->made);
			continue;
		}
		CO_WRITE_LOCK(&f->made->lock);
		f->attr = (struct inode_attr){.valid = ATTR_SIZE, .size = 3000 * f->n};
		CO_AWAIT_OP(f->err, f->made->ops->setattr, .inode = f->made, .attr = &f->attr);
		rwlock_unlock_write(&f->made->lock);
		if (f->n % 2) {
			CO_WRITE_LOCK(&f->root->lock);
			CO_WRITE_LOCK_NEXT(&f->made->lock);
			CO_AWAIT_OP(f->err, f->root->ops->unlink, .dir = f->root, .name = f->name,
				    .len = strlen(f->name), .inode = f->made);
			rwlock_unlock_write(&f->made->lock);
			rwlock_unlock_write(&f->root->lock);
		}
		CO_AWAIT(f->err, inode_put_wait, .inode = f->made);
	}
	CO_RETURN(0);
	CO_END;
}

static const char *const root_dirs[] = {"m", NULL};
struct read_all {
	struct co_frame co;
	struct inode *root;
	long err;
};
static co_t read_all(struct co *co, struct read_all *f)
{
	CO_BEGIN;
	tree_boot();
	fat_register();
	CO_AWAIT(f->err, tree_root, .dirs = root_dirs);
	CO_AWAIT(f->err, tree_mount, .type = "vfat", .at = "/m", .options = options, .root = &f->root,
		 .dev = BLK_NUMBER(BLK_MAJOR_VIRTIO, 0), .flags = writes ? 0 : MS_RDONLY);
	if (f->err) {
		log_err("mount: error %d", (int)-f->err);
		CO_RETURN(0);
	}
	seen->brief = true;
	CO_AWAIT(f->err, tree_of_inode, .root = f->root, .tree = seen);
	if (writes)
		CO_AWAIT(f->err, change_all, .root = f->root);
	CO_AWAIT(f->err, tree_umount, .at = "/m");
	host_expect(!f->err && !tree_supers("vfat"));
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(read_all)

static enum host_end run_image(u8 *image, size_t size, unsigned cpus, u64 seed, u32 errors)
{
	struct host_config config = {
		.seed = seed, .cpus = cpus, .memory = 192ul << 20, .limit_ns = 3600ul * 1000000000,
		.disk[0] = {.image = image, .size = size & ~511ul, .error_rate = errors},
	};

	tree_clear(seen);
	return co_machine_run(config, begin_read_all, &result);
}

/* Made by mkfs.fat with these options, with what is in `source`. */
static void make_image(const char *how, const char *size, const char *from)
{
	image_run("rm -f %s && truncate -s %s %s && mkfs.fat %s %s >/dev/null 2>&1 && "
		  "MTOOLS_SKIP_CHECK=1 mcopy -s -i %s %s/* ::", image_path, size, image_path, how, image_path,
		  image_path, from);
}

static void check_variant(const char *how, const char *of_size)
{
	const char *difference;
	size_t size;
	u8 *image;

	make_image(how, of_size, source);
	image = image_map(image_path, &size, false);
	writes = false;
	if (run_image(image, size, 1, 1, 0) != HOST_OFF)
		fail_msg("mkfs.fat %s: %s\n%s", how, result.why, result.console);
	munmap(image, size);
	tree_sort(seen);
	difference = tree_difference(seen, expected);
	if (difference || !seen->files)
		fail_msg("mkfs.fat %s: %u files, console:\n%s\n%.2000s", how, seen->files, result.console,
			 difference);
	print_message("  mkfs.fat %s: %u files equal\n", how, seen->files);
}

static void test_variants(void **state)
{
	check_variant("-F 12", "12M");
	check_variant("-F 12 -s 32 -f 1", "16M");
	check_variant("-F 16", "32M");
	check_variant("-F 16 -S 2048", "32M");
	check_variant("-F 32 -s 1", "64M");
	check_variant("-F 32 -S 4096", "300M");
}

/* Written and unmounted, nothing is wrong with it. */
static void test_written(void **state)
{
	static const char *const variants[][2] = {
		{"-F 12 -s 1", "2M"}, {"-F 12", "12M"}, {"-F 16", "32M"}, {"-F 32 -s 1", "64M"},
	};
	size_t size;
	u8 *image;

	for (unsigned i = 0; i < ARRAY_SIZE(variants); i++)
		for (u64 seed = 1; seed <= 4; seed++) {
			make_image(variants[i][0], variants[i][1], source);
			image = image_map(image_path, &size, true);
			writes = true;
			if (run_image(image, size, 1 + seed % 2, seed, 0) != HOST_OFF)
				fail_msg("%s: %s\n%s", variants[i][0], result.why, result.console);
			munmap(image, size);
			image_run("fsck.fat -n %s >%s.said || { cat %s.said; false; }", image_path,
				  image_path, image_path);
		}
}

static u64 random_state;
static u32 next_random(void)
{
	random_state = random_state * 6364136223846793005ul + 1442695040888963407ul;
	return (u32)(random_state >> 33);
}

/* Bits of the boot sector, the tables and directories, which lie at the start. */
static void damage(const char *how, const char *of_size, unsigned rounds, size_t hint)
{
	unsigned mounted = 0;
	size_t size;
	u8 *image;

	make_image(how, of_size, source);
	for (unsigned round = 1; round <= rounds; round++) {
		image = image_map(image_path, &size, false);
		random_state = round;
		for (unsigned i = 0; i < 1 + round % 40; i++) {
			/* Rarely in the first sector: then it is just not mounted. */
			size_t at = next_random() % 8 ? 512 + next_random() % (hint - 512)
						      : next_random() % (round % 4 ? hint : 512);

			image[at] ^= (u8)(1u << next_random() % 8);
		}
		writes = round % 2;
		if (run_image(image, size, 1, round, 0) != HOST_OFF)
			fail_msg("mkfs.fat %s, round %u: %s\n%s", how, round, result.why, result.console);
		mounted += seen->files > 0;
		munmap(image, size);
	}
	print_message("  mkfs.fat %s: %u of %u damaged images mounted\n", how, mounted, rounds);
}

static void test_damage(void **state)
{
	const char *given = getenv("ROUNDS");
	unsigned rounds = given ? (unsigned)atoi(given) : 60;

	strcat(options, ",errors=continue");
	damage("-F 12 -s 8", "12M", rounds, 60000);
	damage("-F 16", "32M", rounds, 180000);
	options[strlen(options) - strlen(",errors=continue")] = 0;
	damage("-F 32 -s 1", "64M", rounds, 1100000);
}

/* A disk that fails one request in eight: errors, and nothing else. */
static void test_disk_errors(void **state)
{
	size_t size;
	u8 *image;

	make_image("-F 16", "32M", source);
	for (u64 seed = 1; seed <= 6; seed++) {
		image = image_map(image_path, &size, false);
		writes = seed % 2;
		if (run_image(image, size, 2, seed, 60) != HOST_OFF)
			fail_msg("failing disk, seed %lu: %s\n%s", (unsigned long)seed, result.why,
				 result.console);
		munmap(image, size);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_variants),
		cmocka_unit_test(test_written),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_disk_errors),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	seen = tree_new();
	expected = tree_new();
	snprintf(source, sizeof(source), "%s/source", image_scratch());
	snprintf(image_path, sizeof(image_path), "%s/image", image_scratch());
	snprintf(options, sizeof(options), "umask=022,uid=%u,gid=%u", (unsigned)getuid(), (unsigned)getgid());
	image_run("mkdir -p %s/many %s/a/b/c/d && cd %s && for i in $(seq 300); do echo $i > "
		  "\"many/A file whose name is long, number $i.text\"; done && "
		  "for i in $(seq 20); do seq $((i * i * 40)) > a/b/$i.txt; done && "
		  "printf x > a/b/c/d/SHORT.TXT && printf x > \"a/b/c/caf\xc3\xa9 \xe6\x97\xa5\" && "
		  "seq 100000 > a/large && chmod -R 0755 .", source, source, source);
	expected->brief = true;
	tree_of_host(expected, source);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
