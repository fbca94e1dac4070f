#!/usr/bin/env bash
# Measure on a GPU, in under eight minutes: precisions, parity with the
# processor, the published and the shipped model against the reference,
# loading, and two processes on one card.
#
#     tools/analysis_tools/gpu_check.sh [--device cpu] [--out DIR]
set -euo pipefail

device=cuda out=gpu_check
while (($#)); do
    case $1 in
        --device) device=$2; shift 2 ;;
        --out) out=$2; shift 2 ;;
        *) echo "usage: $0 [--device cuda|cpu] [--out DIR]" >&2; exit 2 ;;
    esac
done
cd "$(dirname "$0")/../.."
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
mkdir -p "$out"
size=(--compiled)  # which takes a processor more than a minute each
if [[ $device == cpu ]]; then size=(--quick); fi

command -v nvidia-smi >/dev/null && nvidia-smi -L || true
python tools/analysis_tools/benchmark.py --device "$device" "${size[@]}" \
    --parts precision step inference loading \
    --out "$out/benchmark.json"

# Two processes, which share the card, and one: a few steps each. NCCL wants
# a card per process, so they talk through gloo.
for count in 1 2; do
    torchrun --standalone --nproc-per-node "$count" tools/train.py \
        configs/mobind/synthetic.py --launcher pytorch \
        --work-dir "$out/train_$count" --no-validate --cfg-options \
        train_cfg.max_epochs=1 env_cfg.dist_cfg.backend=gloo \
        train_dataloader.dataset.dataset.num_subjects=1 \
        default_hooks.checkpoint.interval=-1 \
        default_hooks.logger.interval=5
done
echo "figures: $out/benchmark.json, $out/train_*"
