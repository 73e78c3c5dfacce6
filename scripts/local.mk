# SPDX-License-Identifier: MIT
EXTRA_DIST += %D%/apt-archives.sh %D%/build-libfuse.sh %D%/check-format %D%/check-layers \
	%D%/check-symbols %D%/demo %D%/deps.sh %D%/layers.awk %D%/preflight.sh
