# SPDX-License-Identifier: Apache-2.0

# What tests/integration/vmm_core.sh and the measurements of start-up need beside the programs.
enable_language(ASM)
foreach(program start_vmm vmm_ctl)
	add_executable(${program} ${CMAKE_CURRENT_SOURCE_DIR}/integration/${program}.c)
	target_link_libraries(${program} PRIVATE base)
	set_target_properties(${program} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
endforeach()
target_sources(start_vmm PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/integration/start_figures.c
	${CMAKE_CURRENT_SOURCE_DIR}/integration/start_nics.c
	${CMAKE_CURRENT_SOURCE_DIR}/integration/start_vfio.c)
target_link_libraries(start_vmm PRIVATE vfio_host)

# A guest, not a program of this host: compiled and linked by a command of its own, so that no flag of
# the others (sanitizers, PIE) reaches it.
set(guest ${CMAKE_CURRENT_SOURCE_DIR}/integration/vmm_guest)
add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/tests/vmm_guest
	COMMAND ${CMAKE_C_COMPILER} -nostdlib -static -no-pie
		-Wl,-T,${guest}.ld,--build-id=none,-z,noexecstack
		-o ${CMAKE_BINARY_DIR}/tests/vmm_guest ${guest}.S
	DEPENDS ${guest}.S ${guest}.ld VERBATIM)
add_custom_target(build_vmm_guest ALL DEPENDS ${CMAKE_BINARY_DIR}/tests/vmm_guest)

unit_test(vmm_bus vmm_core)
unit_test(vmm_loop vmm_core)
unit_test(vmm_mem vmm_core)
target_link_options(test_vmm_mem PRIVATE -Wl,--wrap=mem_populate)
unit_test(vmm_start vmm_core)
unit_test(vmm_boot vmm_core)
unit_test(vmm_boot_acpi vmm_core)
unit_test(vmm_cpuid vmm_core)
unit_test(vmm_cpu_model vmm_core)
unit_test(vmm_topology vmm_core)
unit_test(vmm_serial vmm_core)
target_link_options(test_vmm_serial PRIVATE -Wl,--wrap=irq_line)
unit_test(vmm_ctl vmm_core)
unit_test(vmm_legacy vmm_core)
unit_test(vmm_ged vmm_core)
target_link_options(test_vmm_ged PRIVATE -Wl,--wrap=irq_line)
