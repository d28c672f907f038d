#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# arm64_sysroot.sh DIR: fills DIR with the arm64 libraries that cappy is built and tested with, from
# the system's own package sources. The packages are unpacked and not installed: apt works on lists
# and a status of its own below DIR, so the system is untouched and no root is needed.
set -eu

mkdir -p "$1"
dir=$(cd "$1" && pwd)
start=$(dirname -- "$0")/../start

if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    echo "arm64_sysroot.sh: this system has no apt to fetch arm64 libraries with" >&2
    exit 1
fi

# What every verb links with, from the table in ./start; OpenMP, which comes with the compiler there,
# is named here.
packages="$(sed -n 's/^\([a-z0-9.-]*-dev\) *\* .*/\1/p' "$start") libgomp1"

# apt as a fresh arm64 system with nothing installed would run it.
mkdir -p "$dir/apt/lists/partial" "$dir/apt/archives/partial"
: >"$dir/apt/status"
apt()
{
    apt-get -qq -o Dir::State="$dir/apt" -o Dir::State::status="$dir/apt/status" \
        -o Dir::Cache="$dir/apt" -o Dir::Log="$dir/apt" -o APT::Sandbox::User="$(id -un)" \
        -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o Debug::NoLocking=true "$@"
}

apt update
# shellcheck disable=SC2086 # names of packages are words
apt install --download-only -y --no-install-recommends $packages
for package in "$dir"/apt/archives/*.deb; do
    dpkg-deb --extract "$package" "$dir"
done

# Links from the root of a system lead into the sysroot.
find "$dir" -path "$dir/apt" -prune -o -type l -lname '/*' ! -lname "$dir/*" -print | while IFS= read -r link; do
    ln -sfn "$dir$(readlink "$link")" "$link"
done
rm -rf "$dir/apt"
