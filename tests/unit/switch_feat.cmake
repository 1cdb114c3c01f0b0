# SPDX-License-Identifier: Apache-2.0
# Domains and layer-2 features.
if(TARGET switch_core)
	unit_test(switch_ctl_port switch_core)
	unit_test(switch_domain switch_core)
	unit_test(switch_feat_ip switch_core)
	unit_test(switch_feat_police switch_core)
	unit_test(switch_feat_shape switch_core)
	unit_test(switch_feat_vlan switch_core)
endif()

# What tests/integration/switch_features.sh runs.
if(TARGET load)
	add_executable(switch_features integration/switch_features.c integration/switch_chain.c
		integration/switch_scenario.c integration/switch_world.c)
	target_link_libraries(switch_features PRIVATE load)
	set_target_properties(switch_features PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
endif()
