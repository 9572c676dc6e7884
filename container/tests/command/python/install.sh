#!/bin/sh
# install.sh NAME FOLDER: installs the packages of NAME.txt, which lies beside this file, into a folder of their own in FOLDER, and says
# which Python has them.
#
# The folder is named for what is locked, and comes into being by a rename when all is in it: one that is there is whole.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$2"
cd "$2"
name=$1-$(cat "$here/$1.txt" "$here/install.sh" | cksum | tr ' ' -)
if [ ! -d "$name" ]; then
    part=$1.part.$$
    trap 'rm -rf "$part"' EXIT
    trap 'exit 1' HUP INT TERM
    python3 -m venv "$part"
    "$part/bin/python" -m pip install -q -r "$here/$1.txt" >&2
    # Where somebody was quicker, mv would put ours into theirs; the rename by itself fails then.
    python3 -c 'import os, sys; os.rename(*sys.argv[1:])' "$part" "$name" 2>/dev/null || [ -d "$name" ]
fi
# Python itself: its programs would name the folder that they were installed into.
echo "$PWD/$name/bin/python"
