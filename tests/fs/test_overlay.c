/* tests/fs/test_overlay.c -- the overlay of a tmpfs over an ext4 image, beside an ordinary
 * folder of the build host: the same random changes are made to both, with the same answers,
 * and at the end both show the same tree. */
#include "co_machine.h"
#include "core/dev/blk.h"
#include "fs/ext4/ext4.h"
#include "fs/overlayfs/overlayfs.h"
#include "image.h"
#include "tree.h"
#include "vfs/attr.h"
#include "vfs/entry.h"
#include "vfs/open.h"

#undef memcpy
#undef memset
#undef strlen
#undef strstr
#undef strcmp
#undef strchr
#include <errno.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* <fcntl.h> does not go together with the kernel's <linux/fcntl.h>. */
int open(const char *path, int flags, ...);
int renameat2(int old_dir, const char *old, int new_dir, const char *new, unsigned flags);

static struct tree *seen, *expected;
static struct host_result result;
static char source[200], copy[200], image_path[200];
static unsigned steps = 400;

/* --- one change, on both sides --- */

enum kind { MAKE_DIR, MAKE_FILE, REMOVE, REMOVE_DIR, RENAME, EXCHANGE, WRITE, TRUNCATE, CHMOD,
	    SYMLINK, LINK, LIST, KINDS };
static const char *const kind_names[] = {"mkdir", "creat", "unlink", "rmdir", "rename",
					 "exchange", "write", "truncate", "chmod", "symlink",
					 "link", "list"};

static const char *const dirs[] = {"", "/a", "/a/b", "/a/b/c", "/a/b/c/d", "/empty", "/new",
				   "/a/new", "/new/new", "/empty/new", "/many"};
static const char *const leaves[] = {"short", "page", "large", "odd", "new", "x", "y", "link",
				     "hard", "none", "b", "c", "d", "empty", "tail", "fifo",
				     "entry 3 abc", "entry 7 abcdefg"};

static void choose_path(char to[256])
{
	const char *dir = dirs[host_random(ARRAY_SIZE(dirs))];

	if (host_random(4))
		snprintf(to, 256, "%s/%s", dir, leaves[host_random(ARRAY_SIZE(leaves))]);
	else
		snprintf(to, 256, "%s", *dir ? dir : "/new");
}

/* The change at hand; names are below the mount. */
static struct {
	enum kind kind;
	char a[256], b[256];
	u64 n;
} now;

static char ours_a[300], ours_b[300];
static char text[9000];

static long host_change(void)
{
	char a[600], b[600];
	int fd;
	long n = 0;

	snprintf(a, sizeof(a), "%s%s", copy, now.a);
	snprintf(b, sizeof(b), "%s%s", copy, now.b);
	switch (now.kind) {
	case MAKE_DIR:
		n = mkdir(a, 0751);
		break;
	case MAKE_FILE:
		fd = open(a, O_CREAT | O_EXCL | O_WRONLY | O_NONBLOCK, 0640);
		n = fd < 0 ? -1 : close(fd);
		break;
	case REMOVE:
		n = unlink(a);
		break;
	case REMOVE_DIR:
		n = rmdir(a);
		break;
	case RENAME:
		n = renameat2(AT_FDCWD, a, AT_FDCWD, b, 0);
		break;
	case EXCHANGE:
		n = renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
		break;
	case WRITE:
		fd = open(a, O_WRONLY | O_NONBLOCK | O_NOFOLLOW);
		n = fd < 0 ? -1 : 0;
		if (!n && pwrite(fd, text, now.n % sizeof(text), (off_t)now.n) < 0)
			n = -1;
		if (fd >= 0)
			close(fd);
		break;
	case TRUNCATE:
		fd = open(a, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_TRUNC);
		n = fd < 0 ? -1 : ftruncate(fd, (off_t)now.n);
		if (fd >= 0)
			close(fd);
		break;
	case CHMOD:
		n = fchmodat(AT_FDCWD, a, now.n & 0777, 0);
		break;
	case SYMLINK:
		n = symlink("nowhere", a);
		break;
	case LINK:
		n = linkat(AT_FDCWD, a, AT_FDCWD, b, 0);
		break;
	default:
		break;
	}
	return n ? -errno : 0;
}

