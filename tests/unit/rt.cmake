# SPDX-License-Identifier: Apache-2.0
unit_test(rt_thread rt_thread Threads::Threads)
unit_test(rt_golden rt config PkgConfig::JANSSON)
unit_test(rt_plan rt)
unit_test(rt_random rt)
unit_test(rt_topo rt)
unit_test(rt_eligible rt)
unit_test(rt_memory rt)
target_link_options(test_rt_memory PRIVATE -Wl,--wrap=calloc,--wrap=malloc)
