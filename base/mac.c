/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mac.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

int
mac_parse(const char *text, uint8_t ret[6])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t mac[6] = {0};

	if (strlen(text) != 17)
		return -EINVAL;
	for (size_t i = 0; i < 17; i++) {
		const char *digit = strchr(digits, tolower((unsigned char)text[i]));

		if (i % 3 == 2 ? text[i] != ':' : !digit)
			return -EINVAL;
		if (i % 3 != 2)
			mac[i / 3] = (uint8_t)(mac[i / 3] << 4 | (digit - digits));
	}
	memcpy(ret, mac, sizeof(mac));
	return 0;
}
