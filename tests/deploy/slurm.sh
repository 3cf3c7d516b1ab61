#!/usr/bin/env bash
# A job array on a real Slurm: a controller and one node, started here from Debian's packages, run deploy/slurm.sh on the demo's
# checkpoints, one task is killed in the middle and requeued, and the merged tables must be those of one machine, byte for byte.
#
#   tests/deploy/slurm.sh PROGRAM
#
# Skips with a sentence where the packages cannot be had or no daemon may run. Leaves no process and no file behind.
set -euo pipefail
program=$(realpath "$1")
top=$(cd "$(dirname "$0")/../.." && pwd)

skip() { echo "skipped: $1"; exit 0; }
fail() { echo "failed: $1" >&2; tail -n 30 "$work"/log/* >&2 2>/dev/null || true; exit 1; }

[ "$(uname -s)" = Linux ] || skip "Slurm runs on Linux"
[ "$(id -u)" = 0 ] || skip "Slurm's daemons are started as root here, and this is not root"
if ! command -v slurmctld slurmd munged sbatch >/dev/null; then
    command -v apt-get >/dev/null || skip "no Slurm here and no Debian to install it from"
    apt-get update -qq >/dev/null 2>&1 || true
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurmctld slurmd munge slurm-client \
        >/dev/null 2>&1 || skip "Debian's packages of Slurm (slurmctld, slurmd, munge) cannot be had here"
fi

work=$(mktemp -d /tmp/tiltmeter-slurm.XXXXXX)
chmod 755 "$work"
daemons=()
clean() {
    # The node first, so that no task of it stays.
    for pid in "${daemons[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${daemons[@]}"; do
        for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
        kill -9 "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap clean EXIT

# Ports that nobody listens on, so that a Slurm of this machine's own is left alone.
port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
command -v python3 >/dev/null || skip "no Python to find a free port with"
mkdir -p "$work"/{log,state,spool,munge}
chown munge: "$work/munge" && chmod 755 "$work/munge"
dd if=/dev/urandom of="$work/munge/key" bs=1024 count=1 2>/dev/null
chown munge: "$work/munge/key" && chmod 400 "$work/munge/key"
touch "$work/log/munged" && chown munge: "$work/log/munged"
host=$(hostname -s)
cat >"$work/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(port)
SlurmdPort=$(port)
AuthType=auth/munge
# A task that is requeued waits for its credential to expire: two minutes, if nothing is said.
AuthInfo=socket=$work/munge/socket,cred_expire=5
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
SlurmctldLogFile=$work/log/slurmctld
SlurmdLogFile=$work/log/slurmd
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
SchedulerParameters=sched_interval=1,batch_sched_delay=0,defer
MinJobAge=3600
RequeueExit=137
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF="$work/slurm.conf"

setpriv --reuid munge --regid munge --clear-groups munged --foreground --key-file="$work/munge/key" --socket="$work/munge/socket" --pid-file="$work/munge/pid" \
    --seed-file="$work/munge/seed" --log-file="$work/log/munged" --num-threads=2 >/dev/null 2>&1 &
munge=$!
slurmctld -D >/dev/null 2>&1 &
controller=$!
slurmd -D -N "$host" >/dev/null 2>&1 &
node=$!
daemons=("$node" "$controller" "$munge")

state() { sinfo -h -o %T 2>/dev/null || true; }
for _ in $(seq 100); do [ "$(state)" = idle ] && break; sleep 0.3; done
[ "$(state)" = idle ] || { tail -n 5 "$work"/log/* || true; skip "Slurm's daemons do not come up here"; }

# A small question, and packs so small that a task takes a while.
cat >"$work/roster.toml" <<ROSTER
[[family]]
name = "planted"
base = { model = "base", checkpoint = "$top/src/demo/checkpoints/base" }
chat = { model = "chat", checkpoint = "$top/src/demo/checkpoints/chat" }
ROSTER
question=(--roster "$work/roster.toml" --languages en,fr --scenarios border --countries USA,China,Japan,France --backend cpu)
"$program" sweep "${question[@]}" --run "$work/one" --quiet

export TILTMETER="$program"
sbatch_array() { sbatch --parsable --array="$1" --cpus-per-task=1 --output="$work/log/task-%a" "${@:2}"; }
array=$(sbatch_array 3-6 "$top/deploy/slurm.sh" "$work/run" "${question[@]}" --pack-tokens 64)
# One is killed when it has stored something; its shard is the second, for the array begins with 3.
scored() { "$program" status --json --run "$work/run/shard-2-of-4" 2>/dev/null | sed -n 's/^  "scored": \([0-9]*\),*/\1/p'; }
killed=
for _ in $(seq 600); do
    if [ "$(scored || true)" -gt 0 ] 2>/dev/null; then
        holder=$(sed -n 's/^process \([0-9]*\) of Slurm job .*/\1/p' "$work/run/shard-2-of-4/lock")
        [ -n "$holder" ] && kill -9 "$holder" && killed=yes
        break
    fi
    sleep 0.05
done
[ -n "$killed" ] || fail "no task could be killed in the middle"
left=$("$program" status --run "$work/run/shard-2-of-4" | grep -m 1 '^unfinished' || true)
[ -n "$left" ] || fail "the task that was killed had nothing left to do"
echo "killed task 4 of the array (shard 2 of 4): $left"

# An exit of 137 puts a task on hold, to be requeued by hand.
"$program" merge "$work/run" --run "$work/part" --complete 2>/dev/null && fail "a merge without the killed shard was complete"
for _ in $(seq 200); do
    case $(squeue -h -r -j "${array}_4" -o %T 2>/dev/null) in
        COMPLETING) sleep 0.3 ;;
        *) break ;;
    esac
done
scontrol release "${array}_4" 2>/dev/null || scontrol requeue "${array}_4" || fail "the killed task cannot be requeued"
for _ in $(seq 600); do
    waiting=$(squeue -h -r -j "$array" -t PENDING,RUNNING,COMPLETING,CONFIGURING,REQUEUED,REQUEUE_HOLD -o %T 2>/dev/null || true)
    [ -z "$waiting" ] && break
    sleep 0.5
done
[ -z "$waiting" ] || fail "the array did not end: $waiting"
"$program" sweep --status "$work/run"
"$program" merge "$work/run" --run "$work/merged" --complete
for run in one merged; do
    for ending in csv jsonl parquet; do
        "$program" --quiet export --run "$work/$run" --items "$work/$run-items.$ending" --scores "$work/$run-scores.$ending"
    done
done
for table in items scores; do
    for ending in csv jsonl parquet; do
        cmp "$work/one-$table.$ending" "$work/merged-$table.$ending" || fail "$table.$ending is not that of one machine"
    done
done
grep -q "more were scored before" "$work/log/task-4" || fail "the requeued task began anew"
echo "ok: four tasks of a job array, one killed and requeued, merge into the tables of one machine, byte for byte"
