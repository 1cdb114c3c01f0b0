# SPDX-License-Identifier: Apache-2.0
unit_test(bench_hist hist)
unit_test(bench_frame load)
unit_test(bench_ring load)
unit_test(bench_vhost load)
unit_test(bench_window load)
