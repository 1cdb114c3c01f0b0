# SPDX-License-Identifier: Apache-2.0
# The probe's parts that touch memory only, built for the host with the host's flags.
set(probe ${CMAKE_SOURCE_DIR}/bench/probe)
add_library(probe_pure STATIC ${probe}/args.c ${probe}/boot.c ${probe}/frame.c ${probe}/json.c
	${probe}/pacer.c ${probe}/vring.c)
# A fence that orders memory against a device is nothing that ThreadSanitizer could follow, and gcc says so.
target_compile_options(probe_pure PRIVATE $<$<C_COMPILER_ID:GNU>:-Wno-tsan>)

unit_test(probe_args probe_pure)
unit_test(probe_boot probe_pure)
unit_test(probe_frame probe_pure)
unit_test(probe_json probe_pure PkgConfig::JANSSON)
unit_test(probe_net probe_pure)
target_sources(test_probe_net PRIVATE ${probe}/net.c)
unit_test(probe_vring probe_pure)
