/* SPDX-License-Identifier: Apache-2.0 */
/* Files and folders into memory, with limits: whoever names the file may name anything. */
#ifndef CORELANE_CONFIG_FILES_H
#define CORELANE_CONFIG_FILES_H

#include <stddef.h>

#include "config/problem.h"

#define FILE_SIZE_MAX  (4u << 20)
#define FILE_COUNT_MAX 1000u

/* The names of the *.yaml and *.yml of a folder, sorted; hidden ones are left out. */
struct file_list {
	char **name; /* owned, each one too */
	size_t n;
};

/* 0, or -errno with a complaint in @p. An empty list is a complaint and -EINVAL. */
int files_list(const char *folder, struct file_list *ret, struct problems *p);
void files_list_free(struct file_list *l);

/*
 * Reads all of @path, or of stdin for "-", into *@ret, which the caller frees. In a folder
 * (@regular_only) a pipe or a device is refused. 0, or -errno with a complaint in @p.
 */
int file_read(const char *path, bool regular_only, char **ret, size_t *ret_size,
	      struct problems *p);

#endif
