/* core/dev/kmsg.c -- /dev/kmsg.
 *
 * A read gives one record, "level,sequence,microseconds,-;text\n", bytes outside of printable
 * ASCII as \xNN. A write adds one. A reader that fell behind learns it by -EPIPE, once.
 */
#include "core/dev/kmsg.h"

#include <linux/fcntl.h>

#include "core/base/log.h"
#include "core/cred/cred.h"
#include "core/dev/chardev.h"
#include "core/dev/console.h"
#include "mem/phys/slab.h"

struct kmsg_file {
	u64 next;		/* [a] sequence number to be read */
	spinlock lock;		/* the rest: one reader formats at a time */
	struct log_record record;
	char text[64 + 4 * sizeof(((struct log_record *)0)->text)];
};

struct kmsg_open {
	struct file_opened;
};
static co_t kmsg_open(struct co *co, struct kmsg_open *f)
{
	struct kmsg_file *k;
	u64 next;

	CO_BEGIN;
	if ((f->file->mode & FILE_READ) && !cred_capable(f->file->cred, CAP_SYSLOG))
		CO_RETURN(-EPERM);
	k = kzalloc(sizeof(*k));
	if (!k)
		CO_RETURN(-ENOMEM);
	spin_init(&k->lock, RANK_DEV);
	log_range(&k->next, &next);
	f->file->private = k;
	CO_RETURN(0);
	CO_END;
}

static void kmsg_closed(struct file *file)
{
	kfree(file->private);
}

/* Records 1 if there is one to read, -EPIPE if some were lost, 0 if there is none. */
static int state(struct kmsg_file *k)
{
	u64 oldest, next, mine = atomic_load(&k->next);

	log_range(&oldest, &next);
	if (mine < oldest) {
		atomic_store(&k->next, oldest);
		return -EPIPE;
	}
	return mine < next;
}

/* The next record as text into k->text: its length, 0 for none. */
static size_t render(struct kmsg_file *k) REQUIRES(k->lock)
{
	static const char hex[] = "0123456789abcdef";
	size_t n;

	if (!log_read(k->next, &k->record))
		return 0;
	n = format(k->text, sizeof(k->text), "%u,%lu,%lu,-;", (unsigned)k->record.level,
		   k->record.sequence, k->record.time_ns / 1000);
	for (unsigned i = 0; i < k->record.len; i++) {
		u8 c = (u8)k->record.text[i];

		if (c < 0x20 || c >= 0x7f || c == '\\') {
			k->text[n++] = '\\';
			k->text[n++] = 'x';
			k->text[n++] = hex[c >> 4];
			k->text[n++] = hex[c & 15];
		} else {
			k->text[n++] = (char)c;
		}
	}
	k->text[n++] = '\n';
	return n;
}

/* Hand the next record over; 0: none any more; -EFAULT: the memory is missing. */
static i64 give(struct kmsg_file *k, struct uio *uio)
{
	struct uio start = *uio;
	i64 result;
	size_t n;

	spin_lock(&k->lock);
	n = render(k);
	result = (i64)n;
	if (n > uio->left) {
		result = -EINVAL;
	} else if (n && uio_copy_to(uio, k->text, n) < n) {
		*uio = start;
		result = -EFAULT;
	} else if (n) {
		atomic_store(&k->next, k->record.sequence + 1);
	}
	spin_unlock(&k->lock);
	return result;
}

struct kmsg_read {
	struct file_transfer;
	i64 n;
	unsigned tries;	/* the record spans memory of which a part may be bad */
	long err;
};
static co_t kmsg_read(struct co *co, struct kmsg_read *f)
{
	CO_BEGIN;
	for (;;) {
		f->err = state(f->file->private);
		if (f->err < 0)
			CO_RETURN(f->err);
		if (!f->err && (f->file->flags & O_NONBLOCK))
			CO_RETURN(-EAGAIN);
		CO_WAIT(f->err, &console_log_waiters, state(f->file->private));
		if (f->err)
			CO_RETURN(f->err);
		f->n = give(f->file->private, f->uio);
		if (f->n == -EFAULT) {
			CO_AWAIT(f->err, uio_fault_in, .uio = f->uio, .n = f->uio->left,
				 .write = true);
			if (f->err || ++f->tries > 8)
				CO_RETURN(-EFAULT);
		} else if (f->n) {
			CO_RETURN(f->n);
		}
	}
	CO_END;
}

struct kmsg_write {
	struct file_transfer;
	size_t n, at;
	u64 total;
	long err;
	char text[128];
};
static co_t kmsg_write(struct co *co, struct kmsg_write *f)
{
	const char *text;
	u64 level;

	CO_BEGIN;
	f->total = f->uio->left;
	f->n = min(f->total, sizeof(f->text) - 1);
	while (f->at < f->n) {
		f->at += uio_copy_from(f->uio, f->text + f->at, f->n - f->at);
		if (f->at == f->n)
			break;
		CO_AWAIT(f->err, uio_fault_in, .uio = f->uio, .n = f->n - f->at);
		if (f->err)
			CO_RETURN(f->err);
	}
	while (f->n && f->text[f->n - 1] == '\n')
		f->n--;
	f->text[f->n] = 0;
	text = f->text;
	level = LOG_WARN;
	if (text[0] == '<' && string_to_u64(text + 1, &text, 10, &level) && *text == '>')
		text++;
	else
		text = f->text;
	log_at((enum log_level)(level & 7), "%s", text);
	CO_RETURN((i64)f->total);
	CO_END;
}

static u32 kmsg_poll(struct file *file, struct poller *p)
{
	int s;

	poller_add(p, &console_log_waiters);
	s = state(file->private);
	return POLLOUT | POLLWRNORM | (s ? POLLIN | POLLRDNORM : 0) |
	       (s < 0 ? POLLERR | POLLPRI : 0);
}

static i64 kmsg_seek(struct file *file, i64 offset, int whence)
{
	struct kmsg_file *k = file->private;
	u64 oldest, next;

	if (offset)
		return -ESPIPE;
	log_range(&oldest, &next);
	switch (whence) {
	case 0:	/* SEEK_SET */
	case 3:	/* SEEK_DATA: since the log was cleared; it never forgets */
		atomic_store(&k->next, oldest);
		return 0;
	case 2:	/* SEEK_END */
		atomic_store(&k->next, next);
		return 0;
	default:
		return -EINVAL;
	}
}

static const struct file_ops kmsg_ops = {
	.open = CO_IMPLEMENTS(file_opened, kmsg_open),
	.read = CO_IMPLEMENTS(file_transfer, kmsg_read),
	.write = CO_IMPLEMENTS(file_transfer, kmsg_write),
	.poll = kmsg_poll,
	.llseek = kmsg_seek,
	.closed = kmsg_closed,
};

static struct chardev device = {
	.major = CHARDEV_MEM, .first = 11, .count = 1, .ops = &kmsg_ops
};
static struct chardev_node node = {
	"kmsg", S_IFCHR | 0644, CHARDEV_NUMBER(CHARDEV_MEM, 11)
};

void kmsg_init(void)
{
	chardev_register(&device);
	chardev_add_node(&node);
}
