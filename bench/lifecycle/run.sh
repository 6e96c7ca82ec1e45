#!/usr/bin/env bash
# What lifecycle changes cost the gateway under full load, by turns with and without. Usage:
#   bench/lifecycle/run.sh [--json FILE] [--markdown FILE] [--rate CHANGES_PER_SECOND] [--deployments N] [--pairs N]
#                          [--seconds N] [--only KIND,...]
# Takes about two minutes. Nothing else should run meanwhile: the load, the upstream and the gateway share the machine.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
root=$(cd -- "$here/../.." && pwd -P)
work=$root/artifacts/bench/lifecycle
tools=$root/bench/gateway/tools
mkdir -p -- "$work/tools"

for tool in wrk gcc; do
    command -v "$tool" >/dev/null || { echo "Install first: $tool" >&2; exit 1; }
done

gcc -O2 -Wall -o "$work/tools/upstream" "$tools/upstream.c"
dotnet build "$root/bench/Forebay.Bench.Gateway" --configuration Release --verbosity quiet --nologo >&2
"$root/forebay" --version >/dev/null
dotnet build-server shutdown >/dev/null 2>&1 || true
exec "$root/artifacts/bin/Forebay.Bench.Gateway/release/gateway-bench" --lifecycle --root "$root" --work "$work" "$@"
