#!/usr/bin/env bash
# faults.sh [kernels | host] [NAME...]: plants one fault after another in a copy, and says which test caught it. Exit code 1 if one
# is not caught, or if the place to plant it is no longer there. Without a word: all of them; `kernels` takes minutes, `host` builds the
# program's tests once for each fault.
# A kernel's fault is caught by check.cpp (a wrong result, or the emulated GPU's own complaint), a host's by cargo test.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=${FAULTS_DIR:-$root/target/faults}
part=all
case "${1:-}" in kernels | host) part=$1; shift ;; esac
only="$*"

# name | file | sed expression | parts of check.cpp that are run
kernel_faults() { cat <<'LIST'
no barrier before a stage of the mma ring is used|product_mma.cu|s,__syncthreads();  // this stage.*,,|mma
mma waits for one stage too few|product_mma.cu|s,cp_async_wait<RING - 2>,cp_async_wait<RING - 1>,|mma
mma reads the hi plane of a twice|product_mma.cu|s,plane = of_a ? i / 2,plane = of_a ? 0,|mma
mma leaves the lo plane of b out|product_mma.cu|s,for (int q = PB - 1; q >= 0,for (int q = 0; q >= 0,|mma
mma stores and loads a stage by different places|product_mma.cu|s,kk \* 2 + ((lane >> 3) & 1),(kk * 2 + ((lane >> 3) \& 1)) ^ 1,|mma small
the loader does not wait for an empty stage|product_wgmma.cu|s,mbarrier_wait_cluster(empty.*,,|wgmma
the loader waits for the wrong phase|product_wgmma.cu|s,int s = 0\, phase = 1;,int s = 0\, phase = 0;,|wgmma small
a stage is given back before its products are done|product_wgmma.cu|s,wgmma_wait<1>,wgmma_wait<3>,|wgmma
an empty barrier waits for half of the warps|product_wgmma.cu|s,mbarrier_init(empty + 8 \* s\, 16),mbarrier_init(empty + 8 * s\, 8),|wgmma
the second block's half of b is not loaded by it|product_wgmma.cu|s,tile.n \* TN + rank \* (TN / 2),tile.n * TN,|wgmma
a wgmma descriptor steps too far|product_wgmma.cu|s,kk \* 32)\, factor,kk * 64)\, factor,|wgmma small
a tile's first product adds to the tile before|product_wgmma.cu|s,int add = k;,int add = 1;,|wgmma
attention reads a stage before all have it|attention_mma.cu|/auto next/,/};/s,__syncthreads();,,|attention-mma
the window is one key too wide|attention_mma.cu|s,behind < p.window,behind <= p.window,|attention-mma
attention does not fade its sum|attention_mma.cu|s,sum\[h\] \* fade + part,sum[h] + part,|attention-mma
keys begin at the item's own first key|attention_mma.cu|s#p.window + 1) / KEYS \* KEYS#p.window + 1)#|attention-mma
the last row of the path is taken for the pass's|attention_mma.cu|s,row < p.path_cap,row < p.path_cap - 4,|attention-mma
the turn goes the wrong way|epilogue.cuh|s,x0 \* cosine\[i\] - y\[i\],x0 * cosine[i] + y[i],|mma small
a head of 128 is normed by half|epilogue.cuh|s,if (e.dim >= 128),if (e.dim > 128),|mma small
the gated product is stored without its power of two|epilogue.cuh|s,const float scale = e.g_scale\[row\];,const float scale = 1.f;,|mma small
logits beyond the vocabulary count|epilogue.cuh|s,there ? p.bias ? v + bias : v : beyond,there ? p.bias ? v + bias : v : 0.f,|mma small
a norm forgets its eps|rows.cu|s,\, p.eps),\, 0.f),|rows
the bound of a gated product forgets the biases|rows.cu|s,length \* p.up_norm + p.up_bias,length * p.up_norm,|rows
the lo plane of a carried row stays behind|rows.cu|s,plane < 2; plane++,plane < 1; plane++,|rows small
among equal logits the larger id comes first|rows.cu|s,c > last_id,c < last_id,|rows
an attended value is not divided by the sum|naive.cu|s,div_rn(o\[j\]\, sum),o[j],|attention-naive
LIST
}

