#!/bin/sh
# install.sh FOLDER: installs what drives the browser, in the version locked here, into a folder of its own in FOLDER, and says which.
#
# The folder is named for what is locked, and comes into being by a rename when all is in it: one that is there is whole.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cd "$1"
name=$(cat "$here/package.json" "$here/package-lock.json" "$here/install.sh" | cksum | tr ' ' -)
if [ ! -d "$name" ]; then
    part=part.$$
    trap 'rm -rf "$part"' EXIT
    trap 'exit 1' HUP INT TERM
    mkdir "$part"
    cp "$here/package.json" "$here/package-lock.json" "$part"
    (cd "$part" && npm ci --no-audit --no-fund --ignore-scripts) >&2
    # Where somebody was quicker, mv would put ours into theirs.
    [ -d "$name" ] || mv -T "$part" "$name" 2>/dev/null || [ -d "$name" ]
fi
echo "$PWD/$name"
