#!/usr/bin/env bash
# Builds everything with warnings as errors and runs the tests. Usage: ./test.sh [unit|functional|all]
# The last line is always "N passed, N failed, N skipped".
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

case ${1:-all} in
    unit) projects=(Forebay.UnitTests) ;;
    functional) projects=(Forebay.FunctionalTests) ;;
    all) projects=(Forebay.UnitTests Forebay.FunctionalTests) ;;
    *)
        echo "Usage: ./test.sh [unit|functional|all]" >&2
        exit 2
        ;;
esac

passed=0
failed=0
skipped=0

# Prints the totals and ends: in order only when something ran and nothing failed.
finish() {
    echo "$passed passed, $failed failed, $skipped skipped"
    ((failed == 0 && passed > 0))
    exit
}

export PATH=$PATH:${DOTNET_ROOT:-$HOME/.dotnet} DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
if ! command -v dotnet >/dev/null || ! dotnet --list-sdks | grep -q '^1[0-9]\.'; then
    echo "The tests need the .NET 10 SDK; ./forebay tells how to install it, and so does https://dot.net." >&2
    failed=1
    finish
fi

results=$PWD/artifacts/test-results
mkdir -p -- "$results"

echo "Building (warnings are errors)..."
if ! dotnet build Forebay.slnx --configuration Release --verbosity quiet --nologo -p:TreatWarningsAsErrors=true \
    >"$results/build.log" 2>&1 </dev/null; then
    cat -- "$results/build.log"
    echo "The build failed; nothing was tested."
    failed=1
    finish
fi

# One figure of the <assembly> element in a result file.
figure() {
    grep -o '<assembly [^>]*' "$1" | grep -o " $2=\"[0-9]*\"" | grep -o '[0-9]*'
}

for project in "${projects[@]}"; do
    echo "Running $project..."
    xml=$results/$project.xml
    log=$results/$project.log
    rm -f -- "$xml"
    status=0
    "artifacts/bin/$project/release/$project" -noLogo -noColor -noAutoReporters -reporter quiet -xml "$xml" \
        >"$log" 2>&1 </dev/null || status=$?
    # FsCheck tells of every property that holds; failures alone are of interest.
    grep -v '^Ok, passed [0-9]* tests*\.$' "$log" || true
    bad=0
    if [[ -s $xml ]]; then
        passed=$((passed + $(figure "$xml" passed)))
        skipped=$((skipped + $(figure "$xml" skipped)))
        bad=$(($(figure "$xml" failed) + $(figure "$xml" errors)))
    fi
    if ((status != 0 && bad == 0)); then
        echo "$project ended with status $status beside its tests: it crashed, or was killed."
        bad=1
    fi
    failed=$((failed + bad))
done

if ((skipped > 0)); then
    echo "Skipped:"
    for project in "${projects[@]}"; do
        [[ -s $results/$project.xml ]] || continue
        sed 's/<test /\n&/g' "$results/$project.xml" | grep '^<test [^>]*result="Skip"' \
            | sed -E 's/^<test [^>]* name="([^"]*)".*<reason>(<!\[CDATA\[)?([^]<]*).*/  \1: \3/' || true
    done
fi

finish
