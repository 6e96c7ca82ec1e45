#!/usr/bin/env bash
# One cell twice: in virtual time, and live on emulated engines behind the gateway, with the same fleet file, trace and pace.
#   bench/routing/live.sh [--trace FILE] [--minutes 10] [--load 0.6]
# Prints both and their ratios; exit status 1 when a figure is off by more than a tenth. The live run takes as long as its
# part of the trace does at the cell's pace; nothing else should run meanwhile.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
root=$(cd -- "$here/../.." && pwd -P)
trace=$root/../shared/traces/mooncake/conversation_trace.jsonl
minutes=10
load=0.6
while (($# > 0)); do
    case $1 in
        --trace | --minutes | --load)
            (($# > 1)) || { echo "$1: a value must follow." >&2; exit 2; }
            declare "${1#--}=$2"
            shift 2
            ;;
        *) echo "$1: no such option; there are --trace, --minutes and --load." >&2; exit 2 ;;
    esac
done

work=$(mktemp -d)
server=
finish() {
    if [[ -n $server ]]; then
        kill -TERM "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf -- "$work"
}
trap finish EXIT

"$here/run.sh" --trace "$trace" --minutes "$minutes" --load "$load" --seed 0 --fleet "$here/live.yaml" \
    --json "$work/twin.json"
speed=$(sed -n 's/^ *"speed_up": \([0-9.]*\),$/\1/p' "$work/twin.json")

"$root/forebay" up --config "$here/live.yaml" --data "$work/data" --port 0 --admin-port 0 --json \
    >"$work/ready.json" 2>"$work/server.log" &
server=$!
until [[ -s $work/ready.json ]]; do
    kill -0 "$server" 2>/dev/null || { cat "$work/server.log" >&2; exit 1; }
    sleep 0.2
done
url=$(sed -n 's/.*"base_url":"\([^"]*\)".*/\1/p' "$work/ready.json")
key=$(sed -n 's/.*"api_key":"\([^"]*\)".*/\1/p' "$work/ready.json")

echo "Live at $speed times the trace's pace..." >&2
"$root/forebay" replay --trace "$trace" --minutes "$minutes" --speed "$speed" --dialect openai --url "$url" \
    --key "$key" --json >"$work/live.json" 2>"$work/replay.log" || { cat "$work/replay.log" >&2; exit 1; }
"$root/artifacts/bin/Forebay.Bench.Routing/release/routing-bench" --compare "$work/twin.json" "$work/live.json"
