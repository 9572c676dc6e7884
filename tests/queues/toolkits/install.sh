#!/bin/sh
# install.sh FOLDER: installs the MQTT queues of the Pip.Services toolkits, in the versions locked here, into a folder of
# their own in FOLDER, and says which; FOLDER/…/node_modules and FOLDER/…/python are what is to be used.
#
# The folder is named for what is locked, and comes into being by a rename when all is in it: one that is there is whole.
# Whoever is killed leaves only a folder of its own that the next run clears away; of several at once the first one wins.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cd "$1"
name=$(cat "$here/package.json" "$here/package-lock.json" "$here/requirements.txt" "$here/install.sh" | cksum | tr ' ' -)
if [ ! -d "$name" ]; then
    for old in part.*; do
        if [ -d "$old" ] && ! kill -0 "${old#part.}" 2>/dev/null; then rm -rf "$old"; fi
    done
    part=part.$$
    trap 'rm -rf "$part"' EXIT
    trap 'exit 1' HUP INT TERM
    mkdir "$part"
    cp "$here/package.json" "$here/package-lock.json" "$part"
    (cd "$part" && npm ci --no-audit --no-fund --ignore-scripts) >&2
    python3 -m venv "$part/python"
    # The toolkit's own requirements drag in its test tools: it comes without them.
    "$part/python/bin/python" -m pip install -q --no-deps --require-hashes -r "$here/requirements.txt" >&2
    "$part/python/bin/python" -c 'import pip_services3_mqtt.queues' >&2
    # Where somebody was quicker, mv would put ours into theirs; the rename by itself fails then.
    python3 -c 'import os, sys; os.rename(*sys.argv[1:])' "$part" "$name" 2>/dev/null || [ -d "$name" ]
fi
echo "$PWD/$name"
