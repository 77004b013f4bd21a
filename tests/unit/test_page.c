/* tests/unit/test_page.c -- the page cache under tasks that read, write, map and truncate one
 * file at once, over a made-up disk that answers late and fails at times.
 */
#include "vfs_machine.h"

#define FILE_PAGES 40
#define STAMP(page_, word_) ((u64)(page_) << 32 | (word_) | 1ul << 63)

/* --- the disk: every page's words carry its number --- */

static u64 disk_reads, disk_fails;	/* [a] */
static u64 disk_fail_every;

static void disk_fill(struct page *page)
{
	u64 *words = phys_page_data(page);

	for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
		words[i] = STAMP(page->index, i);
}

struct disk_readpage {
	struct mapping_readpage;
	long r;
	bool fail;
};
static co_t disk_readpage(struct co *co, struct disk_readpage *f)
{
	u64 n;

	CO_BEGIN;
	n = atomic_add(&disk_reads, 1ul);
	f->fail = disk_fail_every && n % disk_fail_every == 0;
	CO_WAIT_IO_UNTIL(f->r, NULL, false, hal_clock_ns() + 1000 * (1 + n % 7));
	host_expect(atomic_load(&f->page->flags) & PAGE_BUSY);
	host_expect(!(atomic_load(&f->page->flags) & PAGE_UPTODATE));
	if (f->fail)
		atomic_add(&disk_fails, 1ul);
	else
		disk_fill(f->page);
	page_filled(f->mapping, f->page, !f->fail);
	CO_RETURN(f->fail ? -EIO : 0);
	CO_END;
}
struct disk_readpages {
	struct mapping_readpages;
	unsigned i;
	long r;
};
static co_t disk_readpages(struct co *co, struct disk_readpages *f)
{
	CO_BEGIN;
	for (f->i = 0; f->i < f->count; f->i++)
		CO_AWAIT(f->r, disk_readpage, .mapping = f->mapping, .page = f->pages[f->i]);
	CO_RETURN(0);
	CO_END;
}
static const struct mapping_ops disk_ops = {
	.readpage = CO_IMPLEMENTS(mapping_readpage, disk_readpage),
	.readpages = CO_IMPLEMENTS(mapping_readpages, disk_readpages),
};

/* --- tasks --- */

struct shared {
	struct file *file;
	struct mapping *m;
	unsigned running;
};
static struct shared shared;

/* Read at changing places; what comes must be the disk's. An error only if the disk failed. */
struct reader { struct co_frame co; u64 seed; unsigned i; u64 *buf; i64 pos; u64 len; long r; };
static co_t reader(struct co *co, struct reader *f)
{
	CO_BEGIN;
	f->buf = kmalloc(5 * PAGE_SIZE);
	host_expect(f->buf);
	for (f->i = 0; f->i < 30; f->i++) {
		f->seed = f->seed * 6364136223846793005ul + 1442695040888963407ul;
		f->pos = (i64)(f->seed >> 33) % (FILE_PAGES * (i64)PAGE_SIZE) & ~7l;
		f->len = (f->seed >> 20) % (4 * PAGE_SIZE) & ~7ul;
		CO_AWAIT(f->r, vfs_io, .file = shared.file, .buf = f->buf, .len = f->len,
			 .pos = f->pos);
		if (f->r < 0) {
			host_expect(f->r == -EIO && disk_fail_every);
			continue;
		}
		host_expect((u64)f->r <= f->len);
		for (long n = 0; n < f->r / 8; n++) {
			u64 at = (u64)f->pos + 8 * (u64)n;

			if (f->buf[n] != STAMP(at >> PAGE_SHIFT, at % PAGE_SIZE / 8))
				host_fail("at %lu: read %lx", at, f->buf[n]);
		}
	}
	kfree(f->buf);
	CO_RETURN(0);
	CO_END;
}

