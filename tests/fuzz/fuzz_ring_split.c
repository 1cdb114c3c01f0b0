/* fuzz-libs: switch_core base */
/* SPDX-License-Identifier: Apache-2.0 */
/* A split ring whose memory is all the fuzzer's (fuzz_ring.h). */
#define FUZZ_PACKED 0
#include "tests/fuzz/fuzz_ring.h"
