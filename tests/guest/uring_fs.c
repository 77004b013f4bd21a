/* Operations of rings on files and names. */
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/xattr.h>

#include "rings.h"

static long size_of(int fd)
{
	return lseek(fd, 0, SEEK_END);
}

TEST(files_are_opened_and_closed)
{
	struct ring r = rings_new(8);
	struct open_how how = {.flags = O_RDWR | O_CREAT, .mode = 0600};
	int fd, pair;

	CHECK_EQ(RUN(&r, .opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, ADDRESS("none")), -ENOENT);
	fd = RUN(&r, .opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, ADDRESS("f"),
		 .open_flags = O_CREAT | O_RDWR, .len = 0644);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "text", 4), 4);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_CLOSE, .fd = fd), 0);
	CHECK_ERR(close(fd), EBADF);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_CLOSE, .fd = fd), -EBADF);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_CLOSE, .fd = r.fd), -EBADF);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_CLOSE, .fd = 3, .off = 1), -EINVAL);
	fd = RUN(&r, .opcode = IORING_OP_OPENAT2, .fd = AT_FDCWD, ADDRESS("g"), ADDRESS2(&how),
		 .len = sizeof(how));
	CHECK(fd >= 0);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_OPENAT2, .fd = AT_FDCWD, ADDRESS("g"), ADDRESS2(&how),
		     .len = 8), -EINVAL);
	pair = RUN(&r, .opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, ADDRESS("f"), .buf_index = 1);
	CHECK_EQ(pair, -EINVAL);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_OPENAT, .fd = 0, ADDRESS("f"),
		     .flags = IOSQE_FIXED_FILE), -EBADF);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, ADDRESS(8)), -EFAULT);
}

TEST(direct_descriptors)
{
	struct ring r = rings_new(8);
	int none[4] = {-1, -1, -1, -1};
	char buffer[8] = "";

	test_write_file("f", "text");
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, ADDRESS("f"), .file_index = 1),
		 -ENXIO);
	CHECK_EQ(syscall(SYS_io_uring_register, r.fd, IORING_REGISTER_FILES, none, 4), 0);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, ADDRESS("f"), .file_index = 2),
		 0);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_READ, .fd = 1, ADDRESS(buffer), .len = 8,
		     .flags = IOSQE_FIXED_FILE), 4);
	CHECK(!strcmp(buffer, "text"));
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_FSYNC, .fd = 1, .flags = IOSQE_FIXED_FILE), 0);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_FADVISE, .fd = 1, .flags = IOSQE_FIXED_FILE), 0);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_FSYNC, .fd = 0, .flags = IOSQE_FIXED_FILE), -EBADF);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, ADDRESS("f"), .file_index = 9),
		 -EINVAL);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, ADDRESS("f"), .file_index = 1,
		     .open_flags = O_CLOEXEC), -EINVAL);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, ADDRESS("f"),
		     .file_index = (unsigned)IORING_FILE_INDEX_ALLOC), 2);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, ADDRESS("f"),
		     .file_index = (unsigned)IORING_FILE_INDEX_ALLOC), 3);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, ADDRESS("f"),
		     .file_index = (unsigned)IORING_FILE_INDEX_ALLOC), 0);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, ADDRESS("f"),
		     .file_index = (unsigned)IORING_FILE_INDEX_ALLOC), -ENFILE);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_CLOSE, .file_index = 2), 0);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_CLOSE, .file_index = 2), -EBADF);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_CLOSE, .fd = 1, .file_index = 2), -EINVAL);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_CLOSE, .file_index = 50), -EINVAL);
}

