/* tests/guest/stress/work.h -- what deeds need of the worker that does them. */
#ifndef STRESS_WORK_H
#define STRESS_WORK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PAGE 4096ul

/* The worker is wrong unless this holds. */
void must(bool holds, const char *what);
/* Short of memory or of descriptors is no error of the kernel's: the deed is left. */
bool is_scarce(void);
unsigned draw(unsigned below);
/* The same for a place in this worker's life; unlike others'. */
uint64_t pattern(uint64_t at);
/* Reap one child; signals meant for us may come meanwhile. */
int reap(pid_t pid);
/* "WORD-NUMBER-PID" in a static buffer. */
const char *own_name(const char *word);

/* Deeds of other subjects than memory, processes and files: deeds.c. */
void do_unix(void);
void do_tcp(void);
void do_mount(void);
void do_sysvipc(void);
void do_mqueue(void);
void do_events(void);
void do_terminal(void);
void do_proc(void);
void do_traced(void);
/* What killed workers left behind where no process holds it. */
void deeds_clean_up(void);

#endif
