/* SPDX-License-Identifier: Apache-2.0 */
/* A vhost-user back end for tests: it behaves, or it lies about one message, and notes what it was told. */
#ifndef CORELANE_TESTS_VMM_BACK_END_H
#define CORELANE_TESTS_VMM_BACK_END_H

#include "tests/unit/vmm_fake.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "vmm/vhost_user.h"
#include "vmm/vhost_user_plan.h"

#define ALL_FEATURES                                                                               \
	(VU_RING_FEATURES | VU_F_PROTOCOL_FEATURES | 1ull << 3 | 1ull << 17 | 1ull << 22)

enum lie {
	BEHAVE,
	DIE,          /* closes instead of an answer */
	DIE_HALF,     /* closes in the middle of one */
	MUTE,         /* never answers again */
	NONSENSE,     /* random bytes */
	WRONG_NUMBER, /* answers another request */
	NO_REPLY_BIT,
	WRONG_VERSION,
	TOO_LONG, /* a size beyond any message */
	SHORT,    /* a body that is too short */
	REFUSE,   /* REPLY_ACK with an error */
	EXTRA_FD,
	TWICE, /* the answer, and the answer again */
	LIES
};

struct back_end {
	int fd;
	enum lie lie;
	unsigned int at; /* the message that is lied about, counted from 0 */
	unsigned int n;  /* messages heard */
	uint64_t features, protocol;
	uint64_t pairs;
	/* What it was told: */
	uint64_t got_features;
	struct vu_memory memory;
	struct {
		uint32_t num, base;
		struct vu_addr addr;
		unsigned int kicks, calls, errs;
		int enabled;
		bool running;
	} ring[VU_RINGS_MAX];
	unsigned int inflight_set;
	struct vu_inflight inflight; /* as it was asked for */
	uint32_t log[256];
};

static inline void
back_end_init(struct back_end *b, enum lie lie, unsigned int at)
{
	*b = (struct back_end){
		.fd = -1,
		.lie = lie,
		.at = at,
		.features = ALL_FEATURES,
		.protocol = VU_PF_MQ | VU_PF_REPLY_ACK | VU_PF_INFLIGHT | VU_PF_MTU,
		.pairs = 2,
	};
}

static inline void
send_answer(struct back_end *b, struct vu_msg *m)
{
	static const uint8_t noise[600] = {0xde, 0xad, 0xbe, 0xef, 0xff, 0xff, 0xff, 0xff, 0xff};
	bool lie = b->n - 1 == b->at;
	int spare = -1;

	m->head.flags = VU_VERSION | VU_REPLY;
	switch (lie ? b->lie : BEHAVE) {
	case NONSENSE:
		(void)!send(b->fd, noise, sizeof(noise), MSG_NOSIGNAL);
		return;
	case WRONG_NUMBER:
		m->head.request ^= 1;
		break;
	case NO_REPLY_BIT:
		m->head.flags = VU_VERSION;
		break;
	case WRONG_VERSION:
		m->head.flags = 2 | VU_REPLY;
		break;
	case TOO_LONG:
		m->head.size = 0xffffffffu;
		(void)!send(b->fd, &m->head, sizeof(m->head), MSG_NOSIGNAL);
		return;
	case SHORT:
		m->head.size = 4;
		break;
	case REFUSE:
		m->body.u64 = 1;
		break;
	case EXTRA_FD:
		spare = dup(b->fd);
		m->fds[m->n_fds++] = spare;
		break;
	case DIE_HALF:
		(void)!send(b->fd, m, 15, MSG_NOSIGNAL);
		close(b->fd);
		b->fd = -1;
		return;
	case TWICE:
		vu_send(b->fd, m);
		break;
	default:
		break;
	}
	vu_send(b->fd, m);
	if (spare >= 0)
		close(spare);
}

static inline void
answer_inflight(struct back_end *b, struct vu_msg *m)
{
	int fd = memfd_create("inflight", MFD_CLOEXEC);

	assert_true(fd >= 0 && ftruncate(fd, 8192) == 0);
	b->inflight = m->body.inflight;
	m->body.inflight.mmap_size = 8192;
	m->fds[0] = fd;
	m->n_fds = 1;
	send_answer(b, m);
	close(fd);
}

