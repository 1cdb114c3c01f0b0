# SPDX-License-Identifier: Apache-2.0
unit_test(config_golden config base)
