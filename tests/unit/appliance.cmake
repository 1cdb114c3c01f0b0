# SPDX-License-Identifier: Apache-2.0
if(TARGET appliance)
	unit_test(appliance_cli appliance)
	unit_test(appliance_lines appliance)
	unit_test(appliance_rundir appliance)
	unit_test(appliance_child appliance)
	unit_test(appliance_translate appliance)
endif()
