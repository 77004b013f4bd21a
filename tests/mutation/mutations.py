"""Deliberate bugs. Each is an edit (a piece of text that must be there, and what replaces it)
and the tests that may catch it, fastest first.

TESTS below says what those names run.
"""

TESTS = {
    "watchdog": ("unit-watchdog", []),
    "coro": ("unit-coro", []),
    "sched": ("unit-sched", []),
    "fairness": ("unit-fairness", ["1", "300"]),
    "lock": ("unit-coro_lock", []),
    "explore": ("unit-explore", []),
    "space": ("unit-space", []),
    "mixed": ("sim", ["mixed", "1", "300"]),
    "allocations": ("sim", ["allocations", "1"]),
}

MUTATIONS = [
    ("a wake during a poll is forgotten", "coro/task.c",
     "if (atomic_cas(&t->state, &state, (u8)TASK_RUNNING_WOKEN))\n\t\t\t\treturn;",
     "return;", ["explore", "coro"]),
    ("park does not look whether it was woken", "coro/executor.c",
     "if (!atomic_cas(&t->state, &state, (u8)TASK_IDLE))\n\t\texecutor_woken_since(t);",
     "(void)state;\n\tatomic_store(&t->state, (u8)TASK_IDLE);", ["explore", "coro"]),
    ("a switch's second task is not taken out of the tree", "sched/eevdf.c",
     "\t\trb_insert_only(&rq->tree, &s->node);\n\t\trq->current", "\t\trq->current", ["sched"]),
    ("a sleep wipes a debt", "sched/eevdf_lag.h",
     "lag = lag * (i64)(rq->weight + s->weight) / (i64)rq->weight;", "lag = 0;", ["fairness"]),
    ("the condition is not tested again after enlisting", "coro/co.h",
     """		for (;;) {                                                    \\
			if (!co_deferred(co) && (cond)) {                     \\
				(out) = 0;                                    \\
				break;                                        \\
			}                                                     \\
			(out) = co_wait_check(co);                            \\
			if (out)                                              \\
				break;                                        \\
			return CO_PENDING;                                    \\
			CO_CASE_;                                             \\
			co_wait_again(co);                                    \\
		}                                                             \\
""",
     """		for (;;) {                                                    \\
			(out) = co_wait_check(co);                            \\
			if (out)                                              \\
				break;                                        \\
			return CO_PENDING;                                    \\
			CO_CASE_;                                             \\
			co_wait_again(co);                                    \\
			if (!co_deferred(co) && (cond)) {                     \\
				(out) = 0;                                    \\
				break;                                        \\
			}                                                     \\
		}                                                             \\
""", ["explore", "coro"]),
    ("an exclusive waiter woken in vain stays woken", "coro/waitq.c",
     "\tw->woken = false;\n\tspin_unlock(&w->wq->lock);", "\tspin_unlock(&w->wq->lock);",
     ["coro"]),
    ("a waiter that leaves keeps its wake", "coro/co.c",
     "if (co->waiters[i].one && co->waiters[i].woken)", "if (false)", ["explore", "coro"]),
    ("the stack goes on past the inline area", "coro/co.c",
     "\tco->end = co_inline(co) + CO_INLINE_SIZE;\n}", "}", ["coro"]),
    ("a mutex is unlocked without waking", "coro/lock.c",
     "\t\tif (!next->woken || next->granted)\n\t\t\ttask_wake(next->task);\n", "", ["lock"]),
    ("a mutex is handed over without waking", "coro/lock.c",
     "if (!next->woken || next->granted)", "if (!next->woken)", ["lock"]),
    ("a waiter of a mutex that was woken in vain has no turn", "coro/lock.c",
     "\t\t\tm->hand_over = true;", "\t\t\t;", ["lock"]),
    ("readers pass a waiting writer", "coro/lock.c",
     "return list_empty(&l->queue) && !l->writer &&", "return !l->writer &&", ["lock"]),
    ("a lock that was waited for has no rank", "coro/lock.c",
     "\tlock_rank_taken(f->me.task, f->rwlock->rank);\n", "", ["lock"]),
    ("a lock is waited for in any order", "coro/lock_rank.c",
     "if (rank && t->locks >>", "if (rank && false && t->locks >>", ["lock"]),
    ("a task ends with a lock held", "coro/executor.c",
     "\tlock_rank_none_held(t);\n\texecutor_unspill(", "\texecutor_unspill(", ["lock"]),
    ("a deadline's timer is left armed", "coro/co.c",
     "\tif (co->wait_timed)\n\t\ttimer_cancel(&co_deadline(co)->timer);", "", ["coro"]),
    ("a wait that was granted reports the signal", "coro/co.h",
     """			if (!co_deferred(co) && (cond)) {                     \\
				(out) = 0;                                    \\
				break;                                        \\
			}                                                     \\
			(out) = co_wait_check(co);                            \\
			if (out)                                              \\
				break;                                        \\
""",
     """			(out) = co_wait_check(co);                            \\
			if (out)                                              \\
				break;                                        \\
			if (!co_deferred(co) && (cond)) {                     \\
				(out) = 0;                                    \\
				break;                                        \\
			}                                                     \\
""", ["explore", "coro", "mixed"]),
    ("a CPU is not told that a task was queued for it", "coro/executor.c",
     "if (ex != me && (sleeping || why))", "if (false)", ["coro", "explore"]),
    ("user registers are not saved on a switch", "coro/executor.c",
     "\t\thal_user_save(ex->user_live);\n\t\tex->user_live = NULL;\n\t}\n\tif (again", "\t\tex->user_live = NULL;\n\t}\n\tif (again",
     ["lock"]),
    ("the lent page is not given back", "coro/executor.c",
     "\tif (!ex->spare)\n\t\tex->spare = co->chunk;\n\telse\n\t\tphys_page_put(phys_page_of(co->chunk));",
     "\tif (!ex->spare)\n\t\tex->spare = co->chunk;", ["coro", "allocations"]),
]

