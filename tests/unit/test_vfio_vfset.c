/* SPDX-License-Identifier: Apache-2.0 */
/* What rtnetlink says, and what may pretend to be rtnetlink: answers are made here, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "vfio/vfset.h"

static union {
	struct nlmsghdr h;
	char bytes[4096];
} reply;
static ssize_t reply_len; /* what the next answer is; -errno for none */
static unsigned int exchanges;
static int32_t forge_seq; /* added to the sequence number */

static ssize_t
answer(void *arg, const void *req, size_t len, void *buf, size_t size)
{
	static uint32_t seq;
	struct nlmsghdr *nlh = buf;

	exchanges++;
	if (req)
		seq = ((const struct nlmsghdr *)req)->nlmsg_seq;
	if (reply_len <= 0)
		return reply_len;
	memcpy(buf, reply.bytes, (size_t)reply_len);
	if ((size_t)reply_len >= sizeof(*nlh))
		nlh->nlmsg_seq = seq + (uint32_t)forge_seq;
	return reply_len;
}

static struct rtnl rtnl;
static struct pf_state state;

static int
set_up(void **arg)
{
	memset(&reply, 0, sizeof(reply));
	reply_len = 0;
	exchanges = 0;
	forge_seq = 0;
	return rtnl_open_with(&rtnl, answer, NULL);
}

static int
tear_down(void **arg)
{
	rtnl_close(&rtnl);
	return 0;
}

static struct nlmsghdr *
start(uint16_t type, size_t extra)
{
	struct nlmsghdr *nlh;

	memset(&reply, 0, sizeof(reply));
	nlh = mnl_nlmsg_put_header(&reply);
	nlh->nlmsg_type = type;
	mnl_nlmsg_put_extra_header(nlh, extra);
	return nlh;
}

static int
read_it(void)
{
	reply_len = (ssize_t)reply.h.nlmsg_len;
	return vfset_read(&rtnl, 7, &state);
}

static void
put_vf(struct nlmsghdr *nlh, uint32_t number, size_t mac_size)
{
	struct ifla_vf_mac mac = {.vf = number, .mac = {2, 0, 0, 0, 0, 9}};
	struct nlattr *info = mnl_attr_nest_start(nlh, IFLA_VF_INFO);

	mnl_attr_put(nlh, IFLA_VF_MAC, mac_size, &mac);
	mnl_attr_nest_end(nlh, info);
}

static void
test_an_answer(void **arg)
{
	struct nlmsghdr *nlh = start(RTM_NEWLINK, sizeof(struct ifinfomsg));
	struct nlattr *list = mnl_attr_nest_start(nlh, IFLA_VFINFO_LIST);

	put_vf(nlh, 3, sizeof(struct ifla_vf_mac));
	put_vf(nlh, 1, sizeof(struct ifla_vf_mac));
	put_vf(nlh, 256, sizeof(struct ifla_vf_mac)); /* beyond what there can be here */
	put_vf(nlh, 0xffffffff, sizeof(struct ifla_vf_mac));
	put_vf(nlh, 2, 7); /* too short to be an address */
	mnl_attr_nest_end(nlh, list);
	assert_int_equal(read_it(), 0);
	assert_int_equal(state.n, 4);
	assert_true(state.vf[3].known && state.vf[1].known);
	assert_false(state.vf[0].known);
	assert_int_equal(state.vf[3].mac[5], 9);
	assert_int_equal(state.vf[2].mac[5], 0);
	assert_false(state.up || state.carrier);
	assert_int_equal(rtnl.writes, 0);
}

static void
test_values_that_cannot_be(void **arg)
{
	struct ifla_vf_mac mac = {.vf = 0};
	struct ifla_vf_vlan vlan = {.vlan = 4096, .qos = 1};
	struct ifla_vf_vlan_info qinq = {.vlan = 5, .vlan_proto = 0xa888};
	struct ifla_vf_trust v = {.setting = 3};
	struct nlmsghdr *nlh = start(RTM_NEWLINK, sizeof(struct ifinfomsg));
	struct nlattr *list = mnl_attr_nest_start(nlh, IFLA_VFINFO_LIST);
	struct nlattr *info = mnl_attr_nest_start(nlh, IFLA_VF_INFO), *vlans;

	mnl_attr_put(nlh, IFLA_VF_MAC, sizeof(mac), &mac);
	mnl_attr_put(nlh, IFLA_VF_VLAN, sizeof(vlan), &vlan);
	mnl_attr_put(nlh, IFLA_VF_LINK_STATE, sizeof(v), &v);
	v.setting = ~0u;
	mnl_attr_put(nlh, IFLA_VF_SPOOFCHK, sizeof(v), &v);
	mnl_attr_put(nlh, IFLA_VF_TRUST, 4, &v);
	mnl_attr_put(nlh, IFLA_VF_RATE, 4, &v);
	mnl_attr_put(nlh, 99, 4, &v);
	vlans = mnl_attr_nest_start(nlh, IFLA_VF_VLAN_LIST);
	mnl_attr_put(nlh, IFLA_VF_VLAN_INFO, sizeof(qinq), &qinq);
	mnl_attr_put(nlh, IFLA_VF_VLAN_INFO, 2, &qinq);
	mnl_attr_nest_end(nlh, vlans);
	mnl_attr_nest_end(nlh, info);
	mnl_attr_nest_end(nlh, list);
	assert_int_equal(read_it(), 0);
	assert_int_equal(state.vf[0].vlan, 0);
	assert_int_equal(state.vf[0].vlan_proto, 0x88a8);
	assert_int_equal(state.vf[0].link, VF_LINK_AUTO);
	assert_false(state.vf[0].spoof_check || state.vf[0].trust);
	assert_int_equal(state.vf[0].max_tx_mbps, 0);
}

