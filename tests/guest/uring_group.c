/* Rings of buffers that requests choose among: used in part, several at once. */
#include <fcntl.h>
#include <sys/socket.h>

#include "rings.h"

#define GROUP 7

struct buffers {
	struct io_uring_buf_ring *ring;
	unsigned entries;
	uint16_t tail;
};

static struct buffers buffers_of(struct ring *r, unsigned entries, unsigned flags)
{
	struct buffers b = {.entries = entries};
	struct io_uring_buf_reg reg = {.ring_entries = entries, .bgid = GROUP, .flags = flags};

	b.ring = mmap(NULL, entries * sizeof(struct io_uring_buf), PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(b.ring != MAP_FAILED);
	reg.ring_addr = (unsigned long)b.ring;
	CHECK_EQ(ring_register(r, IORING_REGISTER_PBUF_RING, &reg, 1), 0);
	return b;
}

static void give(struct buffers *b, void *addr, unsigned len, uint16_t id)
{
	struct io_uring_buf *to = &b->ring->bufs[b->tail & (b->entries - 1)];

	to->addr = (unsigned long)addr;
	to->len = len;
	to->bid = id;
	__atomic_store_n(&b->ring->tail, ++b->tail, __ATOMIC_RELEASE);
}

static unsigned head_of(struct ring *r)
{
	struct io_uring_buf_status s = {.buf_group = GROUP};

	CHECK_EQ(ring_register(r, IORING_REGISTER_PBUF_STATUS, &s, 1), 0);
	return s.head;
}

static void choose(struct ring *r, int op, int fd, unsigned len, unsigned ioprio)
{
	rings_submit(r, &(struct io_uring_sqe){.opcode = (uint8_t)op, .fd = fd, .len = len,
		.ioprio = (uint16_t)ioprio, .off = op == IORING_OP_READ ? -1ul : 0,
		.flags = IOSQE_BUFFER_SELECT, .buf_group = GROUP, .user_data = 1});
}

/* The next completion: so much, of this buffer, with these flags besides. */
static void expect(struct ring *r, int res, int id, unsigned flags)
{
	struct io_uring_cqe c = ring_take(r);

	CHECK_EQ(c.res, res);
	CHECK_EQ(c.flags & ~IORING_CQE_F_SOCK_NONEMPTY & 0xffff,
		 flags | (id < 0 ? 0 : IORING_CQE_F_BUFFER));
	if (id >= 0)
		CHECK_EQ(c.flags >> IORING_CQE_BUFFER_SHIFT, (unsigned)id);
}

TEST(used_in_part)
{
	struct ring r = rings_new(8);
	struct buffers b = buffers_of(&r, 4, IOU_PBUF_RING_INC);
	char one[10] = "", two[10] = "";
	int pair[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	give(&b, one, 10, 5);
	give(&b, two, 10, 6);
	CHECK_EQ(write(pair[1], "abc", 3), 3);
	choose(&r, IORING_OP_RECV, pair[0], 0, 0);
	expect(&r, 3, 5, IORING_CQE_F_BUF_MORE);
	CHECK_EQ(head_of(&r), 0);
	CHECK_EQ(b.ring->bufs[0].addr, (unsigned long)one + 3);
	CHECK_EQ(b.ring->bufs[0].len, 7);
	/* One that waits, and as a read. */
	choose(&r, IORING_OP_READ, pair[0], 0, 0);
	CHECK_EQ(write(pair[1], "de", 2), 2);
	expect(&r, 2, 5, IORING_CQE_F_BUF_MORE);
	/* Its own length counts, too. */
	CHECK_EQ(write(pair[1], "fghijklmnop", 11), 11);
	choose(&r, IORING_OP_RECV, pair[0], 1, 0);
	expect(&r, 1, 5, IORING_CQE_F_BUF_MORE);
	/* The rest of it: it is used up. */
	choose(&r, IORING_OP_RECV, pair[0], 0, 0);
	expect(&r, 4, 5, 0);
	CHECK_EQ(head_of(&r), 1);
	CHECK(!memcmp(one, "abcdefghij", 10));
	choose(&r, IORING_OP_RECV, pair[0], 0, 0);
	expect(&r, 6, 6, IORING_CQE_F_BUF_MORE);
	CHECK(!memcmp(two, "klmnop", 6));
	/* The end of what there is takes nothing of it. */
	close(pair[1]);
	choose(&r, IORING_OP_RECV, pair[0], 0, 0);
	expect(&r, 0, -1, 0);
	CHECK_EQ(head_of(&r), 1);
	CHECK_EQ(b.ring->bufs[1].len, 4);
}

TEST(used_in_part_by_one_that_goes_on)
{
	struct ring r = rings_new(8);
	struct buffers b = buffers_of(&r, 4, IOU_PBUF_RING_INC);
	char one[6] = "", two[6] = "";
	int pair[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	give(&b, one, 6, 1);
	give(&b, two, 6, 2);
	choose(&r, IORING_OP_RECV, pair[0], 0, IORING_RECV_MULTISHOT);
	CHECK_EQ(write(pair[1], "abcd", 4), 4);
	expect(&r, 4, 1, IORING_CQE_F_MORE | IORING_CQE_F_BUF_MORE);
	CHECK_EQ(write(pair[1], "efgh", 4), 4);
	expect(&r, 2, 1, IORING_CQE_F_MORE);
	expect(&r, 2, 2, IORING_CQE_F_MORE | IORING_CQE_F_BUF_MORE);
	CHECK_EQ(write(pair[1], "ijklm", 5), 5);
	expect(&r, 4, 2, IORING_CQE_F_MORE);
	expect(&r, -ENOBUFS, -1, 0);
	CHECK(!memcmp(one, "abcdef", 6) && !memcmp(two, "ghijkl", 6));
}

TEST(sent_in_part)
{
	struct ring r = rings_new(8);
	struct buffers b = buffers_of(&r, 4, IOU_PBUF_RING_INC);
	char text[] = "abcdef", got[8] = "";
	int pair[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	give(&b, text, 6, 9);
	choose(&r, IORING_OP_SEND, pair[0], 2, 0);
	expect(&r, 2, 9, IORING_CQE_F_BUF_MORE);
	choose(&r, IORING_OP_SEND, pair[0], 0, 0);
	expect(&r, 4, 9, 0);
	CHECK_EQ(read(pair[1], got, 8), 6);
	CHECK(!strcmp(got, "abcdef"));
	choose(&r, IORING_OP_SEND, pair[0], 0, 0);
	expect(&r, -ENOBUFS, -1, 0);
}

TEST(what_a_ring_of_buffers_cannot_be)
{
	struct ring r = rings_new(8);
	struct io_uring_buf_reg reg = {.ring_entries = 4, .bgid = 1, .flags = 4};

	reg.ring_addr = (unsigned long)mmap(NULL, 4096, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK_EQ(ring_register(&r, IORING_REGISTER_PBUF_RING, &reg, 1), -1);
	CHECK_EQ(errno, EINVAL);
}