# name | file | sed expression | arguments of cargo test
host_faults() { cat <<'LIST'
keys of the pass are looked for on the path|src/backend/cuda/tables.rs|s,if row < path_len { row } else { path_rows + (row - path_len) },row,|--lib cuda::tables
a bound is too small by four|src/backend/cuda/bounds.rs|s,exponent_below(bound \* MARGIN\, 15),exponent_below(bound * MARGIN\, 17),|--lib cuda::bounds
two fields of a structure are exchanged|src/backend/cuda/params.rs|s,group: i32\, kv_heads: i32\, dim,kv_heads: i32\, group: i32\, dim,|--test cuda
rows that are still to be looked at are forgotten|src/backend/cuda/watch.rs|s,Some(unseen) if unseen.rows.same_as(x) => Ok(unseen.pending),Some(unseen) if unseen.rows.same_as(x) => Ok(Pending::default()),|--test cuda
the host does not wait for what comes down|src/backend/cuda/transfer.rs|/copy_down/,/to_vec/s,self.wait()?;,,|--test cuda
LIST
}

mkdir -p "$work"
kernel_fault() { # number, name, file, expression, parts
    local dir=$work/$1 copy=$work/$1/kernels said
    rm -rf "$copy" && mkdir -p "$copy" "$work/objects" "$dir"
    ln -sfn "$work/objects" "$dir/objects"
    cp "$root"/kernels/*.cu "$root"/kernels/*.cuh "$copy/"
    sed -i "$4" "$copy/$3"
    if cmp -s "$copy/$3" "$root/kernels/$3"; then echo "NO PLACE   $2 ($3)"; return 1; fi
    if ! said=$(KERNELS=$copy "$here/build.sh" --check "$dir" 2>&1); then echo "NO BUILD   $2: $(tail -1 <<<"$said")"; return 1; fi
    # shellcheck disable=SC2086
    if said=$(EMU_SEED=3 timeout 300 "$dir/check" $5 first 2>&1); then echo "NOT CAUGHT $2 ($3)"; return 1; fi
    said=$(grep -m1 -E 'WRONG|emulated GPU|illegal' <<<"$said" | sed -E 's/ +/ /g' | cut -c1-90)
    echo "caught     $2: check $5: ${said:-it did not end}"
}
host_fault() { # name, file, expression, arguments
    local copy=$work/host said
    mkdir -p "$copy"
    rsync -a --delete --exclude /target --exclude /.git "$root/" "$copy/" 2>/dev/null || { rm -rf "$copy"; mkdir -p "$copy"; (cd "$root" && tar cf - --exclude=./target --exclude=./.git .) | tar xf - -C "$copy"; }
    sed -i "$3" "$copy/$2" 2>/dev/null
    if cmp -s "$copy/$2" "$root/$2"; then echo "NO PLACE   $1 ($2)"; return 1; fi
    # shellcheck disable=SC2086
    if said=$(cd "$copy" && CARGO_TARGET_DIR="$root/target" cargo test --locked $4 2>&1); then echo "NOT CAUGHT $1 ($2)"; return 1; fi
    said=$(grep -m1 -E '^error(\[|:)|panicked at|^test .* FAILED' <<<"$said" | cut -c1-110)
    echo "caught     $1: cargo test $4: $said"
}
export -f kernel_fault
export here root work

all=0
if [ "$part" != host ]; then
    list=$(kernel_faults | grep -F "${only:-|}" | nl -ba -w1 -s'|')
    # The sound kernels first: without them nothing is told by a failure, and their objects serve all faults.
    mkdir -p "$work/objects" "$work/sound" && ln -sfn "$work/objects" "$work/sound/objects"
    KERNELS="$root/kernels" "$here/build.sh" --check "$work/sound" && EMU_SEED=3 "$work/sound/check" small >"$work/sound/log" || { cat "$work/sound/log"; exit 1; }
    # shellcheck disable=SC2016
    printf '%s\n' "$list" | xargs -P "$(nproc)" -d '\n' -I{} bash -c 'IFS="|" read -r n name file expression parts <<<"$1"; kernel_fault "$n" "$name" "$file" "$expression" "$parts"' _ {} || all=1
fi
if [ "$part" != kernels ]; then
    while IFS='|' read -r name file expression arguments; do
        host_fault "$name" "$file" "$expression" "$arguments" || all=1
    done < <(host_faults | grep -F "${only:-|}")
fi
exit $all
