/* fuzz-libs: vfio_host base */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes from outside where virtual functions are made: an answer of rtnetlink, a record of the
 * kernel's log, a line of the file that an earlier run left. The first byte chooses.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vfio/fault.h"
#include "vfio/undo.h"
#include "vfio/vfset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t size;
};

static ssize_t
answer(void *arg, const void *req, size_t len, void *buf, size_t size)
{
	const struct input *in = arg;
	const struct nlmsghdr *sent = req;
	struct nlmsghdr *nlh = buf;
	size_t n = MIN_OF(in->size, size);

	memcpy(buf, in->data, n);
	if (sent && n >= sizeof(*nlh))
		nlh->nlmsg_seq = sent->nlmsg_seq;
	return (ssize_t)n;
}

static void
fuzz_netlink(const uint8_t *data, size_t size)
{
	static struct pf_state state;
	struct input in = {data, size};
	struct vf_state to = {.vlan = 1};
	struct rtnl r;

	if (rtnl_open_with(&r, answer, &in) < 0)
		abort();
	if (vfset_read(&r, 1, &state) == 0 && state.n > VFSET_VFS_MAX)
		abort();
	for (size_t i = 0; i < VFSET_VFS_MAX; i++)
		if (state.vf[i].vlan > 4095 || state.vf[i].link > VF_LINK_DOWN ||
		    state.vf[i].qos > VF_QOS_MAX)
			abort();
	if (vfset_write(&r, 1, 0, VF_VLAN, &to) > 0)
		abort();
	rtnl_close(&r);
}

static void
fuzz_fault(const char *text)
{
	struct iommu_fault f;

	if (fault_parse(text, &f) && (f.dev.slot > 31 || f.dev.function > 7))
		abort();
}

/* What is believed comes back as the same line. */
static void
fuzz_undo(const char *text)
{
	char line[UNDO_LINE_MAX], again[UNDO_LINE_MAX];
	struct undo u;

	if (undo_parse(text, &u) < 0)
		return;
	undo_format(&u, line);
	if (undo_parse(line, &u) < 0 || strcmp(undo_format(&u, again), line) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[2048];

	if (size < 1 || size > 65536)
		return 0;
	if (data[0] % 3 == 0) {
		fuzz_netlink(data + 1, size - 1);
		return 0;
	}
	size = MIN_OF(size, sizeof(text));
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	if (data[0] % 3 == 1)
		fuzz_fault(text);
	else
		fuzz_undo(text);
	return 0;
}
