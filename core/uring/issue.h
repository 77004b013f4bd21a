/* core/uring/issue.h -- between submit.c and issue.c. */
#ifndef URING_ISSUE_H
#define URING_ISSUE_H

#include "core/uring/op.h"

/* Of every request of a ring. */
extern const struct request_ops issue_request_ops;

/* Issue one that is right, linked to nothing and waits for nobody; it was not taken. */
void issue_alone(struct uring *u, struct uring_request *r);
/* Issue a chain, whose first was not taken (request_take) and the others were: as far as it gets
 * without waiting. */
void issue_chain(struct uring *u, struct uring_request *r);
/* Leave it to the executor; all of it was taken. */
void issue_queue(struct uring_request *r);
/* It is not issued: each completes with its error, or with -ECANCELED; `silent`: and says nothing.
 * All of it was taken. */
void issue_cancel_chain(struct uring *u, struct uring_request *r, bool silent);

#endif