static inline void
note_ring(struct back_end *b, const struct vu_msg *m)
{
	uint32_t i = m->body.state.index & 0xff;

	if (i >= VU_RINGS_MAX) /* not a ring's message */
		return;
	switch (m->head.request) {
	case VU_SET_VRING_NUM:
		b->ring[i].num = m->body.state.num;
		break;
	case VU_SET_VRING_BASE:
		b->ring[i].base = m->body.state.num;
		break;
	case VU_SET_VRING_ADDR:
		b->ring[i].addr = m->body.addr;
		break;
	case VU_SET_VRING_KICK:
		assert_int_equal(m->n_fds, 1);
		/* Everything else is known by now. */
		assert_true(b->ring[i].num && b->ring[i].addr.desc && b->ring[i].calls);
		assert_true(b->memory.n > 0 && b->got_features);
		b->ring[i].kicks++;
		b->ring[i].running = true;
		break;
	case VU_SET_VRING_CALL:
		assert_int_equal(m->n_fds, 1);
		b->ring[i].calls++;
		break;
	case VU_SET_VRING_ERR:
		assert_int_equal(m->n_fds, 1);
		b->ring[i].errs++;
		break;
	case VU_SET_VRING_ENABLE:
		b->ring[i].enabled = (int)m->body.state.num;
		break;
	default:
		break;
	}
}

static inline void
back_end_answer(struct back_end *b, struct vu_msg *m)
{
	struct vu_msg a = {.head = m->head};
	uint64_t u64 = 0;

	a.head.size = 8;
	switch (m->head.request) {
	case VU_GET_FEATURES:
		u64 = b->features;
		break;
	case VU_GET_PROTOCOL_FEATURES:
		u64 = b->protocol;
		break;
	case VU_GET_QUEUE_NUM:
		u64 = b->pairs;
		break;
	case VU_GET_INFLIGHT_FD:
		a.head.size = sizeof(struct vu_inflight);
		a.body.inflight = m->body.inflight;
		answer_inflight(b, &a);
		return;
	case VU_GET_VRING_BASE:
		a.body.state = m->body.state;
		a.body.state.num = 0x77;
		b->ring[m->body.state.index].running = false;
		send_answer(b, &a);
		return;
	default:
		if (!(m->head.flags & VU_NEED_REPLY))
			return;
		break;
	}
	a.body.u64 = u64;
	send_answer(b, &a);
}

/* Deals with one message if there is one. false: nothing came. */
static inline bool
back_end_step(struct back_end *b, int wait_ms)
{
	struct pollfd p = {.fd = b->fd, .events = POLLIN};
	struct vu_rx rx = {0};

	if (b->fd < 0 || poll(&p, 1, wait_ms) != 1)
		return false;
	if (vu_receive(b->fd, &rx) != 1) {
		close(b->fd);
		b->fd = -1;
		return false;
	}
	if (b->n < ARRAY_SIZE(b->log))
		b->log[b->n] = rx.msg.head.request;
	b->n++;
	if (rx.msg.head.request == VU_SET_FEATURES)
		b->got_features = rx.msg.body.u64;
	if (rx.msg.head.request == VU_SET_MEM_TABLE) {
		b->memory = rx.msg.body.memory;
		assert_int_equal(rx.msg.n_fds, b->memory.n);
	}
	if (rx.msg.head.request == VU_SET_INFLIGHT_FD)
		b->inflight_set += rx.msg.n_fds == 1;
	note_ring(b, &rx.msg);
	if (b->n - 1 >= b->at && b->lie == MUTE) {
		/* hears, says nothing */
	} else if (b->n - 1 == b->at && b->lie == DIE) {
		close(b->fd);
		b->fd = -1;
	} else {
		back_end_answer(b, &rx.msg);
	}
	vu_rx_reset(&rx);
	return true;
}

static inline unsigned int
count_log(const struct back_end *b, uint32_t request)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < b->n && i < ARRAY_SIZE(b->log); i++)
		n += b->log[i] == request;
	return n;
}

#endif
