# SPDX-License-Identifier: MIT
systemdsystemunit_DATA = %D%/dmabuffs.service
EXTRA_DIST += %D%/dmabuffs.service.in
