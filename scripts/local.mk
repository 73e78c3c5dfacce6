# SPDX-License-Identifier: MIT
EXTRA_DIST += %D%/build-libfuse.sh %D%/check-symbols %D%/demo %D%/deps.sh
