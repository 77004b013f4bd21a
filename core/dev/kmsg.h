/* core/dev/kmsg.h -- /dev/kmsg: the log, a record at a time. */
#ifndef DEV_KMSG_H
#define DEV_KMSG_H

void kmsg_init(void);

#endif
