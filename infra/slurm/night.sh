#!/usr/bin/env bash
# A night on a Slurm cluster: Ray over the nodes of the allocation, and one run over a catalogue.
#
#   sbatch --nodes=4 infra/slurm/night.sh s3://studio-mytalk/jobs/catalogue.yaml --deadline 8h
#
# Arguments are those of `mytalk batch run`. `mytalk` and `ray` are on PATH, and the models are in
# MODELS (default: those that `mytalk models pull` has fetched on the login node). Results and films
# are on a store or a file system that all nodes see. The exit code is that of `mytalk`.
#
#SBATCH --job-name=mytalk-night
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --time=10:00:00
#SBATCH --signal=B:TERM@300
#SBATCH --dependency=singleton
#SBATCH --output=%x-%j.log
set -euo pipefail

logs=${SLURM_SUBMIT_DIR:-$PWD}/mytalk-$SLURM_JOB_ID
mkdir -p "$logs"
read -r head < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
on_head=(srun --overlap --nodes=1 --ntasks=1 --nodelist="$head")
read -r ip _ < <("${on_head[@]}" hostname --ip-address)
port=$((20000 + SLURM_JOB_ID % 20000))

# Other users of a node reach the ports of Ray, but do not have the token. Sockets need a short path.
RAY_AUTH_MODE=token
RAY_AUTH_TOKEN=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
RAY_USAGE_STATS_ENABLED=0
RAY_TMPDIR=/tmp/mytalk-ray-$SLURM_JOB_ID
export RAY_AUTH_MODE RAY_AUTH_TOKEN RAY_USAGE_STATS_ENABLED RAY_TMPDIR

# Run on every node: a cache on its own disk with the common models, and a log of its own.
export NODE_CACHE=${TMPDIR:-/tmp}/mytalk-cache-$SLURM_JOB_ID NODE_LOGS=$logs
export NODE_MODELS=${MODELS:-$HOME/.cache/mytalk/models}
# shellcheck disable=SC2016  # expanded on the node
node='mkdir -p "$NODE_CACHE" "$RAY_TMPDIR"
ln -sfn "$NODE_MODELS" "$NODE_CACHE/models"
export MYTALK_CACHE=$NODE_CACHE MYTALK_LOG=$NODE_LOGS/$(hostname).jsonl
exec ray start --block --num-cpus="$SLURM_CPUS_ON_NODE" "$@"'

steps=()
# shellcheck disable=SC2329  # by the trap
end_steps() {
    ((${#steps[@]} == 0)) || kill "${steps[@]}" 2>/dev/null || true
    wait || true
    srun --overlap --ntasks-per-node=1 rm -rf "$NODE_CACHE" "$RAY_TMPDIR" || true
}
trap end_steps EXIT

"${on_head[@]}" bash -c "$node" node --head --node-ip-address="$ip" --port="$port" \
    --include-dashboard=false >"$logs/ray-head.log" 2>&1 &
steps+=($!)
for _ in {1..60}; do
    ray health-check --address "$ip:$port" >/dev/null 2>&1 && break
    sleep 2
done
others=$((SLURM_JOB_NUM_NODES - 1))
if ((others > 0)); then
    srun --overlap --nodes="$others" --ntasks="$others" --exclude="$head" \
        bash -c "$node" node --address="$ip:$port" >"$logs/ray-workers.log" 2>&1 &
    steps+=($!)
fi

# Five minutes before the end of its time, the job receives SIGTERM: what is being dubbed is
# abandoned, and the next night goes on from there.
MYTALK_CACHE=$NODE_CACHE MYTALK_LOG=$logs/driver.jsonl \
    mytalk batch run "$@" --address "$ip:$port" &
driver=$!
trap 'kill -TERM "$driver"' TERM INT
code=0
wait "$driver" || code=$?
# A signal ends the first wait; the driver then records how the run ended.
if kill -0 "$driver" 2>/dev/null; then
    code=0
    wait "$driver" || code=$?
fi
exit "$code"
