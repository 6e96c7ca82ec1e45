#!/usr/bin/env bash
# Gateways side by side on this machine. Usage: bench/gateway/run.sh [--json FILE] [--markdown FILE] [--quick]
# Installs what it needs where it may (Debian packages as root, Portkey from npm), builds everything and measures for
# about fifteen minutes. Nothing else should run meanwhile: the load, the upstream and the gateway share the machine.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
root=$(cd -- "$here/../.." && pwd -P)
work=$root/artifacts/bench/gateway
mkdir -p -- "$work/tools"

missing=()
for tool in wrk nginx haproxy gcc node npm; do
    command -v "$tool" >/dev/null || [[ -x /usr/sbin/$tool ]] || missing+=("$tool")
done
if ((${#missing[@]} > 0)); then
    if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
        echo "Installing ${missing[*]}..." >&2
        packages=("${missing[@]/#node/nodejs}")
        packages=("${packages[@]/#nginx/nginx-light}")
        apt-get update -qq >&2 || true
        DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${packages[@]}" >&2
    else
        echo "Install first: ${missing[*]}" >&2
        exit 1
    fi
fi

gcc -O2 -Wall -o "$work/tools/upstream" "$here/tools/upstream.c"
gcc -O2 -Wall -o "$work/tools/streams" "$here/tools/streams.c"

if [[ ! -d $work/portkey/node_modules/@portkey-ai ]]; then
    mkdir -p -- "$work/portkey"
    cp -- "$here/portkey.package.json" "$work/portkey/package.json"
    echo "Installing Portkey..." >&2
    (cd -- "$work/portkey" && npm install --no-audit --no-fund --loglevel=error >&2) \
        || echo "Portkey could not be installed; it is left out." >&2
fi

for project in bench/gateway/BareForwarder bench/Forebay.Bench.Gateway; do
    dotnet build "$root/$project" --configuration Release --verbosity quiet --nologo >&2
done

"$root/forebay" validate "$here/fleet.yaml" >&2

# Not the build server's memory and threads beside what is measured.
dotnet build-server shutdown >/dev/null 2>&1 || true
exec "$root/artifacts/bin/Forebay.Bench.Gateway/release/gateway-bench" --root "$root" --work "$work" "$@"
