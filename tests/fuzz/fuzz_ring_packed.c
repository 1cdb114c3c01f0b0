/* fuzz-libs: switch_core base */
/* SPDX-License-Identifier: Apache-2.0 */
/* A packed ring whose memory, and what a switch before left behind, is all the fuzzer's (fuzz_ring.h). */
#define FUZZ_PACKED 1
#include "tests/fuzz/fuzz_ring.h"
