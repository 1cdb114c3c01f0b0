/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/rundir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/child.h"
#include "base/log.h"

#define LOCK_NAME     "lock"
#define CHILDREN_NAME "children"

/* mkdir -p for everything above the last component. */
static int
make_parents(const char *path)
{
	char part[SOCK_PATH_LEN];

	for (size_t i = 1; path[i]; i++) {
		if (path[i] != '/')
			continue;
		snprintf(part, sizeof(part), "%.*s", (int)i, path);
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

static int
set_path(const char *path, const char *name, char *ret, struct err *e)
{
	char cwd[PATH_MAX] = "";
	int n;

	if (!path)
		n = snprintf(ret, SOCK_PATH_LEN, "%s/%s", RUNDIR_DEFAULT, name);
	else if (path[0] == '/')
		n = snprintf(ret, SOCK_PATH_LEN, "%s", path);
	else if (getcwd(cwd, sizeof(cwd)))
		n = snprintf(ret, SOCK_PATH_LEN, "%s/%s", cwd, path);
	else
		return err_sys(e, errno, "run folder %s", path);
	if (n < 0 || n >= SOCK_PATH_LEN - 16)
		return err_set(e, ENAMETOOLONG,
			       "run folder %s: the path is too long for sockets in it; choose a "
			       "shorter one with --run-dir",
			       path ? path : name);
	while (n > 1 && ret[n - 1] == '/')
		ret[--n] = '\0';
	return 0;
}

static int
cannot_make(struct err *e, int error, const char *path)
{
	return err_set(e, error,
		       "run folder %s: %s; run as root or choose a folder that you may write to "
		       "with --run-dir",
		       path, strerror(error));
}

/* Opens the folder and refuses one that is not ours alone. -ENOENT: it was just removed, try again. */
static int
open_folder(const char *path, struct err *e)
{
	struct stat st;
	int fd, r;

	r = make_parents(path);
	if (r < 0)
		return cannot_make(e, -r, path);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return cannot_make(e, errno, path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, "run folder %s", path);
	if (fstat(fd, &st) < 0)
		r = err_sys(e, errno, "run folder %s", path);
	else if (st.st_uid != geteuid())
		r = err_set(e, EPERM,
			    "run folder %s belongs to user %u; remove it or choose "
			    "another one with --run-dir",
			    path, (unsigned int)st.st_uid);
	else if (st.st_mode & 077)
		r = err_set(e, EPERM,
			    "run folder %s is open to others (mode %03o); use an empty "
			    "folder with mode 0700",
			    path, (unsigned int)(st.st_mode & 0777));
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

static int
say_busy(int lock_fd, const char *path, struct err *e)
{
	char text[32] = "";
	ssize_t n = pread(lock_fd, text, sizeof(text) - 1, 0);

	if (n > 0)
		text[strcspn(text, "\n")] = '\0';
	return err_set(e, EBUSY, "already running (pid %s, run folder %s)",
		       text[0] ? text : "unknown", path);
}

/* 1: the lock is ours. 0: a run that just ended removed the file, or the whole folder: try again. */
static int
try_lock(int dirfd, const char *path, int *ret_fd, struct err *e)
{
	struct stat mine, named;
	int fd, r;

	fd = openat(dirfd, LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "%s/%s", path, LOCK_NAME);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		r = errno == EWOULDBLOCK ? say_busy(fd, path, e)
					 : err_sys(e, errno, "%s/%s", path, LOCK_NAME);
		close(fd);
		return r;
	}
	/* A run that just ended removes its lock file while it holds it: then ours is nobody's. */
	if (fstat(fd, &mine) < 0 || fstatat(dirfd, LOCK_NAME, &named, 0) < 0 ||
	    mine.st_ino != named.st_ino) {
		close(fd);
		return 0;
	}
	*ret_fd = fd;
	return 1;
}

/* "PID START NAME". false: not such a line. */
static bool
parse_record(const char *line, pid_t *ret_pid, uint64_t *ret_start)
{
	char *end;
	long pid;

	errno = 0;
	pid = strtol(line, &end, 10);
	if (errno || end == line || *end != ' ' || pid <= 1 || pid > INT_MAX)
		return false;
	line = end + 1;
	*ret_start = strtoull(line, &end, 10);
	*ret_pid = (pid_t)pid;
	return !errno && end != line && *end == ' ' && line[0] != '-';
}

static void
kill_recorded(struct rundir *d)
{
	int fd = openat(d->fd, CHILDREN_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char line[256];
	FILE *f;

	if (fd < 0)
		return;
	f = fdopen(fd, "r");
	if (!f) {
		close(fd);
		return;
	}
	while (fgets(line, sizeof(line), f)) {
		uint64_t start;
		pid_t pid;

		if (parse_record(line, &pid, &start) && child_kill_stale(pid, start) == 1)
			d->killed++;
	}
	fclose(f);
}

/* Only what this program makes: somebody may have pointed --run-dir at a folder with other things. */
static void
remove_ours(struct rundir *d)
{
	int fd = openat(d->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *ent;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((ent = readdir(dir))) {
		size_t len = strlen(ent->d_name);
		struct stat st;

		if (len < 5 || strcmp(ent->d_name + len - 5, ".sock") != 0)
			continue;
		if (fstatat(d->fd, ent->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISSOCK(st.st_mode) && unlinkat(d->fd, ent->d_name, 0) == 0)
			d->removed++;
	}
	closedir(dir);
	unlinkat(d->fd, CHILDREN_NAME, 0);
}

int
rundir_open(const char *path, const char *name, struct rundir *ret, struct err *e)
{
	struct rundir d = RUNDIR_CLOSED;
	char pid[16];
	int n, r;

	r = set_path(path, name, d.path, e);
	if (r < 0)
		return r;
	r = 0;
	for (int tries = 0; tries < 10; tries++) {
		d.fd = open_folder(d.path, e);
		if (d.fd == -ENOENT)
			continue;
		if (d.fd < 0)
			return d.fd;
		r = try_lock(d.fd, d.path, &d.lock_fd, e);
		if (r != 0)
			break;
		close(d.fd);
	}
	if (r == 0)
		return err_set(e, EBUSY, "run folder %s: its lock keeps vanishing", d.path);
	if (r < 0)
		goto close_folder;
	n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(d.lock_fd, 0) < 0 || pwrite(d.lock_fd, pid, (size_t)n, 0) != n) {
		r = err_sys(e, errno, "%s/%s", d.path, LOCK_NAME);
		goto close_lock;
	}
	kill_recorded(&d);
	remove_ours(&d);
	*ret = d;
	return 0;
close_lock:
	unlinkat(d.fd, LOCK_NAME, 0);
	close(d.lock_fd);
close_folder:
	close(d.fd);
	if (r != -EBUSY)
		rmdir(d.path); /* only when it is empty: then nobody misses it */
	return r;
}

int
rundir_record(struct rundir *d, pid_t pid, uint64_t start, const char *name)
{
	char line[160];
	int fd, n, r = 0;

	n = snprintf(line, sizeof(line), "%d %" PRIu64 " %.100s\n", (int)pid, start, name);
	fd = openat(d->fd, CHILDREN_NAME, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	if (fd < 0)
		return -errno;
	if (write(fd, line, (size_t)n) != n)
		r = -EIO;
	close(fd);
	return r;
}

int
rundir_socket(const struct rundir *d, const char *name, const char *fallback, char *ret,
	      size_t size)
{
	size_t max = MIN_OF(size, (size_t)SOCK_PATH_LEN);
	/* The site's own socket is called so; an underscore is in nobody's name. */
	const char *own = strcmp(name, "control") == 0 ? "_" : "";
	int n = snprintf(ret, max, "%s/%s%s.sock", d->path, own, name);

	if (n < 0 || (size_t)n >= max)
		n = snprintf(ret, max, "%s/%s.sock", d->path, fallback);
	return n < 0 || (size_t)n >= max ? -ENAMETOOLONG : 0;
}

void
rundir_close(struct rundir *d)
{
	if (d->fd < 0)
		return;
	remove_ours(d);
	unlinkat(d->fd, LOCK_NAME, 0);
	close(d->lock_fd);
	close(d->fd);
	/* Another run may have come into it since, or been there and gone. */
	if (rmdir(d->path) < 0 && errno != ENOTEMPTY && errno != EEXIST && errno != ENOENT)
		log_warn("run folder %s: %s", d->path, strerror(errno));
	*d = RUNDIR_CLOSED;
}
