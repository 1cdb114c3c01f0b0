# SPDX-License-Identifier: Apache-2.0
# Restarts and hand-overs.
if(TARGET switch_core)
	unit_test(switch_handover switch_core)
endif()
