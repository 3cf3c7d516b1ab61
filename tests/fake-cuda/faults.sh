#!/usr/bin/env bash
# faults.sh [kernels | host] [TEXT...]: plants faults in a copy of the kernels and of the backend, one at a time, and says which test
# catches each. Exit code 1 if one is not caught, or if the place to plant it is no longer there. Without a word both lists are gone
# through; `kernels` takes minutes, `host` compiles the program's tests once more and takes a quarter of an hour. TEXT: only
# faults whose name holds it. A kernel's fault is caught by the program `check` (a wrong result, or the emulated GPU's own
# complaint), a host's by cargo test. faults.py has the lists; it needs Python 3.9.
exec python3 "$(dirname "$0")/faults.py" "$@"