TEST(names_are_made_and_removed)
{
	struct ring r = rings_new(8);
	struct statx st;

	CHECK_EQ(RUN(&r, .opcode = IORING_OP_MKDIRAT, .fd = AT_FDCWD, ADDRESS("d"), .len = 0755), 0);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_MKDIRAT, .fd = AT_FDCWD, ADDRESS("d"), .len = 0755),
		 -EEXIST);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_MKDIRAT, .fd = AT_FDCWD, ADDRESS("e"), .off = 1), -EINVAL);
	test_write_file("d/f", "text");
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_RENAMEAT, .fd = AT_FDCWD, ADDRESS("d/f"),
		     .len = (unsigned)AT_FDCWD, ADDRESS2("d/g")), 0);
	test_write_file("d/h", "more");
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_RENAMEAT, .fd = AT_FDCWD, ADDRESS("d/h"),
		     .len = (unsigned)AT_FDCWD, ADDRESS2("d/g"), .rename_flags = RENAME_NOREPLACE),
		 -EEXIST);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_LINKAT, .fd = AT_FDCWD, ADDRESS("d/g"),
		     .len = (unsigned)AT_FDCWD, ADDRESS2("l")), 0);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_SYMLINKAT, .fd = AT_FDCWD, ADDRESS("d/g"), ADDRESS2("s")),
		 0);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_STATX, .fd = AT_FDCWD, ADDRESS("s"), ADDRESS2(&st),
		     .len = STATX_BASIC_STATS), 0);
	CHECK_EQ(st.stx_size, 4);
	CHECK_EQ(st.stx_nlink, 2);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_STATX, .fd = AT_FDCWD, ADDRESS("s"), ADDRESS2(8),
		     .len = STATX_BASIC_STATS), -EFAULT);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_UNLINKAT, .fd = AT_FDCWD, ADDRESS("l")), 0);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_UNLINKAT, .fd = AT_FDCWD, ADDRESS("l")), -ENOENT);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_UNLINKAT, .fd = AT_FDCWD, ADDRESS("d"),
		     .unlink_flags = AT_REMOVEDIR), -ENOTEMPTY);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_UNLINKAT, .fd = AT_FDCWD, ADDRESS("s"), .len = 1), -EINVAL);
}

TEST(sizes_and_storage)
{
	struct ring r = rings_new(8);
	int fd = open("f", O_CREAT | O_RDWR, 0644);
	char *memory = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK_EQ(RUN(&r, .opcode = IORING_OP_FALLOCATE, .fd = fd, .off = 0, ADDRESS(10000)), 0);
	CHECK_EQ(size_of(fd), 10000);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_FALLOCATE, .fd = 1000, ADDRESS(10000)), -EBADF);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_FTRUNCATE, .fd = fd, .off = 123), 0);
	CHECK_EQ(size_of(fd), 123);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_FTRUNCATE, .fd = fd, .off = 123, .len = 1), -EINVAL);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_FSYNC, .fd = fd), 0);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_FSYNC, .fd = fd, .fsync_flags = IORING_FSYNC_DATASYNC), 0);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_FSYNC, .fd = fd, .fsync_flags = 8), -EINVAL);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_SYNC_FILE_RANGE, .fd = fd, .len = 100,
		     .sync_range_flags = 2), 0);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_FADVISE, .fd = fd, .fadvise_advice = 99), -EINVAL);
	memory[0] = 1;
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_MADVISE, ADDRESS(memory), .len = 8192,
		     .fadvise_advice = MADV_DONTNEED), 0);
	CHECK_EQ(memory[0], 0);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_MADVISE, ADDRESS(memory + 1), .len = 8192,
		     .fadvise_advice = MADV_DONTNEED), -EINVAL);
}

