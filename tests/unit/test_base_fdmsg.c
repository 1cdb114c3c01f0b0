/* SPDX-License-Identifier: Apache-2.0 */
/* Messages with descriptors: what arrives, what is refused, and that nothing leaks on the way. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fdmsg.h"
#include "base/util.h"

struct note {
	struct msg_head head;
	char text[48];
};

static const struct msg_head want = {.magic = 0x65746f6e,
				     .version = 3,
				     .size = sizeof(struct note)};

static const struct note hello = {
	.head = {.magic = 0x65746f6e, .version = 3, .size = sizeof(struct note), .seq = 9},
	.text = "hello"};

struct pair {
	int end[2];
	size_t fds_before;
	char folder[64];
};

static size_t
count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static int
set_up(void **state)
{
	struct pair *p = calloc(1, sizeof(*p));

	if (!p)
		return -1;
	p->fds_before = count_fds();
	snprintf(p->folder, sizeof(p->folder), "/tmp/corelane-test-XXXXXX");
	if (!mkdtemp(p->folder) || fdmsg_pair(p->end) < 0)
		return -1;
	*state = p;
	return 0;
}

static void
shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* After every test: no descriptor more than before it. */
static int
tear_down(void **state)
{
	struct pair *p = *state;
	char command[128];
	size_t after;

	shut(&p->end[0]);
	shut(&p->end[1]);
	after = count_fds();
	snprintf(command, sizeof(command), "rm -rf '%s'", p->folder);
	if (system(command) != 0)
		return -1;
	if (after != p->fds_before)
		print_error("%zu descriptors before, %zu after\n", p->fds_before, after);
	after -= p->fds_before;
	free(p);
	return after == 0 ? 0 : -1;
}

