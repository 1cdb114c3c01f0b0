/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device's back end and the one that takes over from it: when a second one is taken, what it is told,
 * and what becomes of it when either goes.
 */
#include "tests/unit/vmm_back_end.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include "vmm/vhost_pair.h"

struct duo {
	struct fake *f;
	struct vhost_pair p;
	struct vhost_user_ring ring[2];
	int kick, call;
	unsigned int ups, downs, changes, warnings;
	bool was_up;
	char words[256];
};

static void
on_up(void *arg)
{
	((struct duo *)arg)->ups++;
}

static void
on_down(void *arg, const char *why, bool was_up)
{
	struct duo *t = arg;

	t->downs++;
	t->was_up = was_up;
	snprintf(t->words, sizeof(t->words), "%s", why);
}

static void
on_change(void *arg)
{
	((struct duo *)arg)->changes++;
}

static void
on_warn(void *arg, const char *what)
{
	struct duo *t = arg;

	t->warnings++;
	snprintf(t->words, sizeof(t->words), "%s", what);
}

static void
on_broken(void *arg)
{
	(void)arg;
}

static const struct vhost_pair_cb duo_cb = {on_up, on_down, on_change, on_warn, on_broken};

static int
set_up(void **state)
{
	struct duo *t = calloc(1, sizeof(*t));

	t->f = fake_new();
	assert_int_equal(vhost_pair_init(&t->p, &t->f->vm, "nic", 2, 1500, &duo_cb, t), 0);
	t->kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	t->call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	for (unsigned int i = 0; i < 2; i++)
		t->ring[i] = (struct vhost_user_ring){
			.enabled = true,
			.size = 64,
			.desc = mem_at(&t->f->vm.mem, 0x10000 + 0x2000 * i, 1024),
			.driver = mem_at(&t->f->vm.mem, 0x10800 + 0x2000 * i, 256),
			.device = mem_at(&t->f->vm.mem, 0x11000 + 0x2000 * i, 1024),
			.kick = t->kick,
			.call = t->call,
		};
	*state = t;
	return 0;
}

static int
tear_down(void **state)
{
	struct duo *t = *state;

	vhost_pair_fini(&t->p);
	close(t->kick);
	close(t->call);
	fake_free(t->f);
	free(t);
	return 0;
}

static void
connect_to(struct duo *t, struct back_end *b)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	back_end_init(b, BEHAVE, 0);
	b->fd = pair[1];
	vhost_pair_attach(&t->p, pair[0]);
}

/* What the loop would do, until nothing moves any more. */
static void
settle(struct duo *t, struct back_end *b, struct back_end *c)
{
	for (bool moved = true; moved;) {
		moved = b && back_end_step(b, 0);
		moved |= c && back_end_step(c, 0);
		for (int i = 0; i < 2; i++) {
			struct vhost_user *vu = &t->p.half[i].vu;
			struct pollfd p = {.fd = vu->fd, .events = POLLIN};

			if (vu->fd < 0 || poll(&p, 1, 0) != 1)
				continue;
			vhost_user_ready(vu);
			moved = true;
		}
	}
}

static void
hang_up(struct back_end *b)
{
	close(b->fd);
	b->fd = -1;
}

static void
start(struct duo *t, bool packed)
{
	vhost_pair_start(&t->p, packed ? VU_RING_FEATURES : VU_RING_FEATURES & ~(1ull << 34),
			 packed);
	for (unsigned int i = 0; i < 2; i++)
		vhost_pair_ring(&t->p, i, &t->ring[i]);
	vhost_pair_go(&t->p);
}

/* A first back end at work. */
static void
begin(struct duo *t, struct back_end *b, bool packed)
{
	start(t, packed);
	connect_to(t, b);
	settle(t, b, NULL);
	assert_int_equal(t->ups, 1);
	assert_int_equal(b->ring[1].kicks, 1);
}

static void
unexpected_is_turned_away(void **state)
{
	struct duo *t = *state;
	struct back_end b, c;

	begin(t, &b, false);
	connect_to(t, &c);
	settle(t, &b, &c);
	assert_int_equal(c.n, 0);
	assert_int_equal(t->warnings, 1);
	assert_non_null(strstr(t->words, "turned away"));
	assert_int_equal(t->f->stats.backend_errors, 1);
	assert_int_equal(t->downs, 0);
	hang_up(&b);
	hang_up(&c);
	settle(t, NULL, NULL);
	assert_int_equal(t->downs, 1);
	assert_true(t->was_up);
}

