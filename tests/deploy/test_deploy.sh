#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_deploy.sh CAPPY: what deploy/ says about the command is true: the options that are given exist, the image has the
# libraries that the command is linked with, the service is as closed as it is meant to be. What a tool is missing for is
# named and left out.
set -eu

cappy=$1
root=$(cd "$(dirname -- "$0")/../.." && pwd)
deploy=$root/deploy
failed=0

fail()
{
    echo "FAILED $*"
    failed=1
}

# Options of cappy serve in the files.
"$cappy" serve --help >"${TMPDIR:-/tmp}/help.$$"
trap 'rm -f "${TMPDIR:-/tmp}/help.$$"' EXIT
options=$({
    grep '^ExecStart=' "$deploy/cappy.service"
    grep 'args: \[serve' "$deploy/kubernetes.yaml"
    grep '^CMD \["serve' "$deploy/Dockerfile"
} | grep -o -e '--[a-z-]*' | sort -u)
[ "$(echo "$options" | wc -l)" -ge 4 ] || fail "only these options were found: $options"
for option in $options; do
    grep -q -e "$option\b" "${TMPDIR:-/tmp}/help.$$" || fail "cappy serve has no option $option"
done

# Libraries of the command, each from a package that the image installs.
if command -v objdump >/dev/null && command -v dpkg >/dev/null; then
    for library in $(objdump -p "$cappy" | awk '/NEEDED/ { print $2 }'); do
        path=$(ldd "$cappy" | awk -v name="$library" '$1 == name { print $3 }')
        package=$(dpkg -S "*/$library" 2>/dev/null | cut -d: -f1 | sort -u | head -n 1)
        case $package in
        libc6* | lib*gcc-s1) ;;
        '') fail "no package has $library ($path)" ;;
        *) grep -q "[ ]$package\b" "$deploy/Dockerfile" || fail "the image lacks $package for $library" ;;
        esac
    done
else
    echo 'SKIPPED: objdump or dpkg is missing: the libraries of the image are not checked'
fi

if command -v systemd-analyze >/dev/null; then
    systemd-analyze security --offline=true --threshold=15 --no-pager "$deploy/cappy.service" >/dev/null 2>&1 ||
        fail 'the service is more open than 1.5 (systemd-analyze security --offline=true deploy/cappy.service)'
else
    echo 'SKIPPED: systemd-analyze is missing: the service is not checked'
fi

if python3 -c 'import yaml' 2>/dev/null; then
    python3 - "$deploy/kubernetes.yaml" <<'END' || fail 'deploy/kubernetes.yaml'
import sys
import yaml
documents = {document["kind"]: document for document in yaml.safe_load_all(open(sys.argv[1], encoding="utf-8"))}
pod = documents["Deployment"]["spec"]["template"]["spec"]
container = pod["containers"][0]
assert container["readinessProbe"]["httpGet"]["path"] == container["startupProbe"]["httpGet"]["path"] == "/readyz"
assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
labels = documents["Deployment"]["spec"]["template"]["metadata"]["labels"]
for kind in ("Service", "PodDisruptionBudget", "Deployment"):
    selector = documents[kind]["spec"]["selector"]
    assert selector.get("matchLabels", selector) == labels, kind
assert documents["HorizontalPodAutoscaler"]["spec"]["metrics"][0]["pods"]["metric"]["name"] == "cappy_queue_tokens"
delay = int(container["args"][container["args"].index("--drain-delay") + 1])
assert pod["terminationGracePeriodSeconds"] >= delay + 30
names = {volume["name"] for volume in pod["volumes"]}
for each in pod["containers"] + pod["initContainers"]:
    assert {mount["name"] for mount in each["volumeMounts"]} <= names
    assert each["securityContext"]["readOnlyRootFilesystem"]
END
else
    echo 'SKIPPED: python3 with yaml is missing: the manifest is not read'
fi
exit $failed
