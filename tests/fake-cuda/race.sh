#!/usr/bin/env bash
# race.sh [PART...]: every kernel at its smallest sizes under ThreadSanitizer, which knows CUDA threads as fibers and barriers,
# mbarriers and copies as what orders them. Exit code 1 on a race or a wrong result. PART as check.cpp has them (rows, naive, mma,
# wgmma, attention).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=${RACE_DIR:-$here/../../target/fake-cuda}
"$here/build.sh" --race "$dir"
# ThreadSanitizer wants its addresses where they always are.
fixed=$(command -v setarch >/dev/null && setarch -R true 2>/dev/null && echo "setarch -R" || true)
TSAN_OPTIONS="halt_on_error=1 report_signal_unsafe=0 history_size=4" $fixed "$dir/race" small "$@"
