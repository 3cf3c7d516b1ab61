#!/usr/bin/env bash
# build.sh [NAME...]   makes ptx/*.ptx (those whose name contains NAME) from the sources, with the pinned NVRTC
# build.sh --check     fails if a committed file is not, byte for byte, what the sources give
set -euo pipefail
. "$(dirname "$0")/tools.sh"
kernel_tools || exit 0
exec "$python" "$(dirname "$0")/build.py" "$@"