/* Fault pages in as a mapping does. */
struct mapper { struct co_frame co; u64 seed; unsigned i; struct page *page; long r; };
static co_t mapper(struct co *co, struct mapper *f)
{
	CO_BEGIN;
	for (f->i = 0; f->i < 40; f->i++) {
		f->seed = f->seed * 6364136223846793005ul + 1442695040888963407ul;
		f->page = NULL;
		shared.m->pager.ops->peek(&shared.m->pager, (f->seed >> 40) % FILE_PAGES, 1, false,
					  &f->page);
		if (!f->page) {
			CO_AWAIT_OP(f->r, shared.m->pager.ops->fault, .pager = &shared.m->pager,
				    .index = (f->seed >> 40) % FILE_PAGES, .page = &f->page);
			if (f->r) {
				host_expect(f->r == -EIO && disk_fail_every);
				continue;
			}
		}
		host_expect(*(u64 *)phys_page_data(f->page) == STAMP(f->page->index, 0));
		phys_page_put(f->page);
	}
	CO_RETURN(0);
	CO_END;
}

/* Take clean pages away all the time. */
struct shrinker_task { struct co_frame co; unsigned i; };
static co_t shrinker_task(struct co *co, struct shrinker_task *f)
{
	CO_BEGIN;
	for (f->i = 0; f->i < 60; f->i++) {
		page_shrink(4);
		CO_YIELD;
	}
	CO_RETURN(0);
	CO_END;
}

