/* syscalls/aio.h -- from a struct iocb to a request that runs. */
#ifndef SYSCALLS_AIO_H
#define SYSCALLS_AIO_H

#include "core/uring/aio.h"

/* Submit the iocb at `at`: 0, and its event is there or will come; or an error, and none will. */
struct aio_submit {
	struct co_frame co;
	struct aio *aio;
	u64 at;
	struct iocb iocb;
	struct aio_request *r;
	u32 key;
	long err;
};
co_t aio_submit(struct co *co, struct aio_submit *f);

#endif
