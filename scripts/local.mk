# SPDX-License-Identifier: MIT
EXTRA_DIST += %D%/build-libfuse.sh %D%/demo %D%/deps.sh
