# SPDX-License-Identifier: Apache-2.0
unit_test(config_check config base)
unit_test(config_engine config base)
unit_test(config_golden config base)
unit_test(config_load config base)
unit_test(config_value config base)
