/* SPDX-License-Identifier: Apache-2.0 */
/* The load's vhost-user front end against back ends that agree, refuse, lie and hang up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include <linux/virtio_config.h>

#include "bench/load/vhost.h"

#define FEATURES  (1ull << VIRTIO_F_VERSION_1 | VHOST_F_PROTOCOL_FEATURES)
#define PROTOCOLS (VHOST_PROTOCOL_F_MQ | VHOST_PROTOCOL_F_REPLY_ACK)

/* A back end: answers until it has seen @hang_up_after messages. */
struct backend {
	int fd;
	pthread_t thread;
	uint64_t features, protocols, queues, status;
	unsigned int hang_up_after;
	uint32_t lie_request; /* answer this with a reply to another request */
	uint32_t seen[64];
	unsigned int n;
	uint64_t set_features, set_protocols;
};

static uint64_t
answer_to(struct backend *b, const struct vhost_msg *m)
{
	switch (m->request) {
	case VHOST_GET_FEATURES:
		return b->features;
	case VHOST_GET_PROTOCOL_FEATURES:
		return b->protocols;
	case VHOST_GET_QUEUE_NUM:
		return b->queues;
	case VHOST_SET_FEATURES:
		b->set_features = m->u64;
		return b->status;
	case VHOST_SET_PROTOCOL_FEATURES:
		b->set_protocols = m->u64;
		return 0;
	default:
		return b->status;
	}
}

static bool
wants_answer(const struct vhost_msg *m)
{
	return m->request == VHOST_GET_FEATURES || m->request == VHOST_GET_PROTOCOL_FEATURES ||
	       m->request == VHOST_GET_QUEUE_NUM || m->flags & 1u << 3;
}

static void *
serve(void *arg)
{
	struct backend *b = arg;
	struct vhost_msg m;
	uint64_t answer;

	while (b->n < b->hang_up_after && recv(b->fd, &m, VHOST_HEAD_BYTES, MSG_WAITALL) > 0) {
		if (m.size)
			recv(b->fd, &m.u64, m.size, MSG_WAITALL);
		b->seen[b->n++] = m.request;
		answer = answer_to(b, &m);
		if (!wants_answer(&m))
			continue;
		m.u64 = answer;
		m.request += m.request == b->lie_request;
		m.flags = 1 | 1u << 2;
		m.size = sizeof(m.u64);
		send(b->fd, &m, VHOST_HEAD_BYTES + m.size, MSG_NOSIGNAL);
	}
	close(b->fd);
	return NULL;
}

static struct backend
agreeable(void)
{
	return (struct backend){.features = UINT64_MAX,
				.protocols = UINT64_MAX,
				.queues = 8,
				.hang_up_after = 64};
}

static int
negotiate(struct backend *b, unsigned int queues, struct vhost *v, struct err *e)
{
	int pair[2], r;

	*e = (struct err){0};
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	*v = (struct vhost){.fd = pair[0]};
	b->fd = pair[1];
	assert_int_equal(pthread_create(&b->thread, NULL, serve, b), 0);
	r = vhost_negotiate(v, FEATURES, queues, e);
	assert_int_equal(r < 0, e->code != 0);
	return r;
}

static void
finish(struct backend *b, struct vhost *v)
{
	vhost_close(v);
	assert_int_equal(v->fd, -1);
	pthread_join(b->thread, NULL);
}

static void
test_agreement(void **state)
{
	static const uint32_t order[] = {
		VHOST_GET_FEATURES,
		VHOST_GET_PROTOCOL_FEATURES,
		VHOST_SET_PROTOCOL_FEATURES,
		VHOST_GET_QUEUE_NUM,
		VHOST_SET_OWNER,
		VHOST_SET_FEATURES,
	};
	struct backend b = agreeable();
	struct vhost v;
	struct err e;

	assert_int_equal(negotiate(&b, 2, &v, &e), 0);
	assert_true(v.reply_ack);
	assert_false(vhost_gone(&v));
	finish(&b, &v);
	assert_int_equal(b.n, sizeof(order) / sizeof(order[0]));
	assert_memory_equal(b.seen, order, sizeof(order));
	assert_int_equal(b.set_features, FEATURES);
	assert_int_equal(b.set_protocols, PROTOCOLS);
}

static void
test_old_back_end_without_acknowledgements(void **state)
{
	struct backend b = agreeable();
	struct vhost v;
	struct err e;

	b.protocols = 0;
	assert_int_equal(negotiate(&b, 1, &v, &e), 0);
	assert_false(v.reply_ack);
	finish(&b, &v);
}

static void
test_missing_feature_is_named(void **state)
{
	struct backend b = agreeable();
	struct vhost v;
	struct err e;

	b.features = VHOST_F_PROTOCOL_FEATURES;
	assert_int_equal(negotiate(&b, 1, &v, &e), -ENOTSUP);
	assert_non_null(strstr(e.text, "VIRTIO_F_VERSION_1"));
	finish(&b, &v);
}

static void
test_too_few_queues(void **state)
{
	struct backend b = agreeable();
	struct vhost v;
	struct err e;

	b.queues = 1;
	assert_int_equal(negotiate(&b, 2, &v, &e), -ENOTSUP);
	finish(&b, &v);
	b = agreeable();
	b.protocols = VHOST_PROTOCOL_F_REPLY_ACK;
	assert_int_equal(negotiate(&b, 2, &v, &e), -ENOTSUP);
	finish(&b, &v);
}

static void
test_refusal_lie_and_hang_up(void **state)
{
	struct backend b = agreeable();
	struct vhost v;
	struct err e;

	b.status = 1;
	assert_int_equal(negotiate(&b, 1, &v, &e), -EREMOTEIO);
	finish(&b, &v);
	b = agreeable();
	b.lie_request = VHOST_GET_PROTOCOL_FEATURES;
	assert_int_equal(negotiate(&b, 1, &v, &e), -EPROTO);
	finish(&b, &v);
	for (unsigned int n = 1; n < 5; n++) {
		b = agreeable();
		b.hang_up_after = n;
		assert_int_equal(negotiate(&b, 1, &v, &e), -ECONNRESET);
		assert_true(vhost_gone(&v));
		finish(&b, &v);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agreement),
		cmocka_unit_test(test_old_back_end_without_acknowledgements),
		cmocka_unit_test(test_missing_feature_is_named),
		cmocka_unit_test(test_too_few_queues),
		cmocka_unit_test(test_refusal_lie_and_hang_up),
	};

	return cmocka_run_group_tests_name("bench_vhost", tests, NULL, NULL);
}
