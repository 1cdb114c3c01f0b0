# SPDX-License-Identifier: Apache-2.0
unit_test(base_cpuset base)
unit_test(base_err base)
unit_test(base_fdmsg base)
unit_test(base_log base)
unit_test(base_pci base)
unit_test(base_stdio base)
unit_test(base_sysroot base)