static void
test_no_answer(void **arg)
{
	struct nlmsghdr *nlh;

	reply_len = -ETIMEDOUT;
	assert_int_equal(vfset_read(&rtnl, 7, &state), -ETIMEDOUT);
	reply_len = 0; /* empty datagrams: not for ever */
	exchanges = 0;
	assert_int_equal(vfset_read(&rtnl, 7, &state), -EBADMSG);
	assert_true(exchanges > 1 && exchanges < 1000);
	nlh = start(RTM_NEWLINK, sizeof(struct ifinfomsg));
	forge_seq = 1; /* somebody else's answer */
	assert_int_equal(read_it(), -EBADMSG);
	forge_seq = 0;
	nlh->nlmsg_type = RTM_NEWADDR;
	assert_int_equal(read_it(), -EBADMSG);
	start(RTM_NEWLINK, 4); /* shorter than its header */
	assert_int_equal(read_it(), -EBADMSG);
	start(NLMSG_ERROR, 8);
	assert_int_equal(read_it(), -EBADMSG);
	start(NLMSG_ERROR, sizeof(struct nlmsgerr)); /* "no error" is no answer to a question */
	assert_int_equal(read_it(), -EBADMSG);
}

static int
refuse(int error, uint16_t flags)
{
	struct nlmsgerr *err = mnl_nlmsg_get_payload(&reply.h);

	err->error = error;
	reply.h.nlmsg_flags = flags;
	reply_len = (ssize_t)reply.h.nlmsg_len;
	return vfset_write(&rtnl, 7, 0, VF_TRUST, &(struct vf_state){.trust = true});
}

static void
test_refusals(void **arg)
{
	struct nlmsghdr *nlh = start(NLMSG_ERROR, sizeof(struct nlmsgerr));
	char words[300];

	assert_int_equal(refuse(0, 0), 0);
	assert_int_equal(refuse(-EOPNOTSUPP, 0), -EOPNOTSUPP);
	assert_string_equal(rtnl.why, "");
	assert_int_equal(refuse(5, 0), -EBADMSG); /* errors are negative */
	assert_int_equal(refuse(INT32_MIN, 0), -EBADMSG);
	assert_int_equal(rtnl.writes, 4);
	/* Words that are not ended, longer than ours may be, and unprintable. */
	memset(words, 'x', sizeof(words));
	words[0] = '\033';
	mnl_attr_put(nlh, NLMSGERR_ATTR_MSG, sizeof(words), words);
	assert_int_equal(refuse(-EINVAL, NLM_F_ACK_TLVS | NLM_F_CAPPED), -EINVAL);
	assert_int_equal(strlen(rtnl.why), RTNL_WHY_MAX - 1);
	assert_int_equal(rtnl.why[0], '?');
	/* Without NLM_F_CAPPED the request stands in between, of a length that the answer says. */
	for (uint32_t len = 0; len < 1000; len += 7) {
		((struct nlmsgerr *)mnl_nlmsg_get_payload(&reply.h))->msg.nlmsg_len = len;
		assert_int_equal(refuse(-EINVAL, NLM_F_ACK_TLVS), -EINVAL);
	}
	((struct nlmsgerr *)mnl_nlmsg_get_payload(&reply.h))->msg.nlmsg_len = UINT32_MAX;
	assert_int_equal(refuse(-EINVAL, NLM_F_ACK_TLVS), -EINVAL);
	assert_string_equal(rtnl.why, "");
}

/* A message that says to be longer than what came is none, above all where its length is no int. */
static void
test_lengths_that_lie(void **arg)
{
	static const uint32_t lies[] = {0x7fffffff, 0x80000000, 0xfa00003c, 0xffffffff};

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		struct nlmsghdr *nlh = start(NLMSG_ERROR, sizeof(struct nlmsgerr));

		((struct nlmsgerr *)mnl_nlmsg_get_payload(nlh))->error = -EINVAL;
		nlh->nlmsg_flags = NLM_F_ACK_TLVS | NLM_F_CAPPED;
		reply_len = (ssize_t)nlh->nlmsg_len;
		nlh->nlmsg_len = lies[i];
		assert_int_equal(vfset_read(&rtnl, 7, &state), -EBADMSG);
	}
}