struct change {
	struct co_frame co;
	struct file *file;
	struct uio uio;
	struct walk *walk;
	struct inode_attr attr;
	long err;
};
static co_t change(struct co *co, struct change *f)
{
	CO_BEGIN;
	snprintf(ours_a, sizeof(ours_a), "/m%s", now.a);
	snprintf(ours_b, sizeof(ours_b), "/m%s", now.b);
	if (now.kind == MAKE_DIR)
		CO_AWAIT(f->err, entry_make, .dirfd = AT_FDCWD, .name = ours_a,
			 .mode = S_IFDIR | 0751);
	if (now.kind == MAKE_FILE)
		CO_AWAIT(f->err, entry_make, .dirfd = AT_FDCWD, .name = ours_a,
			 .mode = S_IFREG | 0640);
	if (now.kind == SYMLINK)
		CO_AWAIT(f->err, entry_make, .dirfd = AT_FDCWD, .name = ours_a, .mode = S_IFLNK,
			 .target = "nowhere");
	if (now.kind == REMOVE || now.kind == REMOVE_DIR)
		CO_AWAIT(f->err, entry_remove, .dirfd = AT_FDCWD, .name = ours_a,
			 .directory = now.kind == REMOVE_DIR);
	if (now.kind == RENAME || now.kind == EXCHANGE)
		CO_AWAIT(f->err, entry_rename, .old_dirfd = AT_FDCWD, .new_dirfd = AT_FDCWD,
			 .old_name = ours_a, .new_name = ours_b,
			 .flags = now.kind == EXCHANGE ? RENAME_EXCHANGE : 0);
	if (now.kind == WRITE || now.kind == TRUNCATE) {
		CO_AWAIT(f->err, open_at, .dirfd = AT_FDCWD, .name = ours_a,
			 .flags = 01 | 04000 | 0100000 /* O_WRONLY|O_NONBLOCK|O_NOFOLLOW, arm64 */ |
				  (now.kind == TRUNCATE ? O_TRUNC : 0),
			 .file = &f->file);
		if (!f->err && now.kind == WRITE) {
			f->uio = uio_kernel_const(text, now.n % sizeof(text));
			CO_AWAIT(f->err, file_write, .file = f->file, .uio = &f->uio,
				 .pos = (i64)now.n);
			f->err = f->err < 0 ? f->err : 0;
		} else if (!f->err) {
			f->attr = (struct inode_attr){.valid = ATTR_SIZE, .size = now.n};
			CO_AWAIT(f->err, attr_change, .path = &f->file->path,
				 .cred = f->file->cred, .attr = &f->attr, .opened = true);
		}
		file_put(f->file);
	}
	if (now.kind == CHMOD || now.kind == LINK) {
		f->walk = kzalloc(sizeof(*f->walk));
		f->err = walk_start(f->walk, co, AT_FDCWD, ours_a,
				    now.kind == CHMOD ? WALK_FOLLOW : 0);
		if (!f->err)
			WALK(f->err, f->walk);
		f->attr = (struct inode_attr){.valid = ATTR_MODE, .mode = now.n & 0777};
		if (!f->err && now.kind == CHMOD)
			CO_AWAIT(f->err, attr_change, .path = &f->walk->path,
				 .cred = cred_current(co), .attr = &f->attr);
		else if (!f->err)
			CO_AWAIT(f->err, entry_link, .from = &f->walk->path, .dirfd = AT_FDCWD,
				 .name = ours_b);
		walk_finish(f->walk);
		kfree(f->walk);
	}
	CO_RETURN(f->err);
	CO_END;
}

/* --- the run --- */

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
		now.kind = (enum kind)host_random(KINDS);
		now.n = host_random(20000);
		choose_path(now.a);
		choose_path(now.b);
		if (now.kind == LIST && host_random(8))
			continue;
		tree_clear(seen);
		if (now.kind == LIST) {
			CO_AWAIT(f->err, tree_of_inode, .root = f->root, .tree = seen);
			host_expect(!seen->errors);
			continue;
		}
		CO_AWAIT(f->err, change);
		if (getenv("SHOW"))
			fprintf(stderr, "%4u %s %s %s %lu: %ld\n", f->step, kind_names[now.kind],
				now.a, now.b, now.n, f->err);
		/* What lies in the lower layer cannot move, as on Linux. */
		if (f->err == -EXDEV)
			continue;
		f->host_err = host_change();
		if (f->err != f->host_err)
			host_fail("step %u, %s %s %s: %ld, should be %ld", f->step,
				  kind_names[now.kind], now.a, now.b, f->err, f->host_err);
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
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 7 % 251);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
