#!/usr/bin/env bash
# report.sh                    assembles every PTX file for sm_80, 86, 89, 90, 100, 120 and 90a; prints registers (in that order where
#                              they differ), instructions / tensor instructions of the tensor loop and of the whole kernel
# report.sh DOCUMENT           also fails if the document shows another table
# report.sh --write DOCUMENT   puts the table into the document
# Exit code 1 on a stack frame, spills, local memory, or a C75xx remark of ptxas.
set -euo pipefail
. "$(dirname "$0")/tools.sh"
kernel_tools || exit 0
exec "$python" "$(dirname "$0")/report.py" "$@"
