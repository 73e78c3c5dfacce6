# SPDX-License-Identifier: MIT
EXTRA_DIST += %D%/build-libfuse.sh %D%/check-format %D%/check-symbols %D%/demo %D%/deps.sh
