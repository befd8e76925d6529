#!/usr/bin/env bash
# Proves that AgentEvents and AgentEventsTesting with `traits: []` cost their consumer no package at all, builds that
# consumer and runs its tests. Also proves that the Swift example of the README is the one that is compiled here.
#
#   check.sh               the checks and the consumer's tests
#   check.sh --self-test   that the checks fail on a copy with an unconditional dependency, and on a changed README
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
example=Tests/TraitlessConsumer/Tests/TraitlessConsumerTests/ReadmeExample.swift

# Resolves the consumer below a repository and prints the packages that were checked out or pinned, one a line.
resolved_packages() { # repository scratch
    local consumer=$1/Tests/TraitlessConsumer scratch=$2
    # The build plans too: they do not notice files that are new in a package that this one depends on by its path.
    rm -rf "$scratch/checkouts" "$scratch/repositories" "$scratch/workspace-state.json" "$consumer/Package.resolved" \
        "$scratch"/*.yaml
    swift package --package-path "$consumer" --scratch-path "$scratch" resolve >&2
    {
        if [ -d "$scratch/checkouts" ]; then ls "$scratch/checkouts"; fi
        if [ -f "$consumer/Package.resolved" ]; then
            sed -n 's/.*"identity" *: *"\(.*\)".*/\1/p' "$consumer/Package.resolved"
        fi
    } | sort -u
}

# Prints the Swift example of a README.
readme_example() { # readme
    awk '/^<!-- swift example -->$/ { inside = 1; next }
         /^<!-- \/swift example -->$/ { inside = 0 }
         inside && !/^```/' "$1"
}

# Succeeds when the README shows what is compiled, and shows anything at all.
same_example() { # readme source
    [ -n "$(readme_example "$1")" ] && diff <(readme_example "$1") "$2" >&2
}

self_test() {
    local copy
    copy=$(mktemp -d)
    # shellcheck disable=SC2064
    trap "rm -rf '$copy'" EXIT
    mkdir -p "$copy/Tests"
    cp -R "$here" "$copy/Tests/TraitlessConsumer"
    cp -R "$root/Sources" "$copy/Sources"
    for folder in "$root"/Tests/*Tests; do
        if [ -d "$folder" ]; then cp -R "$folder" "$copy/Tests/"; fi
    done

    # The copy as it is resolves nothing, so that what follows fails for the right reason.
    cp "$root/Package.swift" "$copy/Package.swift"
    [ -z "$(resolved_packages "$copy" "$copy/.build")" ] || { echo "self-test: the plain copy resolves packages"; exit 1; }

    # The same with one product that no trait switches off.
    sed -e 's|\.target(name: "AgentEvents", swiftSettings: settings)|.target(name: "AgentEvents", dependencies: [.product(name: "Logging", package: "swift-log")], swiftSettings: settings)|' \
        "$root/Package.swift" >"$copy/Package.swift"
    cmp -s "$root/Package.swift" "$copy/Package.swift" && { echo "self-test: found nothing to break in Package.swift"; exit 1; }
    local found
    found=$(resolved_packages "$copy" "$copy/.build")
    grep -qx swift-log <<<"$found" || { echo "self-test: an unconditional dependency was not noticed"; exit 1; }

    sed 's/withAgentRuntime/withOtherRuntime/' "$root/README.md" >"$copy/README.md"
    if same_example "$copy/README.md" "$root/$example" 2>/dev/null; then
        echo "self-test: a changed README was not noticed"
        exit 1
    fi
    : >"$copy/README.md"
    if same_example "$copy/README.md" "$root/$example" 2>/dev/null; then
        echo "self-test: a README without the example was not noticed"
        exit 1
    fi
    echo "self-test passed: an unconditional dependency and a changed example are noticed"
}

case "${1:-}" in
--self-test)
    self_test
    ;;
"")
    same_example "$root/README.md" "$root/$example" || { echo "the Swift example in README.md is not $example"; exit 1; }
    packages=$(resolved_packages "$root" "$root/.build/traitless")
    if [ -n "$packages" ]; then
        echo "with traits: [] these packages are resolved, and none should be:" $packages
        exit 1
    fi
    swift test --package-path "$here" --scratch-path "$root/.build/traitless"
    packages=$(ls "$root/.build/traitless/checkouts" 2>/dev/null || true)
    [ -z "$packages" ] || { echo "the build checked out:" $packages; exit 1; }
    echo "no package resolved, the consumer's tests passed"
    ;;
*)
    echo "usage: check.sh [--self-test]" >&2
    exit 64
    ;;
esac
