#!/bin/sh
# install.sh FOLDER: installs the messages of OpenTelemetry for Python, in the version locked here, into a folder of its own in FOLDER,
# and says which; bin/python in it is what is to be used.
#
# The folder is named for what is locked, and comes into being by a rename when all is in it: one that is there is whole.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cd "$1"
name=$(cat "$here/requirements.txt" "$here/install.sh" | cksum | tr ' ' -)
if [ ! -d "$name" ]; then
    part=part.$$
    trap 'rm -rf "$part"' EXIT
    trap 'exit 1' HUP INT TERM
    python3 -m venv "$part"
    "$part/bin/python" -m pip install -q --require-hashes -r "$here/requirements.txt" >&2
    # Where somebody was quicker, mv would put ours into theirs; the rename by itself fails then.
    python3 -c 'import os, sys; os.rename(*sys.argv[1:])' "$part" "$name" 2>/dev/null || [ -d "$name" ]
fi
echo "$PWD/$name"
