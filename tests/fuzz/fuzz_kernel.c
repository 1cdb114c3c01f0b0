/* fuzz-libs: vmm_core base */
/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a kernel, and their second half as an initrd: an error in words, or a load inside RAM. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/boot.h"

#define RAM (4u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t *ram;
	struct mem m;
	static const struct topology topology;
	struct boot_params_in in = {.cmdline = "console=ttyS0",
				    .n_vcpus = 2,
				    .topology = &topology};
	struct boot_state st = {0};
	struct err e = {0};

	if (!ram)
		ram = calloc(1, RAM);
	if (!ram)
		return 0;
	m = (struct mem){.region = {{.gpa = 0, .size = RAM, .hva = ram}}, .n = 1};
	in.kernel = (struct boot_file){.fd = -1, .bytes = data, .size = size};
	in.initrd = (struct boot_file){.fd = -1, .bytes = data + size / 2, .size = size - size / 2};
	if (boot_load(&m, &in, &st, &e) < 0) {
		/* An error has words, in one line. */
		if (e.code == 0 || e.text[0] == '\0' || strchr(e.text, '\n'))
			abort();
	} else if (st.entry < BOOT_KERNEL_MIN || st.entry >= RAM) {
		abort();
	}
	return 0;
}
