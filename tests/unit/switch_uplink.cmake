# SPDX-License-Identifier: Apache-2.0
if(TARGET switch_core)
	unit_test(switch_arp switch_core)
	unit_test(switch_vxlan switch_core)
	unit_test(switch_lldp switch_core)
endif()

# What tests/integration/switch_uplink.sh runs.
if(TARGET load)
	add_executable(switch_uplink integration/switch_uplink.c integration/switch_outside.c
		integration/switch_scenario.c integration/switch_world.c)
	target_link_libraries(switch_uplink PRIVATE load)
	set_target_properties(switch_uplink PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
endif()
if(TARGET switch_core AND TARGET switch_dpdk)
	set(path ${CMAKE_SOURCE_DIR}/vhost-user)
	foreach(name switch_uplink switch_tunnel)
		unit_test(${name} switch_core switch_dpdk Threads::Threads)
		target_sources(test_${name} PRIVATE ${path}/bond.c ${path}/eth_dev.c ${path}/port_eth.c
			${path}/port_vxlan.c ${path}/quickstart.c ${path}/rcu.c ${path}/uplink.c
			${path}/uplink_eth.c ${path}/vxlan_tunnels.c)
	endforeach()
endif()
