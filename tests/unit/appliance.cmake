# SPDX-License-Identifier: Apache-2.0
if(TARGET appliance)
	unit_test(appliance_cli appliance)
	unit_test(appliance_lines appliance)
	unit_test(appliance_rundir appliance)
	unit_test(appliance_child appliance)
	unit_test(appliance_translate appliance)

	# What stands in for the programs that are supervised lies beside the tests.
	foreach(fake appliance_fake_vmm appliance_fake_switch)
		add_executable(${fake} ${CMAKE_CURRENT_SOURCE_DIR}/unit/${fake}.c)
		target_link_libraries(${fake} PRIVATE base)
		set_target_properties(${fake} PROPERTIES RUNTIME_OUTPUT_DIRECTORY
			${CMAKE_BINARY_DIR}/tests)
	endforeach()
	unit_test(appliance_vnf appliance)
	unit_test(appliance_switchd appliance)
	unit_test(appliance_check appliance)
	add_dependencies(test_appliance_vnf appliance_fake_vmm)
	add_dependencies(test_appliance_switchd appliance_fake_switch)
endif()
if(TARGET runner)
	unit_test(bench_runner runner config)
endif()
