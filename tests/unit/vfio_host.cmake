# SPDX-License-Identifier: Apache-2.0
# Virtual functions on the host's side. The kernel is played by the tests.
unit_test(vfio_provision vfio_host PkgConfig::MNL)
target_link_options(test_vfio_provision PRIVATE
	-Wl,--wrap=sysroot_write_str,--wrap=sysroot_openat)
unit_test(vfio_group vfio_host PkgConfig::MNL)
target_link_options(test_vfio_group PRIVATE -Wl,--wrap=sysroot_write_str)
unit_test(vfio_fault vfio_host)
unit_test(vfio_undo vfio_host)
unit_test(vfio_vfset vfio_host PkgConfig::MNL)
unit_test(vfio_iommu vfio_host PkgConfig::MNL)
target_link_options(test_vfio_iommu PRIVATE
	-Wl,--wrap=sysroot_write_str,--wrap=ioctl,--wrap=sysroot_openat)
if(TARGET appliance)
	unit_test(appliance_sriov appliance PkgConfig::MNL)
	target_link_options(test_appliance_sriov PRIVATE -Wl,--wrap=sysroot_write_str,--wrap=lseek)
	unit_test(appliance_vf appliance PkgConfig::MNL)
	target_link_options(test_appliance_vf PRIVATE
		-Wl,--wrap=sysroot_write_str,--wrap=rtnl_open,--wrap=ioctl)
endif()
