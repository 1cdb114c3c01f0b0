/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/control_client.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "appliance/control_sock.h"
#include "base/fdmsg.h"

#define LIST_TIMEOUT_S 5
#define ANSWER_MAX     (1u << 20)

static int
connect_to(const char *folder, int *ret, struct err *e)
{
	char path[SOCK_PATH_LEN];
	int r;

	if ((size_t)snprintf(path, sizeof(path), "%s/" CONTROL_NAME ".sock", folder) >=
	    sizeof(path))
		return err_sys(e, ENAMETOOLONG, "run folder %s", folder);
	r = fdmsg_connect(path, SOCK_SEQPACKET, ret);
	if (r == -ENOENT || r == -ECONNREFUSED)
		return err_set(e, -r, "no site runs in %s; start one with: corelane run", folder);
	if (r == -EACCES)
		return err_set(e, EACCES,
			       "%s: a running site takes commands from its own user only; use the "
			       "one who started it, or root",
			       path);
	return r < 0 ? err_sys(e, -r, "%s", path) : 0;
}

/* Waits for one message and parses it. */
static int
read_answer(int fd, const char *folder, unsigned int timeout_s, json_t **ret, struct err *e)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	json_error_t je;
	ssize_t n;
	char *text;
	int r = poll(&p, 1, (int)timeout_s * 1000);

	if (r == 0)
		return err_set(e, ETIMEDOUT, "the site in %s has not answered within %u s", folder,
			       timeout_s);
	n = r < 0 ? -1 : recv(fd, NULL, 0, MSG_PEEK | MSG_TRUNC);
	if (n < 0)
		return err_sys(e, errno, "the site in %s", folder);
	if (n == 0 || n > (ssize_t)ANSWER_MAX)
		return err_set(e, EPROTO, "the site in %s %s", folder,
			       n == 0 ? "has ended, or hung up" : "answers too much");
	text = malloc((size_t)n);
	if (!text)
		return err_set(e, ENOMEM, "out of memory");
	n = recv(fd, text, (size_t)n, 0);
	*ret = n > 0 ? json_loadb(text, (size_t)n, JSON_REJECT_DUPLICATES, &je) : NULL;
	free(text);
	if (json_is_object(*ret))
		return 0;
	json_decref(*ret);
	*ret = NULL;
	return err_set(e, EPROTO, "the site in %s answers with something that is not JSON", folder);
}

/* Whole, with @fd (-1: none). 0 or -errno. */
static int
send_request(int sock, char *text, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {.iov_base = text, .iov_len = strlen(text)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;

	if (fd >= 0) {
		m.msg_control = control.bytes;
		m.msg_controllen = sizeof(control.bytes);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	return sendmsg(sock, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int
control_ask_fd(const char *folder, const json_t *request, int pass_fd, unsigned int timeout_s,
	       json_t **ret, struct err *e)
{
	char *text = json_dumps(request, JSON_COMPACT);
	int fd = -1, r;

	if (!text)
		return err_set(e, ENOMEM, "out of memory");
	r = connect_to(folder, &fd, e);
	if (r < 0)
		goto free_text;
	r = send_request(fd, text, pass_fd);
	if (r < 0)
		r = err_sys(e, -r, "the site in %s", folder);
	if (r == 0)
		r = read_answer(fd, folder, timeout_s, ret, e);
	close(fd);
free_text:
	free(text);
	return r;
}

int
control_ask(const char *folder, const json_t *request, unsigned int timeout_s, json_t **ret,
	    struct err *e)
{
	return control_ask_fd(folder, request, -1, timeout_s, ret, e);
}

static int
ask_list(const char *folder, struct control_site *ret, struct err *e)
{
	json_t *request = json_pack("{s:s}", "action", "list"), *answer = NULL;
	int r;

	if (!request)
		return err_set(e, ENOMEM, "out of memory");
	r = control_ask(folder, request, LIST_TIMEOUT_S, &answer, e);
	json_decref(request);
	if (r < 0)
		return r;
	if (!json_is_array(json_object_get(answer, "vnfs"))) {
		r = err_set(e, EPROTO, "the site in %s does not say which VNFs it has", folder);
		json_decref(answer);
		return r;
	}
	snprintf(ret->folder, sizeof(ret->folder), "%s", folder);
	ret->list = answer;
	return 0;
}

int
control_sites(const char *run_dir, const char *base, struct control_site *ret, size_t *ret_n,
	      struct err *e)
{
	char folder[SOCK_PATH_LEN];
	struct dirent *ent;
	size_t n = 0;
	int r = 0;
	DIR *dir;

	*ret_n = 0;
	if (run_dir) {
		r = ask_list(run_dir, &ret[0], e);
		*ret_n = r == 0;
		return r;
	}
	dir = opendir(base);
	if (!dir && errno != ENOENT)
		return err_sys(e, errno, "%s", base);
	while (dir && n < CONTROL_SITES_MAX && (ent = readdir(dir))) {
		struct err why = {0};

		if (ent->d_name[0] == '.' || (size_t)snprintf(folder, sizeof(folder), "%s/%s", base,
							      ent->d_name) >= sizeof(folder))
			continue;
		if (ask_list(folder, &ret[n], &why) == 0)
			n++;
		else if (why.code != ENOENT && why.code != ECONNREFUSED)
			*e = why; /* one that may be the one which is meant */
	}
	if (dir)
		closedir(dir);
	*ret_n = n;
	if (n > 0)
		return 0;
	return e->code ? -e->code
		       : err_set(e, ENOENT,
				 "no site runs below %s; start one with: corelane run, or name its "
				 "folder with --run-dir",
				 base);
}

void
control_sites_free(struct control_site *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		json_decref(s[i].list);
}
