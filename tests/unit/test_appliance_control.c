/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket: messages of any kind from clients of any kind. */
#include "tests/unit/appliance_world.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "appliance/control_client.h"
#include "appliance/control_sock.h"
#include "base/fdmsg.h"

static struct vnf vnf[2];
static struct commands commands;
static struct control_sock control;

static void
on_end(void *arg, struct vnf *v)
{
	(void)arg;
	(void)v;
}

static void
begin(struct world *w, const char *what)
{
	struct err e = {0};

	snprintf(w->vnf[0].boot.args, sizeof(w->vnf[0].boot.args), "%s", what);
	for (size_t i = 0; i < 2; i++)
		vnf_init(&vnf[i], &w->env, i, on_end, w);
	if (vnf_prepare(&vnf[0], &e) < 0 || vnf_start(&vnf[0], &e) < 0)
		fail_msg("%s", e.text);
	commands_init(&commands, &w->env, vnf);
	if (control_sock_open(&control, &w->loop, &w->dir, &commands, &e) < 0)
		fail_msg("%s", e.text);
}

static void
end(void)
{
	commands_fini(&commands);
	control_sock_close(&control);
	control_sock_close(&control);
	for (size_t i = 0; i < 2; i++)
		vnf_fini(&vnf[i]);
}

static void
wake(void *arg, uint32_t events)
{
	struct world *w = arg;

	(void)events;
	evloop_stop(&w->loop);
}

/* Runs the site until there is something to read from @fd. */
static const char *
wait_for(struct world *w, int fd)
{
	static char text[CONTROL_REQUEST_MAX];
	struct evsource s;
	ssize_t n;

	assert_int_equal(evloop_add(&w->loop, &s, fd, EPOLLIN, wake, w), 0);
	world_run(w);
	evloop_del(&w->loop, &s);
	n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
	text[n > 0 ? n : 0] = '\0';
	return n < 0 && errno == EAGAIN ? "?" : text;
}

static int
connect_client(struct world *w)
{
	char path[128];
	int fd = -1;

	snprintf(path, sizeof(path), "%s/control.sock", w->dir.path);
	assert_int_equal(fdmsg_connect(path, SOCK_SEQPACKET | SOCK_NONBLOCK, &fd), 0);
	return fd;
}

static void
ask(struct world *w, int fd, const void *request, size_t n, const char *want)
{
	const char *got;

	assert_int_equal(send(fd, request, n, MSG_NOSIGNAL), n);
	got = wait_for(w, fd);
	if (!strstr(got, want))
		fail_msg("%.80s: got %s, wanted %s", (const char *)request, got, want);
}

#define ASK(w, fd, request, want) ask(w, fd, request, strlen(request), want)

static void
takes_json_and_nothing_else(void **state)
{
	struct world *w = *state;
	char *large = malloc(CONTROL_REQUEST_MAX + 1);
	int c;

	begin(w, "obey");
	c = connect_client(w);
	ASK(w, c, "{\"action\": \"list\"}", "\"vnfs\":[{\"name\":\"fw1\"");
	ASK(w, c, "", ""); /* no message at all is an end: the client is gone */
	close(c);
	c = connect_client(w);
	ASK(w, c, "nonsense", "not JSON");
	ASK(w, c, "[]", "an object with an action");
	ASK(w, c, "{\"action\": \"list\"} more", "not JSON");
	ASK(w, c, "{\"action\": \"list\", \"action\": \"list\"}", "duplicate");
	ask(w, c, "{\"action\": \"li\0st\"}", 20, "not JSON");
	ASK(w, c, "{\"action\": \"\xff\xfe\"}", "not JSON");
	memset(large, '[', CONTROL_REQUEST_MAX);
	ask(w, c, large, CONTROL_REQUEST_MAX, "not JSON");
	memset(large, ' ', CONTROL_REQUEST_MAX + 1);
	ask(w, c, large, CONTROL_REQUEST_MAX + 1, "at most 65536 bytes");
	assert_int_equal(control.refused, 8);
	ASK(w, c, "{\"action\": \"pause\", \"vnf\": \"fw1\"}", "\"text\":\"vnf fw1: paused\"");
	ASK(w, c, "{\"action\": \"pause\", \"vnf\": \"fw1\"}", "\"kind\":\"conflict\"");
	close(c);
	free(large);
	end();
}

