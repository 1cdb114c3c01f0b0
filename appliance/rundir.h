/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The run folder of one site: a lock that says who runs it, the sockets, and a list of the processes
 * that were started, so that whatever a killed run left behind is found and removed by the next one.
 */
#ifndef CORELANE_APPLIANCE_RUNDIR_H
#define CORELANE_APPLIANCE_RUNDIR_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/port.h"

#define RUNDIR_DEFAULT "/run/corelane"

struct rundir {
	char path[SOCK_PATH_LEN]; /* absolute, no slash at its end */
	int fd;                   /* of the folder, owned; -1 when closed */
	int lock_fd;              /* owned */
	unsigned int killed;      /* processes of an earlier run that had to be killed */
	unsigned int removed;     /* sockets of an earlier run that were removed */
};

#define RUNDIR_CLOSED ((struct rundir){.fd = -1, .lock_fd = -1})

/*
 * Makes @path (NULL: RUNDIR_DEFAULT/@name) with mode 0700, takes its lock and cleans up what is left in
 * it. -EBUSY "already running (pid N)"; -EPERM when somebody else owns the folder; other -errno.
 */
int rundir_open(const char *path, const char *name, struct rundir *ret, struct err *e);

/* Remembers a child for a later clean-up. 0 or -errno. */
int rundir_record(struct rundir *d, pid_t pid, uint64_t start, const char *name);

/*
 * The path of a socket in the folder: "NAME.sock", or when that does not fit a socket address,
 * "FALLBACK.sock". -ENAMETOOLONG when neither does.
 */
int rundir_socket(const struct rundir *d, const char *name, const char *fallback, char *ret,
		  size_t size);

/* Removes what open, record and sockets made, the folder when it is empty then, and lets go of the lock. */
void rundir_close(struct rundir *d);

#endif
