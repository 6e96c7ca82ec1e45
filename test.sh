#!/usr/bin/env bash
# Builds everything with warnings as errors and runs the tests. Usage: ./test.sh [unit|functional|all|live]
# The last line is always "N passed, N failed, N skipped". "live" calls real accounts, if the environment holds any, and
# nothing else does: docs/reference/providers/README.md.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

chosen=()
case ${1:-all} in
    unit) projects=(Forebay.UnitTests) ;;
    functional) projects=(Forebay.FunctionalTests) ;;
    all) projects=(Forebay.UnitTests Forebay.FunctionalTests) ;;
    live)
        projects=(Forebay.FunctionalTests)
        chosen=(-class "Forebay.FunctionalTests.Providers.Live.*" -explicit only)
        ;;
    *)
        echo "Usage: ./test.sh [unit|functional|all|live]" >&2
        exit 2
        ;;
esac
live=$([[ ${1:-all} == live ]] && echo 1 || echo 0)
passed=0
failed=0
skipped=0

# Prints the totals and ends: in order only when something ran and nothing failed. Without an account nothing runs live.
finish() {
    echo "$passed passed, $failed failed, $skipped skipped"
    ((failed == 0 && (passed > 0 || (live && skipped > 0))))
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

if ((live)); then
    # One call a test, two in one of them; the question has some twenty tokens, a tool some two hundred.
    echo "Calls each account that the environment holds at most 6 times: at most 1536 output and 2000 input tokens each."
fi

for project in "${projects[@]}"; do
    echo "Running $project..."
    xml=$results/$project.xml
    log=$results/$project.log
    rm -f -- "$xml"
    status=0
    "artifacts/bin/$project/release/$project" -noLogo -noColor -noAutoReporters -reporter quiet -xml "$xml" \
        "${chosen[@]}" >"$log" 2>&1 </dev/null || status=$?
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

# One line of the compatibility table for each provider: its date where all that ran there passed.
if ((live)); then
    echo
    echo "| provider | live |"
    echo "|---|---|"
    for provider in Anthropic OpenAi Bedrock Vertex AzureAnthropic AzureOpenAi; do
        results_of=$(sed 's/<test /\n&/g' "$xml" | grep -o "^<test [^>]*type=\"[^\"]*\.Live$provider\"[^>]*" || true)
        if grep -q 'result="Fail"' <<<"$results_of"; then
            echo "| $provider | failed |"
        elif grep -q 'result="Pass"' <<<"$results_of"; then
            echo "| $provider | $(date -u +%F) |"
        else
            echo "| $provider | not run |"
        fi
    done
    echo
fi

if ((skipped > 0)); then
    echo "Skipped:"
    for project in "${projects[@]}"; do
        [[ -s $results/$project.xml ]] || continue
        sed 's/<test /\n&/g' "$results/$project.xml" | grep '^<test [^>]*result="Skip"' \
            | sed -E 's/^<test [^>]* name="([^"]*)".*<reason>(<!\[CDATA\[)?([^]<]*).*/  \1: \3/' || true
    done
fi

finish
