/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checksums and segmentation that are left undone: the rules for both sides, and large frames both ways
 * through a real tap in a network namespace of this test's own (that part needs root).
 */
#include "tests/unit/vmm_device.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "vmm/net_offload.h"

#define ALL                                                                                        \
	(VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_HOST_TSO4 |                    \
	 VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_HOST_TSO6 | VIRTIO_NET_F_GUEST_TSO6 |              \
	 VIRTIO_NET_F_HOST_USO | VIRTIO_NET_F_GUEST_USO4 | VIRTIO_NET_F_GUEST_USO6)

enum { RX, TX };
enum { NEEDS_CSUM = 1, DATA_VALID = 2 };

#define PAYLOAD 20000
#define FRAME   (14 + 20 + 20 + PAYLOAD)
#define MSS     1400

/* --- the rules --- */

static void
from_the_driver(void **state)
{
	static const struct {
		struct virtio_net_hdr h;
		uint64_t without;
		bool fine;
	} cases[] = {
		{{0}, 0, true},
		{{0}, ALL, true},
		{{.flags = NEEDS_CSUM, .csum_start = 34, .csum_offset = 16}, 0, true},
		{{.flags = NEEDS_CSUM, .csum_start = 34, .csum_offset = 16},
		 VIRTIO_NET_F_CSUM,
		 false},
		{{.flags = NEEDS_CSUM, .csum_start = 982, .csum_offset = 16}, 0, true},
		{{.flags = NEEDS_CSUM, .csum_start = 983, .csum_offset = 16}, 0, false},
		{{.flags = NEEDS_CSUM, .csum_start = 0xffff, .csum_offset = 0xffff}, 0, false},
		{{NEEDS_CSUM, 1, 54, 900, 34, 16, 0}, 0, true},
		{{NEEDS_CSUM, 1, 54, 900, 34, 16, 0}, VIRTIO_NET_F_HOST_TSO4, false},
		{{NEEDS_CSUM, 4, 74, 900, 54, 16, 0}, 0, true},
		{{NEEDS_CSUM, 4, 74, 900, 54, 16, 0}, VIRTIO_NET_F_HOST_TSO6, false},
		{{NEEDS_CSUM, 5, 42, 900, 34, 6, 0}, 0, true},
		{{NEEDS_CSUM, 5, 42, 900, 34, 6, 0}, VIRTIO_NET_F_HOST_USO, false},
		{{NEEDS_CSUM, 3, 42, 900, 34, 6, 0}, 0, false},     /* UFO was never offered */
		{{NEEDS_CSUM, 0x81, 54, 900, 34, 16, 0}, 0, false}, /* nor was ECN here */
		{{NEEDS_CSUM, 0x80, 54, 900, 34, 16, 0}, 0, false},
		{{0, 1, 54, 900, 0, 0, 0}, 0, false}, /* needs the checksum */
		{{NEEDS_CSUM, 1, 54, 0, 34, 16, 0}, 0, false},
		{{NEEDS_CSUM, 1, 1001, 900, 34, 16, 0}, 0, false},
		{{NEEDS_CSUM, 77, 54, 900, 34, 16, 0}, 0, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct virtio_net_hdr h = cases[i].h;
		const char *why = net_offload_out(&h, ALL & ~cases[i].without, 1000);

		if (!why != cases[i].fine)
			fail_msg("case %zu: %s", i, why ? why : "let through");
	}
	struct virtio_net_hdr h = {.flags = 0xfe,
				   .hdr_len = 7,
				   .gso_size = 8,
				   .csum_start = 9,
				   .csum_offset = 10,
				   .num_buffers = 11};

	assert_null(net_offload_out(&h, 0, 1000));
	assert_memory_equal(&h, &(struct virtio_net_hdr){0}, sizeof(h));
}

static void
to_the_driver(void **state)
{
	struct virtio_net_hdr h = {.flags = DATA_VALID};

	assert_true(net_offload_in(&h, 0));
	assert_int_equal(h.flags, 0);
	h.flags = DATA_VALID;
	assert_true(net_offload_in(&h, ALL));
	assert_int_equal(h.flags, DATA_VALID);
	h.flags = NEEDS_CSUM;
	assert_true(net_offload_in(&h, ALL));
	assert_false(net_offload_in(&h, 0));
	h.gso_type = 4;
	assert_true(net_offload_in(&h, ALL));
	assert_false(net_offload_in(&h, ALL & ~VIRTIO_NET_F_GUEST_TSO6));
	h.gso_type = 77;
	assert_false(net_offload_in(&h, ALL));
}

static void
what_needs_what(void **state)
{
	assert_true(net_offload_ok(0));
	assert_true(net_offload_ok(ALL));
	assert_false(net_offload_ok(ALL & ~VIRTIO_NET_F_CSUM));
	assert_false(net_offload_ok(ALL & ~VIRTIO_NET_F_GUEST_CSUM));
	assert_false(net_offload_ok(VIRTIO_NET_F_HOST_ECN));
	assert_false(net_offload_ok(VIRTIO_NET_F_GUEST_ECN));
	assert_true(net_offload_ok(ALL | VIRTIO_NET_F_GUEST_ECN | VIRTIO_NET_F_HOST_ECN));
}

/* --- a real tap --- */

struct world {
	struct one_device o;
	int packet; /* sees what is on the interface, with headers */
	uint64_t errors;
};

static int
make_tap(void)
{
	struct ifreq req = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, .ifr_name = "t0"};
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		return -1;
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0 && ioctl(fd, TUNSETIFF, &req) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static int
open_packet(void)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_IP)),
	    on = 1;

	at.sll_ifindex = (int)if_nametoindex("t0");
	assert_true(fd >= 0 && at.sll_ifindex > 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static int
set_up(void **state)
{
	struct world *w;
	int tap = make_tap();
	struct fake *f;

	*state = NULL;
	if (tap < 0)
		return 0;
	assert_int_equal(system("sysctl -qw net.ipv6.conf.t0.disable_ipv6=1; ip link set t0 up"),
			 0);
	w = calloc(1, sizeof(*w));
	f = fake_new();
	f->start.n_nics = f->start.n_fds = 1;
	f->start.nic[0] = (struct vmm_nic){.kind = VMM_NIC_TAP, .queues = 1, .name = "lan"};
	f->start.fd[0].role = VMM_FD_NIC;
	f->vm.fds[0] = tap;
	one_device_init(&w->o, f, &virtio_net_tap_ops);
	w->packet = open_packet();
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	if (!w)
		return 0;
	assert_int_equal(w->o.f->stats.guest_errors, w->errors);
	one_device_fini(&w->o);
	close(w->packet);
	free(w);
	return 0;
}

static struct world *
world(void **state)
{
	if (!*state) {
		print_message("skipped: no tap can be made here: needs root and /dev/net/tun\n");
		skip();
	}
	return *state;
}

/* A TCP segment far larger than the MTU, its checksum not done, behind its virtio header. */
static size_t
large_frame(uint8_t *p)
{
	static const uint8_t ip[] = {0x45, 0, 0,  0, 0, 1, 0x40, 0, 64, 6,
				     0,    0, 10, 0, 0, 1, 10,   0, 0,  2};
	struct virtio_net_hdr h = {.flags = NEEDS_CSUM,
				   .gso_type = 1,
				   .hdr_len = 54,
				   .gso_size = MSS,
				   .csum_start = 34,
				   .csum_offset = 16};
	uint8_t *eth = p + sizeof(h), *tcp = eth + 34;
	uint32_t sum = 0;

	memset(p, 0, sizeof(h) + 54);
	memcpy(p, &h, sizeof(h));
	memset(eth, 0x02, 12);
	eth[12] = 0x08;
	memcpy(eth + 14, ip, sizeof(ip));
	eth[16] = (FRAME - 14) >> 8;
	eth[17] = (FRAME - 14) & 0xff;
	for (unsigned int i = 0; i < 20; i += 2)
		sum += (uint32_t)eth[14 + i] << 8 | eth[15 + i];
	sum = ~((sum >> 16) + (sum & 0xffff)) & 0xffff;
	eth[24] = (uint8_t)(sum >> 8);
	eth[25] = (uint8_t)sum;
	tcp[0] = tcp[2] = 0x10;
	tcp[12] = 0x50;
	tcp[13] = 0x10;
	/* The pseudo header's sum is there already: addresses, protocol, length. */
	sum = 0x0a00 + 0x0001 + 0x0a00 + 0x0002 + 6 + 20 + PAYLOAD;
	sum = (sum >> 16) + (sum & 0xffff);
	tcp[16] = (uint8_t)(sum >> 8);
	tcp[17] = (uint8_t)sum;
	for (unsigned int i = 0; i < PAYLOAD; i++)
		tcp[20 + i] = (uint8_t)i;
	return sizeof(h) + FRAME;
}

static void
tap_has_offloads(void **state)
{
	struct world *w = world(state);
	uint64_t f = w->o.v->ops->features(w->o.v);

	assert_int_equal(f & (ALL & ~(7ull << 54)), ALL & ~(7ull << 54));
	/* USO: all of it or nothing, as the kernel is. */
	assert_true((f & 7ull << 54) == 0 || (f & 7ull << 54) == 7ull << 54);
	print_message("USO: %s\n", f & VIRTIO_NET_F_HOST_USO ? "yes" : "this kernel has none");
}

static void
large_frames_leave_whole(void **state)
{
	struct world *w = world(state);
	uint8_t *p = mem_at(&w->o.f->vm.mem, BUFFERS, 0x10000), got[70000];
	size_t len = large_frame(p);

	one_device_start(&w->o, false, ALL);
	one_device_add(&w->o, TX, BUFFERS, (uint32_t)len, false);
	one_device_run(&w->o, 50);
	assert_int_equal(driver_get(&w->o.d[TX]), 0);
	assert_int_equal(recv(w->packet, got, sizeof(got), 0),
			 10 + FRAME); /* a header of 10 bytes */
	assert_int_equal(got[1], 1);
	assert_memory_equal(got + 10 + 54, p + 12 + 54, PAYLOAD);
	/* A driver that did not ask for it may not do it. */
	virtio_reset(w->o.v);
	one_device_start(&w->o, false, ALL & ~VIRTIO_NET_F_HOST_TSO4);
	one_device_add(&w->o, TX, BUFFERS, (uint32_t)len, false);
	one_device_run(&w->o, 50);
	assert_int_equal(recv(w->packet, got, sizeof(got), 0), -1);
	w->errors = 1;
}

/* From the host, as large as its stack makes them, into small buffers that are merged. */
static void
large_frames_arrive_whole(void **state)
{
	struct world *w = world(state);
	uint8_t frame[10 + FRAME + 2];
	struct virtio_net_hdr h;
	size_t total = 0;

	large_frame(frame);
	memmove(frame + 10, frame + 12, FRAME); /* sockets know no num_buffers */
	one_device_start(&w->o, true, ALL | VIRTIO_NET_F_MRG_RXBUF);
	for (unsigned int i = 0; i < SIZE; i++)
		one_device_add(&w->o, RX, BUFFERS + i * 2048, 2048, true);
	one_device_run(&w->o, 20);
	assert_int_equal(send(w->packet, frame, 10 + FRAME, 0), 10 + FRAME);
	one_device_run(&w->o, 50);
	for (int64_t n; (n = driver_get(&w->o.d[RX])) >= 0;)
		total += (size_t)n;
	assert_int_equal(total, 12 + FRAME);
	memcpy(&h, mem_at(&w->o.f->vm.mem, BUFFERS, sizeof(h)), sizeof(h));
	assert_int_equal(h.gso_type & 0x7f, 1);
	assert_int_equal(h.gso_size, MSS);
	assert_int_equal(h.flags, NEEDS_CSUM);
	assert_int_equal(h.num_buffers, (12 + FRAME + 2047) / 2048);
	assert_memory_equal((uint8_t *)mem_at(&w->o.f->vm.mem, BUFFERS, 2048) + 12 + 54,
			    frame + 10 + 54, 1000);
}

/* A driver without offloads gets what an old network would bring: small frames with their checksums. */
static void
the_host_cuts_for_a_plain_driver(void **state)
{
	struct world *w = world(state);
	uint8_t frame[10 + FRAME + 2];
	unsigned int frames = 0;

	large_frame(frame);
	memmove(frame + 10, frame + 12, FRAME);
	one_device_start(&w->o, false, 0);
	for (unsigned int i = 0; i < SIZE; i++)
		one_device_add(&w->o, RX, BUFFERS + i * 2048, 2048, true);
	one_device_run(&w->o, 20);
	assert_int_equal(send(w->packet, frame, 10 + FRAME, 0), 10 + FRAME);
	one_device_run(&w->o, 50);
	for (int64_t n; (n = driver_get(&w->o.d[RX])) >= 0; frames++) {
		uint8_t *p = mem_at(&w->o.f->vm.mem, BUFFERS + frames * 2048, 2048);

		assert_true(n <= 12 + 54 + MSS);
		assert_memory_equal(p, "\0\0\0\0\0\0\0\0\0\0", 10);
	}
	assert_int_equal(frames, (PAYLOAD + MSS - 1) / MSS);
}

/* Buffers too small for a frame, and no merging: it is dropped, and counted. */
static void
dropped_frames_are_counted(void **state)
{
	struct world *w = world(state);
	uint8_t frame[10 + 600] = {0};

	memset(frame + 10, 0x02, 12);
	frame[22] = 0x08;
	one_device_start(&w->o, false, 0);
	for (unsigned int i = 0; i < 4; i++)
		one_device_add(&w->o, RX, BUFFERS + i * 2048, 256, true);
	one_device_run(&w->o, 20);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(send(w->packet, frame, sizeof(frame), 0), sizeof(frame));
	one_device_run(&w->o, 50);
	assert_int_equal(driver_get(&w->o.d[RX]), -1);
	assert_int_equal(w->o.f->stats.rx_no_buffer, 3);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_the_driver),   cmocka_unit_test(to_the_driver),
		cmocka_unit_test(what_needs_what),   T(tap_has_offloads),
		T(large_frames_leave_whole),         T(large_frames_arrive_whole),
		T(the_host_cuts_for_a_plain_driver), T(dropped_frames_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
