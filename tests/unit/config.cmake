# SPDX-License-Identifier: Apache-2.0
unit_test(config_check config base)
unit_test(config_diff config base)
unit_test(config_engine config base)
unit_test(config_golden config base)
unit_test(config_hostile config base)
unit_test(config_load config base)
unit_test(config_mutate config base)
unit_test(config_oom config base)
unit_test(config_schema config base)
unit_test(config_value config base)
# Its own allocator functions stand before the real ones, so that each allocation can fail.
target_link_options(test_config_oom PRIVATE
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=free)