static void
takes_over(void **state)
{
	struct duo *t = *state;
	uint16_t *used = t->ring[0].device;
	struct back_end b, c, d;

	begin(t, &b, false);
	vhost_pair_expect(&t->p, 60);
	used[1] = 17;
	connect_to(t, &c);
	settle(t, &b, &c);
	assert_int_equal(t->ups, 1); /* not a back end yet */
	assert_int_equal(c.ring[0].kicks, 1);
	assert_int_equal(c.ring[0].base, 17); /* as good as one can tell */
	assert_int_equal(c.ring[1].enabled, 1);
	assert_int_equal(c.ring[0].addr.desc, b.ring[0].addr.desc);
	/* Notes of its own: the first one still writes into its. */
	assert_int_equal(count_log(&c, VU_GET_INFLIGHT_FD), 1);
	assert_true(t->p.half[0].vu.inflight_fd >= 0 && t->p.half[1].vu.inflight_fd >= 0);
	/* What changes meanwhile is told to both. */
	t->ring[1].enabled = false;
	vhost_pair_ring(&t->p, 1, &t->ring[1]);
	vhost_pair_go(&t->p);
	settle(t, &b, &c);
	assert_int_equal(b.ring[1].enabled, 0);
	assert_int_equal(c.ring[1].enabled, 0);
	hang_up(&b);
	settle(t, &c, NULL);
	assert_int_equal(t->changes, 1);
	assert_int_equal(t->downs, 0);
	assert_int_equal(t->p.half[0].vu.inflight_fd, -1);
	assert_int_equal(vhost_user_pairs(vhost_pair_first(&t->p)), 2);
	/* And again, the other way round. */
	connect_to(t, &d);
	settle(t, &c, &d);
	assert_int_equal(d.ring[0].kicks, 1);
	hang_up(&c);
	settle(t, &d, NULL);
	assert_int_equal(t->changes, 2);
	hang_up(&d);
	settle(t, NULL, NULL);
	assert_int_equal(t->downs, 1);
	assert_true(t->was_up);
	/* What comes now is the first again, with the notes of the last one. */
	connect_to(t, &b);
	settle(t, &b, NULL);
	assert_int_equal(t->ups, 2);
	assert_int_equal(count_log(&b, VU_GET_INFLIGHT_FD), 0);
	assert_int_equal(b.inflight_set, 1);
	hang_up(&b);
	settle(t, NULL, NULL);
}

static void
the_second_may_fail(void **state)
{
	struct duo *t = *state;
	struct back_end b, c;

	begin(t, &b, true);
	vhost_pair_expect(&t->p, 60);
	connect_to(t, &c);
	settle(t, &b, &c);
	hang_up(&c);
	settle(t, &b, NULL);
	assert_int_equal(t->downs + t->changes, 0);
	assert_int_equal(t->warnings, 1);
	connect_to(t, &c); /* and try again */
	settle(t, &b, &c);
	assert_int_equal(c.ring[0].kicks, 1);
	vhost_pair_expect(&t->p, 0);
	settle(t, &b, &c);
	assert_int_equal(t->warnings, 2);
	assert_non_null(strstr(t->words, "no hand-over is expected"));
	assert_int_equal(t->downs, 0);
	hang_up(&c);
	hang_up(&b);
	settle(t, NULL, NULL);
	assert_int_equal(t->downs, 1);
}

/* A second one that was told half when the first died knows nothing of the rings. */
static void
half_told_is_no_successor(void **state)
{
	struct duo *t = *state;
	struct back_end b, c;

	begin(t, &b, false);
	vhost_pair_expect(&t->p, 60);
	connect_to(t, &c);
	back_end_step(&c, 0);
	hang_up(&b);
	settle(t, NULL, NULL);
	assert_int_equal(t->changes, 0);
	assert_int_equal(t->downs, 1);
	settle(t, NULL, &c);
	assert_int_equal(t->p.half[0].vu.fd, -1);
	assert_int_equal(t->p.half[1].vu.fd, -1);
	hang_up(&c);
}

static void
a_pause_sends_it_away(void **state)
{
	struct duo *t = *state;
	struct back_end b, c;
	pid_t pid;

	begin(t, &b, false);
	vhost_pair_expect(&t->p, 60);
	connect_to(t, &c);
	settle(t, &b, &c);
	pid = fork(); /* the first back end answers while we wait for it */
	if (pid == 0) {
		while (back_end_step(&b, 2000))
			;
		_exit(0);
	}
	vhost_pair_pause(&t->p);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_true(t->p.half[0].vu.ring[0].base_known);
	assert_int_equal(t->p.half[0].vu.ring[0].base, 0x77);
	vhost_pair_resume(&t->p);
	settle(t, &b, &c);
	assert_int_equal(b.ring[0].base, 0x77);
	assert_int_equal(t->downs, 0);
	assert_int_equal(t->p.half[1].vu.fd, -1);
	hang_up(&c);
	hang_up(&b);
	settle(t, NULL, NULL);
}

/* With notes an open descriptor is the back end's affair; without them it is completed for it. */
static void
notes_spare_the_ring(void **state)
{
	struct duo *t = *state;
	struct desc {
		uint64_t addr;
		uint32_t len;
		uint16_t id, flags;
	} *desc = t->ring[0].desc;
	struct back_end b, c;

	begin(t, &b, true);
	desc[0].flags = 0x0080; /* available */
	desc[1].flags = 0x8080; /* used: the one before was skipped */
	hang_up(&b);
	settle(t, NULL, NULL);
	connect_to(t, &c);
	settle(t, &c, NULL);
	assert_int_equal(desc[0].flags, 0x0080);
	hang_up(&c);
	settle(t, NULL, NULL);
	connect_to(t, &b);
	b.protocol &= ~VU_PF_INFLIGHT;
	settle(t, &b, NULL);
	assert_int_equal(desc[0].flags, 0x8080);
	assert_int_equal(t->p.half[0].vu.inflight_fd, -1);
	hang_up(&b);
	settle(t, NULL, NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(unexpected_is_turned_away), TEST(takes_over),
		TEST(the_second_may_fail),       TEST(half_told_is_no_successor),
		TEST(a_pause_sends_it_away),     TEST(notes_spare_the_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