MUTATIONS += [
    ("nobody is asked to look for stuck polls", "coro/executor.c",
     "\t\twatchdog_awake(ex);\n", "", ["watchdog"]),
    ("a stuck poll is reported again and again", "coro/watchdog.c",
     "atomic_swap(&ex->watchdog.reported, kicks + 1) != kicks + 1", "true", ["watchdog"]),
    ("a long poll counts as stuck", "coro/watchdog.h",
     "#define WATCHDOG_STUCK_NS 2000000000ul", "#define WATCHDOG_STUCK_NS 500000000ul",
     ["watchdog"]),
    ("system time counts as the user's", "coro/sample.c",
     "system = was_in_kernel(ex, t);", "system = false;", ["watchdog"]),
    ("a poll's end counts as user mode", "coro/sample.c", "return ex->in_window || ", "return ",
     ["watchdog"]),
    ("a sample looks only at what was interrupted", "coro/sample.c",
     " ||\n\t       hal_user_after_syscall(t->user)", "", ["watchdog"]),
    # memory
    ("no flush when an entry is taken out", "mem/space/pt.c",
     "\tatomic_store(slot, 0ul);\n\tif (old & HAL_PTE_VALID)\n\t\thal_tlb_flush_page(s->hal.asid, va);",
     "\tatomic_store(slot, 0ul);\n\t(void)old;", ["mixed", "space"]),
    ("no flush when fork makes pages read-only", "mem/space/space_fork.c",
     "\tif (f->broken)\n\t\thal_tlb_flush_asid(", "\tif (false)\n\t\thal_tlb_flush_asid(",
     ["mixed", "space"]),
    ("fork leaves the parent's pages writable", "mem/space/pt.c",
     "\t\t\tatomic_store_relaxed(&slot[offset], e);\n", "", ["space"]),
    ("fork forgets the copies of a file's pages", "mem/space/space_fork.c",
     "(!v->pager || atomic_load_relaxed(&v->copied))", "!v->pager", ["space"]),
    ("no flush before unmapped pages are freed", "mem/space/pt.c",
     "\tif (valid && which != PT_QUIET)\n\t\thal_tlb_flush_range(",
     "\tif (valid && which != PT_QUIET && false)\n\t\thal_tlb_flush_range(",
     ["mixed", "space"]),
    ("an ASID is never given back", "mem/space/asid.c",
     "\tused[asid / 64] &= ~(1ul << asid % 64);", "", ["allocations", "mixed"]),
    ("copy-on-write takes a page that others have", "mem/space/fault.c",
     "atomic_load(&p->flags) & PAGE_ANON && atomic_load(&p->refs) == 1)",
     "atomic_load(&p->flags) & PAGE_ANON)", ["mixed", "space"]),
    ("a fault leaks the page it copied from", "mem/space/fault.c",
     "out:\n\tif (source)\n\t\tphys_page_put(source);\n\treturn result;", "out:\n\treturn result;",
     ["allocations", "space"]),
    # page cache and files
    ("the busy bit stays after a read", "vfs/page.c",
     "\t\tatomic_or(&page->flags, (u32)PAGE_ERROR);\n\t}\n\tpage_unclaim(m, page);",
     "\t\tatomic_or(&page->flags, (u32)PAGE_ERROR);\n\t}\n\tif (!ok)\n\t\tpage_unclaim(m, page);",
     ["mixed"]),
    ("nobody is woken when a page is filled", "vfs/page.c",
     "panic(\"a page that nobody claimed is let go\");\n\twaitq_wake(&m->waiters);",
     "panic(\"a page that nobody claimed is let go\");", ["mixed"]),
    ("a failed read counts as good", "vfs/page.c", "\tif (ok) {\n\t\tatomic_and(&page->flags, ~(u32)(PAGE_ERROR",
     "\tif (true) {\n\t\tatomic_and(&page->flags, ~(u32)(PAGE_ERROR", ["mixed"]),
    ("a reader of a pipe forgets the writers", "vfs/pipe.c",
     "\tif (wake)\n\t\twaitq_wake_events(&p->can_write, POLLOUT | POLLWRNORM);", "\t(void)wake;",
     ["mixed"]),
    # devices
    ("a disk's error is taken for success", "core/dev/virtio_blk.c",
     "list_add_back(status == VIRTIO_BLK_S_OK ? &good : &failed, &rq->link);",
     "list_add_back(&good, &rq->link);", ["mixed"]),
    ("a finished request wakes nobody", "core/dev/blk.c",
     "\tatomic_store(&rq->done, 1u);\n\twaitq_wake(finished);",
     "\t(void)finished;\n\tatomic_store(&rq->done, 1u);", ["mixed"]),
    # processes
    ("a futex wake leaves the waiter asleep", "core/proc/futex.c",
     "\t\ttask_wake(batch->tasks[i]);\n", "", ["mixed"]),
    ("the parent is not woken at an exit", "core/proc/exit.c",
     "\t\tsignal_process(to, sig, info);\n\twaitq_wake(&to->child_wait);",
     "\t\tsignal_process(to, sig, info);", ["mixed"]),
    ("a thread's credentials are never let go", "core/cred/cred.c",
     "\tif (!c || !ref_put(&((struct cred *)c)->refs))",
     "\tif (!c || !ref_put(&((struct cred *)c)->refs) || true)",
     ["allocations"]),
]
