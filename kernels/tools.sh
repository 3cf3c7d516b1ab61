# Sourced by build.sh and report.sh: a Python with the pinned NVRTC, ptxas and nvdisasm, in target/kernel-tools. No NVIDIA binary is kept
# in the repository. Sets `python`, or returns 1 with a sentence where the wheels cannot be had.
kernel_tools() {
    local folder
    folder="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/target/kernel-tools"
    python=$folder/bin/python
    [ -f "$folder/complete" ] && return
    command -v python3 >/dev/null && python3 -m venv "$folder" 2>/dev/null &&
        "$folder/bin/pip" install --quiet --disable-pip-version-check --no-deps \
            nvidia-cuda-nvrtc-cu12==12.0.140 nvidia-cuda-nvcc==13.0.88 nvidia-cuda-nvdisasm==13.5.37 2>/dev/null &&
        touch "$folder/complete" && return
    echo "skipped: NVRTC 12.0.140, ptxas 13.0.88 and nvdisasm 13.5.37 cannot be had here (they need Python 3 with venv, and pip)"
    return 1
}