/* One at a time each; what a client sends meanwhile is answered afterwards, in order. */
static void
clients_wait_their_turn(void **state)
{
	struct world *w = *state;
	static const char slow[] = "{\"action\": \"reset\", \"vnf\": \"fw1\", \"timeout\": 1}";
	static const char list[] = "{\"action\": \"list\"}";
	int c, d;

	begin(w, "stubborn");
	c = connect_client(w);
	d = connect_client(w);
	assert_true(send(c, slow, sizeof(slow) - 1, 0) > 0);
	assert_true(send(c, list, sizeof(list) - 1, 0) > 0);
	ASK(w, d, list, "\"ok\":true"); /* others are not held up */
	assert_non_null(strstr(wait_for(w, c), "\"kind\":\"timeout\""));
	assert_non_null(strstr(wait_for(w, c), "\"ok\":true"));
	/* One that does not wait for its answer. */
	assert_true(send(c, slow, sizeof(slow) - 1, 0) > 0);
	ASK(w, d, list, "\"ok\":true");
	assert_int_equal(commands.n_running, 1);
	close(c);
	ASK(w, d, list, "\"ok\":true");
	ASK(w, d, slow, "\"kind\":\"timeout\"");
	ASK(w, d, list, "\"ok\":true");
	assert_int_equal(commands.n_running, 0);
	/* The end of the site is an answer too. */
	assert_true(send(d, slow, sizeof(slow) - 1, 0) > 0);
	c = connect_client(w);
	ASK(w, c, list, "\"ok\":true");
	close(c);
	end();
	assert_non_null(strstr(wait_for(w, d), "the site has ended"));
	close(d);
}

static void
clients_are_not_without_number(void **state)
{
	struct world *w = *state;
	int c[CONTROL_CLIENTS_MAX + 1];

	begin(w, "obey");
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		c[i] = connect_client(w);
		ASK(w, c[i], "{\"action\": \"list\"}", "\"ok\":true");
	}
	c[CONTROL_CLIENTS_MAX] = connect_client(w);
	assert_non_null(strstr(wait_for(w, c[CONTROL_CLIENTS_MAX]), "8 clients are connected"));
	close(c[CONTROL_CLIENTS_MAX]);
	close(c[0]);
	ASK(w, c[1], "{\"action\": \"list\"}", "\"ok\":true");
	c[0] = connect_client(w); /* there is room again */
	ASK(w, c[0], "{\"action\": \"list\"}", "\"ok\":true");
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
		close(c[i]);
	end();
}

/* A descriptor that comes along is not kept. */
static void
descriptors_are_not_taken(void **state)
{
	struct world *w = *state;
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} ctl = {0};
	char list[] = "{\"action\": \"list\"}";
	struct iovec iov = {.iov_base = list, .iov_len = strlen(list)};
	struct msghdr mh = {.msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = ctl.buf,
			    .msg_controllen = sizeof(ctl.buf)};
	struct cmsghdr *h = CMSG_FIRSTHDR(&mh);
	int c, fds, null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	begin(w, "obey");
	c = connect_client(w);
	ASK(w, c, list, "\"ok\":true");
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &null, sizeof(int));
	fds = world_fds();
	assert_true(sendmsg(c, &mh, 0) > 0);
	assert_non_null(strstr(wait_for(w, c), "\"ok\":true"));
	assert_int_equal(world_fds(), fds);
	close(c);
	close(null);
	end();
}

/* The client's side, in a process of its own. Returns its exit status. */
static void
client_process(const char *folder, const char *base, int out)
{
	static struct control_site site[CONTROL_SITES_MAX];
	json_t *request = json_pack("{s:s, s:s}", "action", "pause", "vnf", "fw1"), *answer = NULL;
	struct err e = {0};
	size_t n = 9;

	if (control_sites(NULL, base, site, &n, &e) < 0 || n != 1 ||
	    strcmp(site[0].folder, folder) != 0)
		_exit(2);
	control_sites_free(site, n);
	if (control_sites(folder, NULL, site, &n, &e) < 0 || n != 1)
		_exit(3);
	control_sites_free(site, n);
	if (control_ask(folder, request, 5, &answer, &e) < 0 ||
	    !json_is_true(json_object_get(answer, "ok")))
		_exit(4);
	json_decref(answer);
	json_decref(request);
	if (control_sites("/nonexistent", NULL, site, &n, &e) != -ENOENT || n != 0 ||
	    !strstr(e.text, "no site runs in /nonexistent"))
		_exit(5);
	e = (struct err){0};
	if (control_sites(NULL, "/nonexistent", site, &n, &e) != -ENOENT ||
	    !strstr(e.text, "no site runs below"))
		_exit(6);
	_exit(write(out, "x", 1) == 1 ? 0 : 7);
}

static void
clients_find_the_site(void **state)
{
	struct world *w = *state;
	struct evsource s;
	int p[2], status;
	pid_t pid;

	begin(w, "obey");
	assert_int_equal(pipe(p), 0);
	pid = fork();
	if (pid == 0) {
		close(p[0]);
		client_process(w->dir.path, w->base, p[1]);
	}
	close(p[1]);
	assert_int_equal(evloop_add(&w->loop, &s, p[0], EPOLLIN, wake, w), 0);
	world_run(w);
	evloop_del(&w->loop, &s);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
	close(p[0]);
	end();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_make, world_drop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(takes_json_and_nothing_else),    TEST(clients_wait_their_turn),
		TEST(clients_are_not_without_number), TEST(descriptors_are_not_taken),
		TEST(clients_find_the_site),
	};

	return cmocka_run_group_tests_name("control socket", tests, NULL, NULL);
}