struct races {
	struct co_frame co;
	long r;
	struct file *file;
	struct task *t[6];
	unsigned i, n;
	struct page *page;
};
static co_t races(struct co *co, struct races *f)
{
	CO_BEGIN;
	CO_AWAIT(f->r, vfs_start);
	OPEN(0, "f", O_CREAT | O_RDWR);
	f->file->inode->mapping.ops = &disk_ops;
	atomic_store(&f->file->inode->size, FILE_PAGES * PAGE_SIZE);
	shared.file = f->file;
	shared.m = &f->file->inode->mapping;
	CO_SPAWN(f->t[0], "r0", reader, .seed = 1);
	CO_SPAWN(f->t[1], "r1", reader, .seed = 2);
	CO_SPAWN(f->t[2], "r2", reader, .seed = 3);
	CO_SPAWN(f->t[3], "m0", mapper, .seed = 4);
	CO_SPAWN(f->t[4], "m1", mapper, .seed = 5);
	CO_SPAWN(f->t[5], "s", shrinker_task);
	for (f->i = 0; f->i < 6; f->i++)
		CO_JOIN(f->r, f->t[f->i]);
	/* Every reference came back: all that is cached can go. */
	for (f->i = 0; f->i < 100 && shared.m->count; f->i++) {
		page_shrink(100);
		CO_SLEEP_UNTIL(f->r, hal_clock_ns() + 100000);	/* readahead under way */
	}
	IS(shared.m->count, 0);
	IS(page_total(), 0);
	CLOSE();
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(races)

static void test_races(void **state)
{
	disk_fail_every = 0;
	co_machine_seeds(60, 2, begin_races);
}

static void test_races_with_faults(void **state)
{
	disk_fail_every = 7;
	co_machine_seeds(60, 3, begin_races);
}

/* --- writers and truncation on pages that are the only storage --- */

struct writer { struct co_frame co; u64 seed; unsigned i; u64 *buf; i64 pos; long r; };
static co_t writer(struct co *co, struct writer *f)
{
	CO_BEGIN;
	f->buf = kmalloc(3 * PAGE_SIZE);
	for (f->i = 0; f->i < 30; f->i++) {
		f->seed = f->seed * 6364136223846793005ul + 1442695040888963407ul;
		f->pos = (i64)(f->seed >> 33) % (20 * (i64)PAGE_SIZE) & ~7l;
		for (unsigned n = 0; n < 3 * PAGE_SIZE / 8; n++) {
			u64 at = (u64)f->pos + 8 * n;

			f->buf[n] = STAMP(at >> PAGE_SHIFT, at % PAGE_SIZE / 8);
		}
		CO_AWAIT(f->r, vfs_io, .file = shared.file, .buf = f->buf,
			 .len = ((f->seed >> 20) % (3 * PAGE_SIZE) & ~7ul) + 8, .pos = f->pos,
			 .write = true);
		host_expect(f->r > 0);
	}
	kfree(f->buf);
	CO_RETURN(0);
	CO_END;
}

struct cutter { struct co_frame co; u64 seed; unsigned i; struct inode_attr attr; long r; };
static co_t cutter(struct co *co, struct cutter *f)
{
	CO_BEGIN;
	for (f->i = 0; f->i < 20; f->i++) {
		f->seed = f->seed * 6364136223846793005ul + 1442695040888963407ul;
		f->attr = (struct inode_attr){.valid = ATTR_SIZE,
					      .size = (f->seed >> 33) % (20 * PAGE_SIZE) & ~7ul};
		CO_AWAIT(f->r, attr_change, .path = &shared.file->path, .attr = &f->attr);
		host_expect(!f->r);
		CO_YIELD;
	}
	CO_RETURN(0);
	CO_END;
}

/* Every word is the stamp of its place or zero: never another's, never what was cut off. */
struct checker { struct co_frame co; unsigned rounds, i; u64 *buf; i64 pos; long r; };
static co_t checker(struct co *co, struct checker *f)
{
	CO_BEGIN;
	f->buf = kmalloc(PAGE_SIZE);
	for (f->i = 0; f->i < f->rounds; f->i++) {
		f->pos = (i64)(f->i % 23 * PAGE_SIZE);
		CO_AWAIT(f->r, vfs_io, .file = shared.file, .buf = f->buf, .len = PAGE_SIZE,
			 .pos = f->pos);
		host_expect(f->r >= 0);
		for (long n = 0; n < f->r / 8; n++)
			if (f->buf[n] && f->buf[n] != STAMP(f->pos >> PAGE_SHIFT, n))
				host_fail("at %lu word %ld: %lx", (u64)f->pos, n, f->buf[n]);
		CO_YIELD;
	}
	kfree(f->buf);
	CO_RETURN(0);
	CO_END;
}

struct cuts {
	struct co_frame co;
	long r;
	struct file *file;
	struct task *t[5];
	struct inode_attr attr;
	unsigned i;
};
static co_t cuts(struct co *co, struct cuts *f)
{
	CO_BEGIN;
	CO_AWAIT(f->r, vfs_start);
	OPEN(0, "f", O_CREAT | O_RDWR);
	shared.file = f->file;
	CO_SPAWN(f->t[0], "w0", writer, .seed = 11);
	CO_SPAWN(f->t[1], "w1", writer, .seed = 12);
	CO_SPAWN(f->t[2], "c0", cutter, .seed = 13);
	CO_SPAWN(f->t[3], "c1", cutter, .seed = 14);
	CO_SPAWN(f->t[4], "k", checker, .rounds = 60);
	for (f->i = 0; f->i < 5; f->i++)
		CO_JOIN(f->r, f->t[f->i]);
	IS(f->file->inode->blocks, f->file->inode->mapping.count * 8);
	/* Behind the end there is nothing, also after growing over it again. */
	f->attr = (struct inode_attr){.valid = ATTR_SIZE, .size = 1000};
	EXPECT(0, attr_change, .path = &f->file->path, .attr = &f->attr);
	IS(f->file->inode->mapping.count <= 1, 1);
	f->attr = (struct inode_attr){.valid = ATTR_SIZE, .size = 20 * PAGE_SIZE};
	EXPECT(0, attr_change, .path = &f->file->path, .attr = &f->attr);
	EXPECT(0, checker, .rounds = 23);
	f->attr = (struct inode_attr){.valid = ATTR_SIZE, .size = 0};
	EXPECT(0, attr_change, .path = &f->file->path, .attr = &f->attr);
	IS(f->file->inode->blocks, 0);
	CLOSE();
	UNLINK(0, "f");
	IS(page_total(), 0);
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(cuts)
static void test_cuts(void **state) { co_machine_seeds(60, 3, begin_cuts); }

/* --- names under several tasks --- */

struct namer { struct co_frame co; struct task *from; u64 seed; unsigned i; char a[8], b[8]; struct file *file; long r; };

/* a/x or, three times in eight, a/x/z: folders in folders, so that one may lie above another. */
static void namer_name(char *to, size_t size, u64 bits)
{
	format(to, size, (bits >> 6 & 7) > 2 ? "%c/%c" : "%c/%c/z", 'a' + (char)((bits & 7) % 3),
	       'x' + (char)((bits >> 3 & 7) % 3));
}

static co_t namer(struct co *co, struct namer *f)
{
	CO_BEGIN;
	co_task(co)->fs = f->from->fs;
	co_task(co)->cred = f->from->cred;
	for (f->i = 0; f->i < 60; f->i++) {
		f->seed = f->seed * 6364136223846793005ul + 1442695040888963407ul;
		namer_name(f->a, sizeof(f->a), f->seed >> 22);
		namer_name(f->b, sizeof(f->b), f->seed >> 31);
		if (f->seed >> 42 & 1)
			CO_AWAIT(f->r, open_at, .dirfd = AT_FDCWD, .name = f->a,
				 .flags = O_CREAT | O_RDWR, .mode = 0600, .file = &f->file);
		else
			f->r = -1;
		if (!f->r)
			CO_AWAIT(f->r, file_close, .file = f->file);
		else if (f->seed >> 43 & 1)
			CO_AWAIT(f->r, entry_rename, .old_dirfd = AT_FDCWD, .new_dirfd = AT_FDCWD,
				 .old_name = f->a, .new_name = f->b,
				 .flags = f->seed >> 44 & 1 ? RENAME_EXCHANGE : 0);
		else if (f->seed >> 45 & 1)
			CO_AWAIT(f->r, entry_remove, .dirfd = AT_FDCWD, .name = f->a,
				 .directory = f->seed >> 46 & 1);
		else
			CO_AWAIT(f->r, entry_make, .dirfd = AT_FDCWD, .name = f->a,
				 .mode = S_IFDIR | 0700);
		CO_AWAIT(f->r, vfs_walk, .name = f->b, .flags = WALK_FOLLOW);
		if (f->seed >> 50 & 1)
			dentry_shrink(3);
	}
	co_task(co)->fs = NULL;
	co_task(co)->cred = NULL;
	CO_RETURN(0);
	CO_END;
}
struct names { struct co_frame co; long r; struct file *file; struct task *t[4]; unsigned i; u64 before; };
static co_t names(struct co *co, struct names *f)
{
	CO_BEGIN;
	CO_AWAIT(f->r, vfs_start);
	MKDIR(0, "a");
	MKDIR(0, "b");
	MKDIR(0, "c");
	for (f->i = 0; f->i < 4; f->i++)
		CO_SPAWN(f->t[f->i], "n", namer, .from = co_task(co), .seed = f->i + 77);
	for (f->i = 0; f->i < 4; f->i++)
		CO_JOIN(f->r, f->t[f->i]);
	CO_AWAIT(f->r, reaper_wait);
	dentry_shrink_super(NULL);
	IS(dentry_unused(), 0);
	CO_RETURN(0);
	CO_END;
}
CO_MACHINE_MAIN(names)
static void test_names(void **state) { co_machine_seeds(100, 3, begin_names); }

static void test_at_once(void **state)
{
	disk_fail_every = 9;
	vfs_free_runs(5, 4, begin_races);
	vfs_free_runs(5, 4, begin_names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_races), cmocka_unit_test(test_races_with_faults),
		cmocka_unit_test(test_cuts), cmocka_unit_test(test_names),
		cmocka_unit_test(test_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