TEST(bytes_through_pipes)
{
	struct ring r = rings_new(8);
	int a[2], b[2], fd = open("f", O_CREAT | O_RDWR, 0644);
	char buffer[8] = "";

	CHECK_EQ(pipe(a), 0);
	CHECK_EQ(pipe(b), 0);
	CHECK_EQ(pwrite(fd, "0123456789", 10, 0), 10);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_SPLICE, .splice_fd_in = fd, .splice_off_in = 3,
		     .fd = a[1], .off = ~0ull, .len = 4), 4);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_TEE, .splice_fd_in = a[0], .fd = b[1], .len = 4), 4);
	CHECK_EQ(read(b[0], buffer, 8), 4);
	CHECK(!strcmp(buffer, "3456"));
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_SPLICE, .splice_fd_in = a[0], .splice_off_in = ~0ull,
		     .fd = fd, .off = 20, .len = 4), 4);
	CHECK_EQ(size_of(fd), 24);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_SPLICE, .splice_fd_in = a[0], .splice_off_in = 1,
		     .fd = fd, .off = 20, .len = 4), -ESPIPE);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_SPLICE, .splice_fd_in = 1000, .splice_off_in = ~0ull,
		     .fd = fd, .off = 20, .len = 4), -EBADF);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_SPLICE, .splice_fd_in = a[0], .splice_off_in = ~0ull,
		     .fd = fd, .splice_flags = 1 << 20, .len = 4), -EINVAL);
	/* One that waits. */
	rings_submit(&r, &(struct io_uring_sqe){.opcode = IORING_OP_SPLICE, .splice_fd_in = a[0],
		.splice_off_in = ~0ull, .fd = b[1], .off = ~0ull, .len = 4, .user_data = 5});
	CHECK(!ring_ready(&r));
	CHECK_EQ(write(a[1], "ab", 2), 2);
	CHECK_EQ(ring_take(&r).res, 2);
}

TEST(attributes)
{
	struct ring r = rings_new(8);
	int fd = open("f", O_CREAT | O_RDWR, 0644);
	char value[8] = "";

	CHECK_EQ(RUN(&r, .opcode = IORING_OP_FSETXATTR, .fd = fd, ADDRESS("user.a"), ADDRESS2("one"),
		     .len = 3), 0);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_GETXATTR, ADDRESS("user.a"), ADDRESS2(value), .len = 8,
		     .addr3 = (unsigned long)"f"), 3);
	CHECK(!strcmp(value, "one"));
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_SETXATTR, ADDRESS("user.a"), ADDRESS2("two"), .len = 3,
		     .addr3 = (unsigned long)"f", .xattr_flags = XATTR_CREATE), -EEXIST);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_FGETXATTR, .fd = fd, ADDRESS("user.none"),
		     ADDRESS2(value), .len = 8), -ENODATA);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_FGETXATTR, .fd = fd, ADDRESS("user.a"),
		     ADDRESS2(value), .len = 8, .xattr_flags = 1), -EINVAL);
}

TEST(epoll_sets)
{
	struct ring r = rings_new(8);
	int set = epoll_create1(0), told = eventfd(1, 0);
	struct epoll_event e = {.events = EPOLLIN, .data.u64 = 7}, got;

	CHECK_EQ(RUN(&r, .opcode = IORING_OP_EPOLL_CTL, .fd = set, .off = (unsigned)told,
		     .len = EPOLL_CTL_ADD, ADDRESS(&e)), 0);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_EPOLL_CTL, .fd = set, .off = (unsigned)told,
		     .len = EPOLL_CTL_ADD, ADDRESS(&e)), -EEXIST);
	CHECK_EQ(epoll_wait(set, &got, 1, 0), 1);
	CHECK_EQ(got.data.u64, 7);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_EPOLL_CTL, .fd = set, .off = (unsigned)told,
		     .len = EPOLL_CTL_DEL), 0);
	CHECK_EQ(epoll_wait(set, &got, 1, 0), 0);
}

/* With a program's descriptors gone, what is under way keeps its file. */
TEST(asynchronously)
{
	struct ring r = rings_new(8);
	int fd = RUN(&r, .opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, ADDRESS("f"),
		     .open_flags = O_CREAT | O_RDWR, .len = 0644, .flags = IOSQE_ASYNC);

	CHECK(fd >= 0);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_FALLOCATE, .fd = fd, ADDRESS(10000),
		     .flags = IOSQE_ASYNC), 0);
	CHECK_EQ(size_of(fd), 10000);
	CHECK_EQ(RUN(&r, .opcode = IORING_OP_CLOSE, .fd = fd, .flags = IOSQE_ASYNC), 0);
	CHECK_ERR(close(fd), EBADF);
}
