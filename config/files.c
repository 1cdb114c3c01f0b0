/* SPDX-License-Identifier: Apache-2.0 */
#include "config/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int
fail(struct problems *p, const char *path, int error, const char *text)
{
	struct where w = {.file = path};

	problem_add(p, p->file, &w, NULL, "%s", text ? text : strerror(-error));
	p->cut_short = true;
	return error;
}

static bool
is_yaml(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && name[0] != '.' && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
add_name(struct file_list *l, const char *name)
{
	char **grown = realloc(l->name, (l->n + 1) * sizeof(l->name[0]));

	if (!grown)
		return -ENOMEM;
	l->name = grown;
	l->name[l->n] = strdup(name);
	return l->name[l->n++] ? 0 : -ENOMEM;
}

int
files_list(const char *folder, struct file_list *ret, struct problems *p)
{
	struct file_list l = {0};
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	int r = 0;

	if (!dir)
		return fail(p, folder, -errno, NULL);
	while (r == 0 && (entry = readdir(dir)) != NULL) {
		if (!is_yaml(entry->d_name))
			continue;
		r = l.n < FILE_COUNT_MAX ? add_name(&l, entry->d_name)
					 : fail(p, folder, -E2BIG, "more than 1000 files");
	}
	closedir(dir);
	if (r == 0 && l.n == 0)
		r = fail(p, folder, -EINVAL, "no *.yaml or *.yml in this folder");
	if (r < 0) {
		files_list_free(&l);
		return r;
	}
	qsort(l.name, l.n, sizeof(l.name[0]), compare);
	*ret = l;
	return 0;
}

void
files_list_free(struct file_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->name[i]);
	free(l->name);
	*l = (struct file_list){0};
}

/* One byte more than allowed, so that a file that grows while it is read is noticed. */
static int
read_all(int fd, char **ret, size_t *ret_size)
{
	char *buf = malloc(FILE_SIZE_MAX + 1);
	size_t used = 0;
	ssize_t n = 1;

	if (!buf)
		return -ENOMEM;
	while (n > 0 && used <= FILE_SIZE_MAX) {
		n = read(fd, buf + used, FILE_SIZE_MAX + 1 - used);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			used += (size_t)n;
	}
	if (n < 0 || used > FILE_SIZE_MAX) {
		int r = n < 0 ? -errno : -EFBIG;

		free(buf);
		return r;
	}
	*ret = buf;
	*ret_size = used;
	return 0;
}

int
file_read(const char *path, bool regular_only, char **ret, size_t *ret_size, struct problems *p)
{
	bool is_stdin = strcmp(path, "-") == 0;
	const char *shown = is_stdin ? "stdin" : path;
	int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | (regular_only ? O_NONBLOCK : 0);
	int fd = is_stdin ? STDIN_FILENO : open(path, flags);
	struct stat st;
	int r;

	if (fd < 0)
		return fail(p, shown, -errno, NULL);
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (regular_only && !S_ISREG(st.st_mode))
		r = -EMEDIUMTYPE;
	else if (S_ISREG(st.st_mode) && st.st_size > (off_t)FILE_SIZE_MAX)
		r = -EFBIG;
	else
		r = read_all(fd, ret, ret_size);
	if (!is_stdin)
		close(fd);
	if (r == -EFBIG)
		return fail(p, shown, r, "larger than 4 MiB; no declaration is");
	if (r == -EMEDIUMTYPE)
		return fail(p, shown, r, "not a regular file");
	return r < 0 ? fail(p, shown, r, NULL) : 0;
}
