/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-libs: switch_core */
/*
 * Rules as they come in a file and frames as guests send them: whatever is accepted finds in its tables
 * what a look at one rule after another finds.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vhost-user/filter_set.h"

#define RULES_MAX 24

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
compare(const struct filter_set *s, const struct filter_rule *rules, uint32_t n,
	const uint8_t *data, size_t size)
{
	uint32_t want = FILTER_NONE, head = size < 128 ? (uint32_t)size : 128;
	uint8_t *frame = malloc(head);
	union filter_key key;

	if (!frame)
		return;
	memcpy(frame, data, head);
	filter_key_make(frame, head, (uint32_t)size, data[13] & 3, &key);
	for (uint32_t i = 0; i < n && want == FILTER_NONE; i++)
		if (filter_rule_matches(&rules[i], &key))
			want = i;
	if (filter_set_find(s, &key) != want)
		abort();
	free(frame);
}

/* A byte: how many rules; the rules; then frames, each behind its length. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct filter_rule rules[RULES_MAX];
	struct filter_set *s;
	uint32_t n;

	if (size < 1)
		return 0;
	n = data[0] % (RULES_MAX + 1);
	data++;
	size--;
	if (size < n * sizeof(rules[0]))
		n = (uint32_t)(size / sizeof(rules[0]));
	memcpy(rules, data, n * sizeof(rules[0]));
	data += n * sizeof(rules[0]);
	size -= n * sizeof(rules[0]);
	if (filter_set_make(rules, n, NULL, &s, NULL) < 0)
		return 0;
	while (size > 15) {
		size_t len = 14 + data[0];

		data++;
		size--;
		len = len < size ? len : size;
		if (len >= 14)
			compare(s, rules, n, data, len);
		data += len;
		size -= len;
	}
	filter_set_put(s);
	return 0;
}
