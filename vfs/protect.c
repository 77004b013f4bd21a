/* vfs/protect.c */
#include "vfs/protect.h"

#include <linux/stat.h>

/* [a] As Debian's kernel has them. */
static unsigned protect_rules[] = {
	[PROTECT_HARDLINKS] = 1, [PROTECT_SYMLINKS] = 1, [PROTECT_FIFOS] = 0,
	[PROTECT_REGULAR] = 0,
};

unsigned protect_get(enum protect_rule rule)
{
	return atomic_load_relaxed(&protect_rules[rule]);
}

void protect_set(enum protect_rule rule, unsigned value)
{
	atomic_store_relaxed(&protect_rules[rule], value);
}

int protect_link(struct inode *inode, const struct cred *cred)
{
	u32 mode = atomic_load_relaxed(&inode->mode);

	if (!protect_get(PROTECT_HARDLINKS) || cred_owns(cred, inode->uid))
		return 0;
	if (!S_ISREG(mode) || (mode & S_ISUID) ||
	    (mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		return -EPERM;
	return inode_permission(inode, cred, CRED_READ | CRED_WRITE) ? -EPERM : 0;
}

int protect_follow(const struct inode *dir, const struct inode *link, const struct cred *cred)
{
	const u32 shared = S_ISVTX | S_IWOTH;

	if (!protect_get(PROTECT_SYMLINKS) || (dir->mode & shared) != shared ||
	    cred->fsuid == link->uid || dir->uid == link->uid)
		return 0;
	return -EACCES;
}

int protect_create(const struct inode *dir, const struct inode *inode, const struct cred *cred)
{
	unsigned rule;

	if (S_ISREG(inode->mode))
		rule = protect_get(PROTECT_REGULAR);
	else if (S_ISFIFO(inode->mode))
		rule = protect_get(PROTECT_FIFOS);
	else
		return 0;
	if (!rule || !(dir->mode & S_ISVTX) || inode->uid == dir->uid || inode->uid == cred->fsuid)
		return 0;
	return (dir->mode & S_IWOTH) || ((dir->mode & S_IWGRP) && rule > 1) ? -EACCES : 0;
}
