# SPDX-License-Identifier: Apache-2.0
if(TARGET switch_core)
	unit_test(switch_capture switch_core Threads::Threads)
	unit_test(switch_filter switch_core)
	unit_test(switch_filter_set switch_core)
	unit_test(switch_watch switch_core Threads::Threads)
	unit_test(switch_snoop switch_core Threads::Threads)
endif()

# What tests/integration/switch_watch.sh runs.
if(TARGET load)
	add_executable(switch_watch integration/switch_watch.c integration/switch_watch_ports.c
		integration/switch_scenario.c integration/switch_world.c)
	target_link_libraries(switch_watch PRIVATE load)
	set_target_properties(switch_watch PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
endif()
