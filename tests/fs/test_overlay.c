/* tests/fs/test_overlay.c -- the overlay of a tmpfs over an ext4 image, beside an ordinary
 * folder of the build host: the same random changes are made to both, with the same answers,
 * and at the end both show the same tree. */
#include "changes.h"
#include "co_machine.h"
#include "core/dev/blk.h"
#include "fs/ext4/ext4.h"
#include "fs/overlayfs/overlayfs.h"
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

static struct tree *seen, *expected;
static struct host_result result;
static char source[200], copy[200], image_path[200];
static unsigned steps = 400;

#define KINDS ((1u << CHANGE_KINDS) - 1 - (1u << SYNC) - (1u << SET_XATTR) - (1u << REMOVE_XATTR) - \
	       (1u << RANGE_OUT) - (1u << RANGE_IN))

static struct change now;

static const char *const root_dirs[] = {"/lower", "/changes", "/changes/upper", "/changes/work",
					"/m", NULL};

static const char overlay_options[] =
	"lowerdir=/lower,upperdir=/changes/upper,workdir=/changes/work";

struct overlay_run {
	struct co_frame co;
	struct inode *root;
	unsigned step;
	long err, host_err;
};
static co_t overlay_run(struct co *co, struct overlay_run *f)
{
	CO_BEGIN;
	tree_boot();
	ext4_register();
	overlayfs_register();
	CO_AWAIT(f->err, tree_root, .dirs = root_dirs);
	CO_AWAIT(f->err, tree_mount, .type = "ext4", .at = "/lower", .options = "",
		 .dev = BLK_NUMBER(BLK_MAJOR_VIRTIO, 0), .flags = MS_RDONLY);
	host_expect(!f->err);
	CO_AWAIT(f->err, tree_mount, .type = "overlay", .at = "/m", .root = &f->root,
		 .options = overlay_options);
	host_expect(!f->err);
	seen->brief = true;
	for (f->step = 0; f->step < steps; f->step++) {
		tree_clear(seen);
		if (!host_random(100)) {
			CO_AWAIT(f->err, tree_of_inode, .root = f->root, .tree = seen);
			host_expect(!seen->errors);
			continue;
		}
		change_choose(&now, KINDS);
		CO_AWAIT(f->err, change_make, .change = &now, .at = "/m");
		if (getenv("SHOW"))
			fprintf(stderr, "%4u %s %s %s %lu: %ld\n", f->step, change_name(&now),
				now.a, now.b, now.n, f->err);
		/* What lies in the lower layer cannot move, as on Linux. */
		if (f->err == -EXDEV)
			continue;
		f->host_err = change_on_host(&now, copy);
		if (f->err != f->host_err)
			host_fail("step %u, %s %s %s: %ld, should be %ld", f->step,
				  change_name(&now), now.a, now.b, f->err, f->host_err);
	}
	tree_clear(seen);
	CO_AWAIT(f->err, tree_of_inode, .root = f->root, .tree = seen);
	tree_sort(seen);
	expected->brief = true;
	tree_of_host(expected, copy);
	if (tree_difference(seen, expected))
		host_fail("%s", tree_difference(seen, expected));
	/* What was changed is in the upper directory: it shows again after a new mount. */
	CO_AWAIT(f->err, tree_umount, .at = "/m");
	host_expect(!f->err);
	CO_AWAIT(f->err, tree_mount, .type = "overlay", .at = "/m", .root = &f->root,
		 .options = overlay_options);
	host_expect(!f->err);
	tree_clear(seen);
	CO_AWAIT(f->err, tree_of_inode, .root = f->root, .tree = seen);
	tree_sort(seen);
	if (tree_difference(seen, expected))
		host_fail("mounted again: %s", tree_difference(seen, expected));
	CO_AWAIT(f->err, tree_umount, .at = "/m");
	host_expect(!f->err);
	CO_AWAIT(f->err, tree_umount, .at = "/lower");
	host_expect(!f->err);
	host_expect(!tree_supers("overlay") && !tree_supers("ext4"));
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(overlay_run)

static void test_random_changes(void **state)
{
	const char *one = getenv("SEED"), *many = getenv("ROUNDS");
	u64 from = one ? strtoull(one, NULL, 0) : 1;
	u64 to = one ? from : many ? strtoull(many, NULL, 0) : 12;
	size_t size;

	for (u64 seed = from; seed <= to; seed++) {
		u8 *image = image_map(image_path, &size, false);
		struct host_config config = {
			.seed = seed, .cpus = 1 + seed % 2, .memory = 192ul << 20,
			.limit_ns = 3600ul * 1000000000, .verbose = one,
			.disk[0] = {.image = image, .size = size},
		};

		image_run("rm -rf %s && cp -a %s %s", copy, source, copy);
		if (co_machine_run(config, begin_overlay_run, &result) != HOST_OFF)
			fail_msg("SEED=%lu: %s: %s\n%s", (unsigned long)seed,
				 host_end_name(result.end), result.why, result.console);
		munmap(image, size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_changes)};

	seen = tree_new();
	expected = tree_new();
	snprintf(source, sizeof(source), "%s/source", image_scratch());
	snprintf(copy, sizeof(copy), "%s/copy", image_scratch());
	snprintf(image_path, sizeof(image_path), "%s/image", image_scratch());
	image_fill(source, 300);
	/* Hard links of a lower file part when one is changed, as on Linux. */
	image_run("rm %s/a/hard %s/far && mke2fs -q -F -t ext4 -d %s %s 64M", source, source,
		  source, image_path);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
