/* vfs/pipe_limit.c */
#include "vfs/pipe_limit.h"

#include "hal/memory.h"

u32 pipe_limit_bytes = 1u << 20;

static bool pipe_limit_free(const struct cred *cred)
{
	return cred_capable(cred, CAP_SYS_RESOURCE) || cred_capable(cred, CAP_SYS_ADMIN);
}

static bool pipe_limit_over(u64 pages, const u64 *setting)
{
	u64 most = atomic_load_relaxed(setting);

	return most && pages > most;
}

u32 pipe_limit_new(struct user_counts *user, const struct cred *cred)
{
	u32 most = atomic_load_relaxed(&pipe_limit_bytes) / (u32)PAGE_SIZE;
	u32 pages = PIPE_LIMIT_DEFAULT;
	u64 all;

	if (pages > most && !cred_capable(cred, CAP_SYS_RESOURCE))
		pages = most;
	all = atomic_add(&user->pipe_pages, (u64)pages) + pages;
	if (pipe_limit_over(all, &user_limits.pipe_pages) && !pipe_limit_free(cred)) {
		all = atomic_sub(&user->pipe_pages, (u64)pages - PIPE_LIMIT_SMALL) -
		      (pages - PIPE_LIMIT_SMALL);
		pages = PIPE_LIMIT_SMALL;
	}
	if (pipe_limit_over(all, &user_limits.pipe_pages_hard) && !pipe_limit_free(cred)) {
		atomic_sub(&user->pipe_pages, (u64)pages);
		return 0;
	}
	return pages;
}

int pipe_limit_change(struct user_counts *user, const struct cred *cred, u64 before, u64 now)
{
	u64 all;

	if (now > before && now * PAGE_SIZE > atomic_load_relaxed(&pipe_limit_bytes) &&
	    !cred_capable(cred, CAP_SYS_RESOURCE))
		return -EPERM;
	all = atomic_add(&user->pipe_pages, now - before) + now - before;
	if (now > before && !pipe_limit_free(cred) &&
	    (pipe_limit_over(all, &user_limits.pipe_pages) ||
	     pipe_limit_over(all, &user_limits.pipe_pages_hard))) {
		atomic_sub(&user->pipe_pages, now - before);
		return -EPERM;
	}
	return 0;
}
