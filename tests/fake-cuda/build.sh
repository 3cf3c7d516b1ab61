#!/usr/bin/env bash
# build.sh DIR: an emulated NVIDIA driver, DIR/libcuda.so and DIR/libcuda.so.1, for x86-64 Linux with g++ 11 or newer. Then
#     LD_LIBRARY_PATH=DIR tiltmeter score --backend cuda ...
# runs the program's own host code and kernels without a GPU; driver.cpp lists the EMU_... settings.
# Objects are kept in DIR/objects by the hash of what they are made of: a second call builds what has changed.
# EXTRA="-D..." adds macros (faults.sh plants its faults with it).
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: $0 DIR" >&2; exit 2; }
mkdir -p "$1/objects"
dir=$(cd "$1" && pwd)
cd "$(dirname "$0")"
kernels=../../kernels
march=x86-64
grep -q avx2 /proc/cpuinfo && grep -q f16c /proc/cpuinfo && march=x86-64-v3
# No contraction: the emulated sums are those of --fmad=false.
flags="-std=c++20 -DEMU -I. -march=$march -ffp-contract=off -fno-math-errno -fPIC -fvisibility=hidden -Wall -Wno-unknown-pragmas ${EXTRA:-}"
headers=$(cat ./*.h $kernels/*.cuh | sha256sum)

objects=() commands=()
add() { # file, options
    local hash object
    hash=$(echo "$headers $(sha256sum <"$1") $flags $2 $(g++ -dumpfullversion)" | sha256sum | cut -c1-16)
    object="objects/$(basename "$1")$3-$hash.o"
    objects+=("$dir/$object")
    [ -f "$dir/$object" ] || commands+=("g++ $flags $2 -c -x c++ $1 -o $dir/$object.part && mv $dir/$object.part $dir/$object")
}
for f in driver fibers warp hopper; do add $f.cpp -O2 ""; done
add tensor_core.cpp -O3 ""
for f in "$kernels"/*.cu; do add "$f" -O2 ""; done
[ ${#commands[@]} -eq 0 ] || printf '%s\n' "${commands[@]}" | xargs -P "$(nproc)" -d '\n' -I{} sh -c {}
g++ -shared -Wl,-soname,libcuda.so -o "$dir/libcuda.so.part" "${objects[@]}"
mv "$dir/libcuda.so.part" "$dir/libcuda.so"
cp "$dir/libcuda.so" "$dir/libcuda.so.1.part"
mv "$dir/libcuda.so.1.part" "$dir/libcuda.so.1"
