#!/usr/bin/env bash
# build.sh DIR           an emulated NVIDIA driver, DIR/libcuda.so and DIR/libcuda.so.1, for x86-64 Linux with g++ 11 or newer. Then
#                            LD_LIBRARY_PATH=DIR tiltmeter score --backend cuda ...
#                        runs the program's own host code and kernels without a GPU; driver.cpp lists the EMU_... settings.
# build.sh --check DIR   DIR/check: the kernels alone against sums in f64 (check*.cpp)
# build.sh --race DIR    DIR/race: the same under ThreadSanitizer, as a detector of races between CUDA threads
# Objects are kept in DIR/objects by the hash of what they are made of: a second call builds what has changed.
# KERNELS=FOLDER takes kernels from elsewhere (faults.sh plants its faults in a copy).
set -euo pipefail
what=driver
case "${1:-}" in --check) what=check; shift ;; --race) what=race; shift ;; esac
[ $# -eq 1 ] || { echo "usage: $0 [--check | --race] DIR" >&2; exit 2; }
mkdir -p "$1/objects"
dir=$(cd "$1" && pwd)
cd "$(dirname "$0")"
kernels=${KERNELS:-../../kernels}
march=x86-64
grep -q avx2 /proc/cpuinfo && grep -q f16c /proc/cpuinfo && march=x86-64-v3
# No contraction: the emulated sums are those of --fmad=false.
flags="-std=c++20 -DEMU -march=$march -ffp-contract=off -fno-math-errno -fPIC -fvisibility=hidden -Wall -Wno-unknown-pragmas -Wno-maybe-uninitialized -Wno-psabi"
kernel_flags=-O2
[ $what = race ] && flags="$flags -DEMU_RACE -g" kernel_flags="-O1 -fsanitize=thread"
include="-I. -I$kernels"
compiler=$(g++ -dumpfullversion)

objects=() commands=()
add() { # file, options
    local hash object
    # What it is made of: itself and the headers that it reads, wherever they lie.
    # shellcheck disable=SC2046,SC2086
    hash=$({ cat $(g++ $flags $include -MM -MT : -x c++ "$1" | tr -d ':\\'); echo "$flags $2 $compiler"; } | sha256sum | cut -c1-16)
    object="$dir/objects/$(basename "$1")-$hash.o"
    objects+=("$object")
    [ -f "$object" ] || commands+=("g++ $flags $include $2 -c -x c++ $1 -o $object.part$$ && mv $object.part$$ $object")
}
for f in "$kernels"/product_*.cu "$kernels"/attention_*.cu "$kernels"/naive.cu "$kernels"/rows.cu "$kernels"/weights.cu; do add "$f" "$kernel_flags"; done # the longest first
for f in fibers warp hopper; do add $f.cpp -O2; done
add tensor_core.cpp -O3
if [ $what = driver ]; then add driver.cpp -O2; else for f in check check_attention check_rows check_weights; do add $f.cpp -O1; done; fi
[ ${#commands[@]} -eq 0 ] || printf '%s\n' "${commands[@]}" | xargs -P "$(nproc)" -d '\n' -I{} sh -c {}
case $what in
driver)
    g++ -shared -Wl,-soname,libcuda.so -o "$dir/libcuda.so.part" "${objects[@]}"
    mv "$dir/libcuda.so.part" "$dir/libcuda.so"
    cp "$dir/libcuda.so" "$dir/libcuda.so.1.part"
    mv "$dir/libcuda.so.1.part" "$dir/libcuda.so.1" ;;
check) g++ -o "$dir/check" "${objects[@]}" ;;
race) g++ -fsanitize=thread -o "$dir/race" "${objects[@]}" ;;
esac
