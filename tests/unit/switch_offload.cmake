# SPDX-License-Identifier: Apache-2.0
if(TARGET switch_core)
	unit_test(switch_offload switch_core)
endif()

# What bench/count runs: here, because it includes the switch's own headers.
if(TARGET switch_core AND TARGET load)
	add_subdirectory(${CMAKE_SOURCE_DIR}/tests/bench/path ${CMAKE_BINARY_DIR}/tests/bench/path)
endif()

# What tests/integration/switch_offload.sh runs.
if(TARGET load)
	add_executable(switch_offload integration/switch_offload.c integration/switch_scenario.c
		integration/switch_world.c)
	target_link_libraries(switch_offload PRIVATE load)
	set_target_properties(switch_offload PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
endif()
