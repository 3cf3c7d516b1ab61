#!/bin/sh
# A sweep as a job array of Slurm's: each task is one shard. Submit it with
#
#   sbatch --array=1-16 deploy/slurm.sh RUN --roster roster.toml --languages en,fr
#
# where RUN is a folder that all nodes see, and everything behind it goes to `tiltmeter sweep`. A task that is killed or
# requeued goes on where it was. When all have ended: tiltmeter merge RUN --run MERGED --complete
#SBATCH --job-name=tiltmeter
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --cpus-per-task=8
# For a GPU each; all of one model, for scores of different devices do not mix within a checkpoint:
##SBATCH --gpus-per-task=1

set -eu
run=$1
shift
# tiltmeter reads SLURM_ARRAY_TASK_ID, _MIN, _MAX and _COUNT. To run one lost shard again, keep the array: `scontrol requeue JOB_3`,
# or say which it is: sbatch deploy/slurm.sh RUN --shard 3/16 ...
exec "${TILTMETER:-tiltmeter}" sweep --run "$run" --threads "${SLURM_CPUS_PER_TASK:-1}" "$@"