static void
test_pair(void **state)
{
	struct pair *p = *state;

	assert_int_equal(fcntl(p->end[0], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(fcntl(p->end[1], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

static void
test_message(void **state)
{
	struct pair *p = *state;
	struct note got;
	size_t n = 99;

	assert_int_equal(fdmsg_send(p->end[0], &hello.head, NULL, 0), 0);
	assert_int_equal(fdmsg_recv(p->end[1], &want, &got, NULL, 0, &n), 0);
	assert_memory_equal(&got, &hello, sizeof(got));
	assert_int_equal(n, 0);
}

static void
test_descriptors(void **state)
{
	struct pair *p = *state;
	int pipe_fd[2], fds[4];
	struct note got;
	char text[8] = "";
	size_t n;

	assert_int_equal(pipe(pipe_fd), 0);
	assert_int_equal(fdmsg_send(p->end[0], &hello.head, pipe_fd, 2), 0);
	assert_int_equal(fdmsg_recv(p->end[1], &want, &got, fds, 4, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(fcntl(fds[0], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	/* Still the sender's own, and the same pipe at the other end. */
	assert_int_equal(write(pipe_fd[1], "abc", 3), 3);
	assert_int_equal(read(fds[0], text, sizeof(text)), 3);
	assert_string_equal(text, "abc");
	close(fds[0]);
	close(fds[1]);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
}

static void
test_most_descriptors(void **state)
{
	struct pair *p = *state;
	int out[FDMSG_FDS_MAX + 1], in[FDMSG_FDS_MAX];
	struct note got;
	size_t n;

	for (size_t i = 0; i < FDMSG_FDS_MAX + 1; i++)
		out[i] = STDERR_FILENO;
	assert_int_equal(fdmsg_send(p->end[0], &hello.head, out, FDMSG_FDS_MAX + 1), -E2BIG);
	assert_int_equal(fdmsg_send(p->end[0], &hello.head, out, FDMSG_FDS_MAX), 0);
	assert_int_equal(fdmsg_recv(p->end[1], &want, &got, in, FDMSG_FDS_MAX, &n), 0);
	assert_int_equal(n, FDMSG_FDS_MAX);
	for (size_t i = 0; i < n; i++)
		close(in[i]);
}

/* One more than the receiver allows, and more than any message may carry: all are closed. */
static void
test_too_many_descriptors(void **state)
{
	struct pair *p = *state;
	int out[200], in[2] = {-7, -7};
	union {
		char buf[CMSG_SPACE(sizeof(out))];
		struct cmsghdr align;
	} ctl;
	struct iovec iov = {.iov_base = (void *)&hello, .iov_len = sizeof(hello)};
	struct msghdr mh = {.msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = ctl.buf,
			    .msg_controllen = sizeof(ctl.buf)};
	struct cmsghdr *c = (memset(&ctl, 0, sizeof(ctl)), CMSG_FIRSTHDR(&mh));
	struct note got;
	size_t n = 99;

	for (size_t i = 0; i < 200; i++)
		out[i] = STDERR_FILENO;
	assert_int_equal(fdmsg_send(p->end[0], &hello.head, out, 3), 0);
	assert_int_equal(fdmsg_recv(p->end[1], &want, &got, in, 2, &n), -EPROTO);
	assert_int_equal(n, 0);
	assert_int_equal(in[0], -7);
	*c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(out)),
			      .cmsg_level = SOL_SOCKET,
			      .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(c), out, sizeof(out));
	assert_int_equal(sendmsg(p->end[0], &mh, 0), sizeof(hello));
	assert_int_equal(fdmsg_recv(p->end[1], &want, &got, in, 2, &n), -EPROTO);
	/* The next message is not hurt by it. */
	assert_int_equal(fdmsg_send(p->end[0], &hello.head, NULL, 0), 0);
	assert_int_equal(fdmsg_recv(p->end[1], &want, &got, in, 2, &n), 0);
}

static void
test_wrong_head(void **state)
{
	struct pair *p = *state;
	struct note bad[3] = {hello, hello, hello}, got;
	int fds[2];
	size_t n;

	bad[0].head.magic++;
	bad[1].head.version++;
	bad[2].head.size--; /* says less than it is: sent short by fdmsg_send() */
	for (size_t i = 0; i < 3; i++) {
		int out = STDERR_FILENO;

		assert_int_equal(fdmsg_send(p->end[0], &bad[i].head, &out, 1), 0);
		assert_int_equal(fdmsg_recv(p->end[1], &want, &got, fds, 2, &n), -EPROTO);
		assert_int_equal(n, 0);
	}
	/* The right length, but the head says another. */
	assert_int_equal(send(p->end[0], &bad[2], sizeof(bad[2]), 0), sizeof(bad[2]));
	assert_int_equal(fdmsg_recv(p->end[1], &want, &got, fds, 2, &n), -EPROTO);
}

static void
test_wrong_length(void **state)
{
	static const size_t length[] = {
		1,   8, sizeof(struct msg_head), sizeof(struct note) - 1, sizeof(struct note) + 1,
		4096};
	struct pair *p = *state;
	char junk[4096] = {0};
	struct {
		struct note note;
		char guard[16];
	} got;
	size_t n;

	memcpy(junk, &hello, sizeof(hello));
	for (size_t i = 0; i < sizeof(length) / sizeof(length[0]); i++) {
		memset(got.guard, 'g', sizeof(got.guard));
		assert_int_equal(send(p->end[0], junk, length[i], 0), length[i]);
		assert_int_equal(fdmsg_recv(p->end[1], &want, &got, NULL, 0, &n), -EPROTO);
		for (size_t g = 0; g < sizeof(got.guard); g++)
			assert_int_equal(got.guard[g], 'g');
	}
}

static void
test_closed(void **state)
{
	struct pair *p = *state;
	struct note got;
	size_t n;

	assert_int_equal(fdmsg_send(p->end[0], &hello.head, NULL, 0), 0);
	shut(&p->end[0]);
	assert_int_equal(fdmsg_recv(p->end[1], &want, &got, NULL, 0, &n), 0);
	assert_int_equal(fdmsg_recv(p->end[1], &want, &got, NULL, 0, &n), -ENODATA);
	assert_int_equal(fdmsg_send(p->end[1], &hello.head, NULL, 0), -EPIPE);
	assert_int_equal(fdmsg_recv(-1, &want, &got, NULL, 0, &n), -EBADF);
}

/* Descriptors of messages that nobody reads any more die with the socket. */
static void
test_unread(void **state)
{
	struct pair *p = *state;
	int out[2] = {STDIN_FILENO, STDERR_FILENO};

	assert_int_equal(fdmsg_send(p->end[0], &hello.head, out, 2), 0);
	assert_int_equal(fdmsg_send(p->end[0], &hello.head, out, 2), 0);
}

static void
test_would_block(void **state)
{
	struct pair *p = *state;
	struct note got;
	size_t n, sent = 0;
	int r;

	for (int i = 0; i < 2; i++)
		assert_int_equal(fcntl(p->end[i], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(fdmsg_recv(p->end[1], &want, &got, NULL, 0, &n), -EAGAIN);
	while ((r = fdmsg_send(p->end[0], &hello.head, NULL, 0)) == 0)
		sent++;
	assert_int_equal(r, -EAGAIN);
	for (; sent > 0; sent--)
		assert_int_equal(fdmsg_recv(p->end[1], &want, &got, NULL, 0, &n), 0);
	assert_int_equal(fdmsg_recv(p->end[1], &want, &got, NULL, 0, &n), -EAGAIN);
}

static void
test_listen(void **state)
{
	struct pair *p = *state;
	char path[128], file[128];
	int l, c, again = -7;

	snprintf(path, sizeof(path), "%s/sock", p->folder);
	assert_int_equal(fdmsg_connect(path, SOCK_SEQPACKET, &c), -ENOENT);
	assert_int_equal(fdmsg_listen(path, SOCK_SEQPACKET, &l), 0);
	assert_int_equal(fcntl(l, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(fdmsg_connect(path, SOCK_SEQPACKET, &c), 0);
	close(c);
	/* Somebody listens: it stays theirs, whatever the type asked for. */
	assert_int_equal(fdmsg_listen(path, SOCK_SEQPACKET, &again), -EADDRINUSE);
	assert_int_equal(fdmsg_listen(path, SOCK_STREAM, &again), -EADDRINUSE);
	assert_int_equal(again, -7);
	/* Nobody listens any more: a socket left behind is no hindrance. */
	close(l);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(fdmsg_connect(path, SOCK_SEQPACKET, &c), -ECONNREFUSED);
	assert_int_equal(fdmsg_listen(path, SOCK_STREAM, &l), 0);
	close(l);
	/* Anything else is never unlinked. */
	snprintf(file, sizeof(file), "%s/file", p->folder);
	close(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_true(fdmsg_listen(file, SOCK_SEQPACKET, &l) < 0);
	assert_int_equal(access(file, F_OK), 0);
}

/* Somebody who listens and never accepts: the answer does not wait for him. */
static void
test_listen_beside_a_full_backlog(void **state)
{
	struct pair *p = *state;
	int l, again = -1, waiting[64];
	size_t n = 0;
	char path[128];

	snprintf(path, sizeof(path), "%s/s", p->folder);
	assert_int_equal(fdmsg_listen(path, SOCK_STREAM, &l), 0);
	while (n < ARRAY_SIZE(waiting) &&
	       fdmsg_connect(path, SOCK_STREAM | SOCK_NONBLOCK, &waiting[n]) == 0)
		n++;
	assert_true(n > 0 && n < ARRAY_SIZE(waiting));
	alarm(10); /* it hung here */
	assert_int_equal(fdmsg_listen(path, SOCK_STREAM, &again), -EADDRINUSE);
	alarm(0);
	while (n > 0)
		close(waiting[--n]);
	close(l);
}

static void
test_bad_paths(void **state)
{
	char longest[200];
	int fd;

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	longest[0] = '/';
	assert_int_equal(fdmsg_listen(longest, SOCK_STREAM, &fd), -ENAMETOOLONG);
	assert_int_equal(fdmsg_connect(longest, SOCK_STREAM, &fd), -ENAMETOOLONG);
	assert_true(fdmsg_connect("", SOCK_STREAM, &fd) < 0);
	assert_int_equal(fdmsg_listen("/nonexistent-folder/s", SOCK_STREAM, &fd), -ENOENT);
	assert_int_equal(fdmsg_listen("/dev/null/s", SOCK_STREAM, &fd), -ENOTDIR);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pair),
		TEST(test_message),
		TEST(test_descriptors),
		TEST(test_wrong_head),
		TEST(test_most_descriptors),
		TEST(test_too_many_descriptors),
		TEST(test_wrong_length),
		TEST(test_closed),
		TEST(test_unread),
		TEST(test_would_block),
		TEST(test_listen),
		TEST(test_listen_beside_a_full_backlog),
		TEST(test_bad_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
