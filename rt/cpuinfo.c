/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/cpuinfo.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* The file has 2 KiB for each CPU; the first entry is all that is wanted. */
#define HEAD_SIZE 8192

static bool
has_word(char *line, const char *word)
{
	char *save = NULL;

	for (char *w = strtok_r(line, " \t:", &save); w; w = strtok_r(NULL, " \t:", &save))
		if (strcmp(w, word) == 0)
			return true;
	return false;
}

bool
cpuinfo_has_flag(const struct sysroot *root, const char *flag)
{
	char head[HEAD_SIZE], *save = NULL;
	int fd = sysroot_openat(root, O_RDONLY, "/proc/cpuinfo");
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, head, sizeof(head) - 1);
	close(fd);
	if (n < 0)
		return false;
	head[n] = '\0';
	for (char *line = strtok_r(head, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (strncmp(line, "flags", 5) == 0)
			return has_word(line, flag);
	return false;
}
