#!/usr/bin/env bash
# Proves that the tests notice each fault of tests/faults/faults.txt. Usage: tests/faults/run.sh [id...|--page]
# Ends with 1 where a fault survives. The copy of the source with the faults in it is kept in FOREBAY_FAULTS_FOLDER.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
export PATH=$PATH:${DOTNET_ROOT:-$HOME/.dotnet} DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
dotnet build tests/Forebay.FaultRunner --configuration Release --verbosity quiet --nologo >/dev/null
exec artifacts/bin/Forebay.FaultRunner/release/Forebay.FaultRunner "$@"
