/* tests/sim/sweep_policy.c -- waits of calls about NUMA policies, and of filters of sockets. */
#include "base.h"

#include <linux/mempolicy.h>

#define RW (PROT_READ | PROT_WRITE)
#define PAGES(n) I((n) * 4096ul)

/* A mask of node 0 in memory that has to be fetched first; its address. */
static u64 mask(struct prog *p)
{
	u64 at = work_fresh(p);

	SET(p, 20, at);
	SET(p, 23, 1);
	STORE(p, 8, 23, 20, 0);
	return at;
}

static void map(struct prog *p, u64 pages)
{
	SYS(p, NR_MMAP, I(0), PAGES(pages), I(RW), I(MAP_PRIVATE | MAP_ANONYMOUS), I(-1), I(0));
	EXPECT_OK(p, 0);
	MOVE(p, 19, 0);
}

static void policies(struct prog *p)
{
	u64 nodes = mask(p);

	SYS(p, __NR_set_mempolicy, I(MPOL_BIND), I(nodes), I(64));
	EXPECT(p, 0, 0);
	SYS(p, __NR_set_mempolicy, I(MPOL_BIND), I(work_fresh(p)), I(200));
	EXPECT(p, 0, -EINVAL);
	SYS(p, __NR_get_mempolicy, I(work_fresh(p)), I(work_fresh(p)), I(200), I(0), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_get_mempolicy, I(0), I(work_fresh(p)), I(64), I(0), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_migrate_pages, I(0), I(64), I(work_fresh(p)), I(nodes));
	EXPECT(p, 0, 0);
	SYS(p, __NR_migrate_pages, I(0), I(64), I(nodes), I(work_fresh(p)));
	EXPECT(p, 0, -EINVAL);
	SYS(p, __NR_set_mempolicy, I(MPOL_DEFAULT), I(0), I(0));
	EXPECT(p, 0, 0);
}

static void bound(struct prog *p)
{
	u64 nodes = mask(p);

	map(p, 600);
	SYS(p, __NR_mbind, R(19), PAGES(600), I(MPOL_BIND), I(nodes), I(64), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_madvise, R(19), PAGES(600), I(23)); /* POPULATE_WRITE */
	SYS(p, __NR_mbind, R(19), PAGES(600), I(MPOL_LOCAL), I(0), I(0),
	    I(MPOL_MF_STRICT | MPOL_MF_MOVE));
	EXPECT(p, 0, 0);
	SYS(p, __NR_mbind, R(19), PAGES(30), I(MPOL_BIND), I(nodes), I(64), I(0));
	EXPECT(p, 0, 0);
	ADD(p, 20, 19, 60 * 4096);
	SYS(p, __NR_mbind, R(20), PAGES(30), I(MPOL_BIND), I(nodes), I(64), I(0));
	EXPECT(p, 0, 0);
	SYS(p, __NR_get_mempolicy, I(0), I(0), I(0), R(20), I(MPOL_F_ADDR));
	EXPECT(p, 0, 0);
	SYS(p, __NR_set_mempolicy_home_node, R(19), PAGES(30), I(0), I(0));
	EXPECT(p, 0, 0);
	map(p, 1);
	SYS(p, __NR_get_mempolicy, I(0), I(0), I(0), R(19), I(MPOL_F_ADDR | MPOL_F_NODE));
	EXPECT(p, 0, 0);
}

static void moved(struct prog *p)
{
	SYS(p, __NR_move_pages, I(0), I(2), I(work_fresh(p)), I(work_fresh(p)), I(work_fresh(p)),
	    I(MPOL_MF_MOVE));
	EXPECT(p, 0, 0);
}

/* BPF_RET | BPF_K: three bytes are kept. */
static const struct { u16 code; u8 jt, jf; u32 k; } three = {6, 0, 0, 3};

static void filters(struct prog *p)
{
	u64 good[2] = {1, prog_data(p, &three, sizeof(three))}, bad[2] = {1, work_fresh(p)};

	SYS(p, __NR_socketpair, I(1), I(2), I(0), I(FDS));
	EXPECT(p, 0, 0);
	SET(p, 19, FDS);
	LOAD(p, 4, 20, 19, 4);
	LOAD(p, 4, 19, 19, 0);
	SYS(p, __NR_setsockopt, R(20), I(1), I(26), I(work_fresh(p)), I(16));
	EXPECT(p, 0, -EINVAL);
	SYS(p, __NR_setsockopt, R(20), I(1), I(26), I(prog_data(p, bad, 16)), I(16));
	EXPECT(p, 0, -EINVAL);
	SYS(p, __NR_setsockopt, R(20), I(1), I(26), I(prog_data(p, good, 16)), I(16));
	EXPECT(p, 0, 0);
	SET(p, 22, BUFFER);
	SET(p, 23, 4);
	STORE(p, 4, 23, 22, 0);
	SYS(p, __NR_getsockopt, R(20), I(1), I(26), I(work_fresh(p)), R(22));
	EXPECT(p, 0, 0);
	SYS(p, __NR_sendto, R(19), I(BUFFER), I(5), I(0), I(0), I(0));
	EXPECT(p, 0, 5);
	SYS(p, __NR_recvfrom, R(20), I(BUFFER), I(5), I(0), I(0), I(0));
	EXPECT(p, 0, 3);
	SYS(p, __NR_close, R(19));
	SYS(p, __NR_close, R(20));
}

work_fn *const sweep_policy[] = {policies, bound, moved, filters, NULL};
