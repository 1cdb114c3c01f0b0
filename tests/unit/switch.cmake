# SPDX-License-Identifier: Apache-2.0
if(TARGET switch_core)
	unit_test(switch_mac switch_core Threads::Threads)
	unit_test(switch_forward switch_core)
	unit_test(switch_ctl switch_core)
endif()

# What tests/integration/switch_rings.sh runs.
if(TARGET load)
	add_executable(switch_check integration/switch_check.c integration/switch_hostile.c integration/switch_rude.c
		integration/switch_scenario.c
		integration/switch_world.c)
	target_link_libraries(switch_check PRIVATE load)
	set_target_properties(switch_check PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
endif()
