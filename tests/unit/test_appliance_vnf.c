/* SPDX-License-Identifier: Apache-2.0 */
/* One VNF's life with a VMM that does what the test says. */
#include "tests/unit/appliance_world.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "appliance/vnf.h"
#include "base/fdmsg.h"

static struct vnf v;

static void
on_end(void *arg, struct vnf *ended)
{
	struct world *w = arg;

	assert_ptr_equal(ended, &v);
	evloop_stop(&w->loop);
}

/* Starts VNF 0 with @what as the fake's orders. */
static void
begin(struct world *w, const char *what)
{
	struct err e = {0};

	snprintf(w->vnf[0].boot.args, sizeof(w->vnf[0].boot.args), "%s", what);
	vnf_init(&v, &w->env, 0, on_end, w);
	if (vnf_prepare(&v, &e) < 0 || vnf_start(&v, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(v.result, VNF_RUNNING);
}

static const char *
output(struct world *w)
{
	static char text[4096];
	ssize_t n = read(w->out_pipe[0], text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void
lives_once(struct world *w, const char *what, enum vnf_result want, const char *detail)
{
	int fds = world_fds();

	begin(w, what);
	world_run(w);
	assert_int_equal(v.result, want);
	if (!strstr(v.detail, detail))
		fail_msg("%s: \"%s\" does not say \"%s\"", what, v.detail, detail);
	vnf_fini(&v);
	assert_int_equal(world_fds(), fds);
}

static void
a_power_off_is_the_normal_end(void **state)
{
	struct world *w = *state;

	begin(w, "poweroff");
	world_run(w);
	assert_int_equal(v.result, VNF_POWERED_OFF);
	/* All that it printed, the unfinished line too; JSON is kept. */
	assert_string_equal(output(w), "fw1| one\nfw1| two\nfw1| {\"probe\":\"end\",\"ok\":true}\n"
				       "fw1| three\n");
	assert_int_equal(json_array_size(v.json), 1);
	vnf_fini(&v);
}

static void
every_other_end_has_a_name(void **state)
{
	struct world *w = *state;

	lives_once(w, "fault", VNF_FAULTED, "triple fault at 0x1000");
	lives_once(w, "killed", VNF_KILLED, "Killed");
	lives_once(w, "unknown", VNF_FAILED, "status 7");
	lives_once(w, "nonsense", VNF_POWERED_OFF, "");
}

static void
resets_are_followed_but_not_for_ever(void **state)
{
	struct world *w = *state;

	begin(w, "reset");
	world_run(w);
	assert_int_equal(v.result, VNF_FAULTED);
	assert_int_equal(v.resets, 5);
	assert_non_null(strstr(v.detail, "reset itself 6 times"));
	vnf_fini(&v);
}

/* The second to the fifth are the operator's. */
static void
order_the_next(void *arg, const struct vmm_event *ev)
{
	struct vnf *its = arg;

	if (!ev)
		its->ordered = its->resets < 5;
}

static void
ordered_resets_are_not_the_guests(void **state)
{
	struct vnf_watch watch = {.saw = order_the_next, .arg = &v};
	struct world *w = *state;

	begin(w, "reset");
	vnf_watch_add(&v, &watch);
	world_run(w);
	assert_int_equal(v.result, VNF_FAULTED);
	assert_int_equal(v.resets, 9);
	assert_non_null(strstr(v.detail, "reset itself 6 times"));
	vnf_watch_del(&v, &watch);
	vnf_fini(&v);
}

/* The result carries the words; who hears of it logs them, once. */
static void
a_failed_restart_is_told_once(void **state)
{
	struct world *w = *state;
	int saved = dup(STDERR_FILENO), log = memfd_create("log", MFD_CLOEXEC);
	static char said[4096];
	ssize_t n;

	assert_true(saved >= 0 && log >= 0);
	begin(w, "reset");
	snprintf(w->programs.vmm, sizeof(w->programs.vmm), "/nonexistent/vmm");
	dup2(log, STDERR_FILENO);
	world_run(w);
	dup2(saved, STDERR_FILENO);
	n = pread(log, said, sizeof(said) - 1, 0);
	said[n > 0 ? n : 0] = '\0';
	close(saved);
	close(log);
	assert_int_equal(v.result, VNF_FAILED);
	assert_non_null(strstr(v.detail, "could not be started again"));
	assert_non_null(strstr(v.detail, "/nonexistent/vmm"));
	assert_non_null(strstr(said, "asked for a reset"));
	assert_null(strstr(said, "/nonexistent/vmm"));
	vnf_fini(&v);
}

static void
guest_hangs(struct world *w, enum watchdog_action action, const char *guest)
{
	w->vnf[0].has_watchdog = true;
	w->vnf[0].watchdog = action;
	begin(w, guest);
	world_run(w);
}

/* What was declared is what the VMM is asked for; and everything is counted over all lives. */
static void
a_watchdog_is_acted_upon(void **state)
{
	struct world *w = *state;

	guest_hangs(w, WATCHDOG_POWEROFF, "unwell");
	assert_int_equal(v.result, VNF_POWERED_OFF);
	assert_string_equal(output(w), "fw1| stop\n");
	assert_int_equal(v.health.panics, 2);
	vnf_fini(&v);
	guest_hangs(w, WATCHDOG_PAUSE, "unwell");
	assert_string_equal(output(w), "fw1| pause\n");
	vnf_fini(&v);
	guest_hangs(w, WATCHDOG_RESTART, "unwell");
	assert_int_equal(v.result, VNF_FAULTED); /* it hangs each time */
	assert_non_null(strstr(v.detail, "its watchdog expired 6 times in 10 s"));
	assert_int_equal(v.resets, 5);
	assert_int_equal(v.health.watchdogs, 6);
	assert_int_equal(v.health.panics, 12);
	assert_memory_equal(output(w), "fw1| reset\nfw1| reset\n", 22);
	vnf_fini(&v);
}

static void
stop_the_second_life(void *arg)
{
	struct evtimer *t = arg;

	if (v.resets == 0)
		evloop_timer(v.env->loop, t, 50, stop_the_second_life, t);
	else
		vnf_stop(&v, 0);
}

/* A VMM that hangs with its guest is killed, and the guest is started again all the same. */
static void
a_vmm_that_hangs_too(void **state)
{
	struct world *w = *state;
	struct evtimer t = {0};

	evloop_timer(&w->loop, &t, 50, stop_the_second_life, &t);
	guest_hangs(w, WATCHDOG_RESTART, "deaf");
	assert_int_equal(v.resets, 1);
	assert_int_equal(v.result, VNF_STOPPED);
	vnf_fini(&v);
}

static void
stop_it(void *arg)
{
	vnf_stop(arg, 0);
}

/* Nor does it get more time each time that its watchdog expires. */
static void
a_vmm_that_hangs_and_barks(void **state)
{
	struct world *w = *state;
	struct evtimer t = {0};

	evloop_timer(&w->loop, &t, 9000, stop_it, &v);
	guest_hangs(w, WATCHDOG_POWEROFF, "deaf-again");
	evloop_timer_off(&w->loop, &t);
	assert_int_equal(v.result, VNF_KILLED);
	vnf_fini(&v);
	/* Without an action it is said once, and then counted for a while. */
	evloop_timer(&w->loop, &t, 1500, stop_it, &v);
	guest_hangs(w, WATCHDOG_NONE, "deaf-again");
	assert_int_equal(v.result, VNF_STOPPED);
	assert_true(v.health.told_ns);
	assert_in_range(v.health.unheeded, 1, 5);
	vnf_fini(&v);
}

/* Everything that it prints is in its log too. */
static void
lines_go_into_the_console_log(void **state)
{
	struct world *w = *state;
	char path[128], text[128] = "";
	int fd;

	w->env.log_dir = w->base;
	w->vnf[0].console.log_size = 4096;
	snprintf(w->site.host.name, sizeof(w->site.host.name), "logs");
	begin(w, "poweroff");
	world_run(w);
	assert_int_equal(v.log.lines, 4);
	vnf_fini(&v);
	snprintf(path, sizeof(path), "%s/logs/fw1.console.log", w->base);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
	assert_string_equal(text, "one\ntwo\n{\"probe\":\"end\",\"ok\":true}\nthree\n");
	close(fd);
	unlink(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
}

static void
stop_later(void *arg)
{
	(void)arg;
	vnf_stop(&v, 300);
}

static void
stops_when_asked_and_is_killed_when_it_does_not(void **state)
{
	struct world *w = *state;
	struct evtimer t = {0};

	begin(w, "serve");
	evloop_timer(&w->loop, &t, 50, stop_later, w);
	world_run(w);
	assert_int_equal(v.result, VNF_STOPPED);
	assert_string_equal(output(w), "fw1| asked to stop\n");
	vnf_fini(&v);
	begin(w, "hang");
	evloop_timer(&w->loop, &t, 50, stop_later, w);
	world_run(w);
	assert_int_equal(v.result, VNF_STOPPED);
	vnf_fini(&v);
}

/* A back end that listens went away and comes back later: the NIC gets its new connection. */
struct backend {
	struct world *w;
	char path[100];
	int listen_fd;
	struct evsource source;
};

static void
backend_accept(void *arg, uint32_t events)
{
	struct backend *b = arg;
	int c = accept(b->listen_fd, NULL, NULL);

	(void)events;
	assert_int_equal(write(c, "hello", 5), 5);
	close(c);
}

static void
backend_back(void *arg)
{
	struct backend *b = arg;

	assert_int_equal(fdmsg_listen(b->path, SOCK_STREAM, &b->listen_fd), 0);
	assert_int_equal(evloop_add(&b->w->loop, &b->source, b->listen_fd, 1, backend_accept, b),
			 0);
}

static void
a_back_end_may_come_back(void **state)
{
	struct world *w = *state;
	struct backend b = {.w = w};
	struct evtimer t = {0};
	struct err e = {0};

	snprintf(b.path, sizeof(b.path), "%s/backend.sock", w->base);
	snprintf(w->nic[0].socket, sizeof(w->nic[0].socket), "%s", b.path);
	w->nic[0].kind = IF_VHOST_USER;
	w->nic[0].role = SOCKET_CONNECT;
	/* Not there at the start: refused, with the remedy. */
	vnf_init(&v, &w->env, 0, on_end, w);
	assert_int_equal(vnf_prepare(&v, &e), 0);
	assert_int_equal(vnf_start(&v, &e), -ENOENT);
	assert_non_null(strstr(e.text, "start its back end first"));
	vnf_fini(&v);

	backend_back(&b);
	begin(w, "wants");
	evloop_del(&w->loop, &b.source);
	close(b.listen_fd);
	unlink(b.path);
	evloop_timer(&w->loop, &t, 400, backend_back, &b);
	world_run(w);
	assert_int_equal(v.result, VNF_POWERED_OFF);
	assert_string_equal(output(w), "fw1| hello\n");
	vnf_fini(&v);
	evloop_del(&w->loop, &b.source);
	close(b.listen_fd);
	unlink(b.path);
}

/* One that closes each connection at once is tried more and more slowly. */
static void
a_back_end_that_closes_at_once(void **state)
{
	struct world *w = *state;
	uint64_t from = evloop_now();
	char path[100];
	int fd;

	snprintf(path, sizeof(path), "%s/backend.sock", w->base);
	snprintf(w->nic[0].socket, sizeof(w->nic[0].socket), "%s", path);
	w->nic[0].kind = IF_VHOST_USER;
	w->nic[0].role = SOCKET_CONNECT;
	assert_int_equal(fdmsg_listen(path, SOCK_STREAM, &fd), 0);
	begin(w, "wants-again");
	world_run(w);
	assert_int_equal(v.result, VNF_POWERED_OFF);
	assert_true(evloop_now() - from >= (50 + 100 + 200 + 400 + 800) * 1000000ull);
	vnf_fini(&v);
	close(fd);
	unlink(path);
}

static void
sockets_elsewhere_are_removed_too(void **state)
{
	struct world *w = *state;
	char path[100];

	snprintf(path, sizeof(path), "%s/port.sock", w->base);
	snprintf(w->nic[0].socket, sizeof(w->nic[0].socket), "%s", path);
	w->nic[0].kind = IF_VHOST_USER;
	w->nic[0].role = SOCKET_LISTEN;
	begin(w, "poweroff");
	assert_int_equal(access(path, F_OK), 0);
	world_run(w);
	vnf_fini(&v);
	assert_int_equal(access(path, F_OK), -1);
}

static void
somebody_elses_socket_is_left_alone(void **state)
{
	struct world *w = *state;
	struct err e = {0};
	char path[100];
	int fd;

	snprintf(path, sizeof(path), "%s/port.sock", w->base);
	assert_int_equal(fdmsg_listen(path, SOCK_STREAM, &fd), 0);
	snprintf(w->nic[0].socket, sizeof(w->nic[0].socket), "%s", path);
	w->nic[0].kind = IF_VHOST_USER;
	w->nic[0].role = SOCKET_LISTEN;
	vnf_init(&v, &w->env, 0, on_end, w);
	assert_int_equal(vnf_prepare(&v, &e), -EADDRINUSE);
	assert_non_null(strstr(e.text, "somebody else listens"));
	vnf_fini(&v);
	assert_int_equal(access(path, F_OK), 0);
	close(fd);
	unlink(path);
}

static void
what_cannot_start_leaves_nothing_open(void **state)
{
	struct world *w = *state;
	struct err e = {0};
	int fds = world_fds();
	char path[128];

	snprintf(w->programs.vmm, sizeof(w->programs.vmm), "/nonexistent/vmm");
	vnf_init(&v, &w->env, 0, on_end, w);
	assert_int_equal(vnf_prepare(&v, &e), 0);
	assert_int_equal(vnf_start(&v, &e), -ENOENT);
	assert_non_null(strstr(e.text, "vnf fw1: /nonexistent/vmm"));
	vnf_fini(&v);
	snprintf(w->programs.probe, sizeof(w->programs.probe), "/nonexistent/probe");
	vnf_init(&v, &w->env, 0, on_end, w);
	assert_int_equal(vnf_start(&v, &e), -ENOENT);
	vnf_fini(&v);
	/* Device nodes that went after the check. */
	world_tool(w->programs.probe, sizeof(w->programs.probe), "appliance_fake_vmm");
	w->vnf[0].vsock_cid = 77;
	vnf_init(&v, &w->env, 0, on_end, w);
	assert_int_equal(vnf_start(&v, &e), -ENOENT);
	assert_string_equal(e.text, "vnf fw1: vsock: /dev/vhost-vsock: No such file or directory; "
				    "load vhost_vsock");
	vnf_fini(&v);
	snprintf(path, sizeof(path), "%s/dev/kvm", w->base);
	assert_int_equal(unlink(path), 0);
	vnf_init(&v, &w->env, 0, on_end, w);
	assert_int_equal(vnf_start(&v, &e), -ENOENT);
	assert_string_equal(e.text, "vnf fw1: /dev/kvm: No such file or directory; load kvm_intel "
				    "or kvm_amd");
	vnf_fini(&v);
	assert_int_equal(world_fds(), fds);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_make, world_drop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_power_off_is_the_normal_end),
		TEST(every_other_end_has_a_name),
		TEST(resets_are_followed_but_not_for_ever),
		TEST(ordered_resets_are_not_the_guests),
		TEST(a_failed_restart_is_told_once),
		TEST(a_watchdog_is_acted_upon),
		TEST(a_vmm_that_hangs_too),
		TEST(a_vmm_that_hangs_and_barks),
		TEST(lines_go_into_the_console_log),
		TEST(stops_when_asked_and_is_killed_when_it_does_not),
		TEST(a_back_end_may_come_back),
		TEST(a_back_end_that_closes_at_once),
		TEST(sockets_elsewhere_are_removed_too),
		TEST(somebody_elses_socket_is_left_alone),
		TEST(what_cannot_start_leaves_nothing_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