/* Each byte of a good answer changed in turn, and cut anywhere. ASan watches. */
static void
test_damaged_answers(void **arg)
{
	struct nlmsghdr *nlh = start(RTM_NEWLINK, sizeof(struct ifinfomsg));
	struct nlattr *list = mnl_attr_nest_start(nlh, IFLA_VFINFO_LIST);
	size_t len;

	put_vf(nlh, 0, sizeof(struct ifla_vf_mac));
	put_vf(nlh, 1, sizeof(struct ifla_vf_mac));
	mnl_attr_nest_end(nlh, list);
	len = nlh->nlmsg_len;
	for (size_t i = 0; i < len; i++) {
		static const uint8_t values[] = {0, 1, 3, 4, 0x7f, 0x80, 0xff};
		char was = reply.bytes[i];

		for (size_t k = 0; k < sizeof(values); k++) {
			reply.bytes[i] = (char)values[k];
			reply_len = (ssize_t)len;
			vfset_read(&rtnl, 7, &state);
			assert_true(state.n <= VFSET_VFS_MAX);
		}
		reply.bytes[i] = was;
		reply_len = (ssize_t)i;
		assert_int_equal(vfset_read(&rtnl, 7, &state), -EBADMSG);
	}
}

static void
test_what_differs(void **arg)
{
	struct vf_cfg cfg = {.mac = {2, 0, 0, 0, 0, 1}, .vlan = 120, .qos = 5, .trust = true};
	struct vf_state now = {.known = true, .vlan_proto = 0x8100, .min_tx_mbps = 7}, want;
	char words[64];

	want = vfset_wanted(&cfg, &now);
	assert_int_equal(vfset_differ(&now, &want), 1u << VF_MAC | 1u << VF_VLAN | 1u << VF_TRUST);
	assert_int_equal(want.min_tx_mbps, 7); /* not ours to decide */
	assert_int_equal(vfset_differ(&want, &want), 0);
	now = want;
	now.vlan_proto = 0x88a8; /* a service tag is another tag */
	assert_int_equal(vfset_differ(&now, &want), 1u << VF_VLAN);
	cfg.vlan = 0;
	want = vfset_wanted(&cfg, &now);
	assert_int_equal(want.qos, 0);
	now = want;
	now.vlan_proto = 0; /* of no tag at all */
	assert_int_equal(vfset_differ(&now, &want), 0);
	assert_string_equal(vfset_words(VF_MAC, &want, words, sizeof(words)),
			    "mac 02:00:00:00:00:01");
	for (int i = 0; i < VF_SETTINGS; i++) {
		assert_non_null(vfset_key((enum vf_setting)i));
		assert_true(vfset_words((enum vf_setting)i, &want, words, sizeof(words))[0]);
	}
}

/* A service tag goes out in the newer form, with its EtherType. */
static ssize_t
look_at_vlan(void *arg, const void *req, size_t len, void *buf, size_t size)
{
	const struct nlmsghdr *nlh = req;
	const struct nlattr *a, *b, *c, *d;

	mnl_attr_for_each(a, nlh, sizeof(struct ifinfomsg))
	{
		mnl_attr_for_each_nested(b, a)
		{
			mnl_attr_for_each_nested(c, b)
			{
				assert_int_equal(mnl_attr_get_type(c), IFLA_VF_VLAN_LIST);
				mnl_attr_for_each_nested(d, c)
				{
					struct ifla_vf_vlan_info v;

					memcpy(&v, mnl_attr_get_payload(d), sizeof(v));
					assert_int_equal(v.vlan_proto, 0xa888);
					assert_int_equal(v.vlan, 9);
					exchanges++;
				}
			}
		}
	}
	return -EPERM;
}

static void
test_service_tag(void **arg)
{
	struct vf_state s = {.vlan = 9, .vlan_proto = 0x88a8};

	rtnl.exchange = look_at_vlan;
	assert_int_equal(vfset_write(&rtnl, 7, 0, VF_VLAN, &s), -EPERM);
	assert_int_equal(exchanges, 1);
}

/* The real thing, as far as every machine has it: the loopback has no virtual functions. */
static void
test_the_kernel(void **arg)
{
	struct rtnl live;

	assert_int_equal(rtnl_open(&live), 0);
	assert_int_equal(vfset_read(&live, 1, &state), 0);
	assert_int_equal(state.n, 0);
	assert_int_equal(vfset_read(&live, 0x7ffffff0, &state), -ENODEV);
	rtnl_close(&live);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_an_answer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_values_that_cannot_be, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_answer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lengths_that_lie, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damaged_answers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_differs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_service_tag, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_the_kernel, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
