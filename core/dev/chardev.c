/* core/dev/chardev.c -- the registry of character devices. */
#include "core/dev/chardev.h"

#include "core/dev/kmsg.h"
#include "core/dev/mem.h"
#include "core/dev/pty.h"
#include "core/dev/tty.h"
#include "vfs/open.h"

static struct list devices = LIST_INIT(devices);
static struct list nodes = LIST_INIT(nodes);
static const struct file_ops *(*find_block)(u32 number);

void chardev_register(struct chardev *dev)
{
	list_add_back(&devices, &dev->link);
}

void chardev_add_node(struct chardev_node *node)
{
	list_add_back(&nodes, &node->link);
}

const struct file_ops *chardev_ops(u32 number)
{
	const struct chardev *d;
	u32 minor = CHARDEV_MINOR(number);

	list_each(d, &devices, link)
		if (d->major == CHARDEV_MAJOR(number) && minor >= d->first &&
		    minor - d->first < d->count)
			return d->ops;
	return NULL;
}

const struct chardev *chardev_nth(unsigned n)
{
	const struct chardev *d;

	list_each(d, &devices, link)
		if (!n--)
			return d;
	return NULL;
}

const struct chardev_node *chardev_nth_node(unsigned n)
{
	const struct chardev_node *d;

	list_each(d, &nodes, link)
		if (!n--)
			return d;
	return NULL;
}

static const struct file_ops *lookup(u32 mode, u32 number)
{
	if (S_ISCHR(mode))
		return chardev_ops(number);
	return find_block ? find_block(number) : NULL;
}

void chardev_init(const struct file_ops *(*block_ops)(u32 number))
{
	find_block = block_ops;
	mem_init();
	kmsg_init();
	tty_init();
	pty_init();
	open_set_devices(lookup);
}
