#!/usr/bin/env bash
# Routing policies compared in virtual time, the product's own classes driven by a seeded event loop.
#   bench/routing/run.sh --trace FILE --load 0.85 --policy predictive --seed 1 --json FILE    one cell, about a second
#   bench/routing/run.sh [--markdown FILE]                                    every cell of the table, some minutes
# bench/routing/run.sh --help says the rest. A seed and a commit give the same figures, to the digit.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
root=$(cd -- "$here/../.." && pwd -P)
dotnet build "$root/bench/Forebay.Bench.Routing" --configuration Release --verbosity quiet --nologo -clp:NoSummary >&2
exec "$root/artifacts/bin/Forebay.Bench.Routing/release/routing-bench" --root "$root" "$@"
