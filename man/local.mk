# SPDX-License-Identifier: MIT
dist_man_MANS += \
	%D%/dmabuffs.1 \
	%D%/dmabuffs_close.3 \
	%D%/dmabuffs_exchange.3 \
	%D%/dmabuffs_export.3 \
	%D%/dmabuffs_import.3 \
	%D%/dmabuffs_import_buffer.3 \
	%D%/dmabuffs_import_map.3 \
	%D%/dmabuffs_list.3 \
	%D%/dmabuffs_open.3 \
	%D%/dmabuffs_query.3 \
	%D%/dmabuffs_query_fd.3 \
	%D%/dmabuffs_revoke.3 \
	%D%/dmabuffs_root_fd.3 \
	%D%/dmabuffs_unlink.3 \
	%D%/dmabuffs_uuid_format.3 \
	%D%/dmabuffs_uuid_parse.3 \
	%D%/dmabuffs_ioctl.5 \
	%D%/dmabuffs.7 \
	%D%/dmabuffsd.8 \
	%D%/mount.dmabuffs.8
