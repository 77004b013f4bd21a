/* tests/fs/image.h -- file system images for tests: made by mke2fs from a folder. */
#ifndef IMAGE_H
#define IMAGE_H

#include <stddef.h>

#include "hal/types.h"

/* Run a shell command; the test fails if it does. */
void image_run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A fresh scratch folder, removed at exit. */
const char *image_scratch(void);

/* Map a file so that a run's changes are seen (`shared`) or not. */
u8 *image_map(const char *path, size_t *size, bool shared);

/* Fill a folder with every kind of file: many entries, holes, links, devices if we may. */
void image_fill(const char *folder, unsigned entries);

/* Give a file below the folder an extended attribute of n bytes. */
void image_attribute(const char *folder, const char *name, const char *what, size_t n);

#endif
