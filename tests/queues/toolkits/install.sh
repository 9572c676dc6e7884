#!/bin/sh
# install.sh FOLDER: installs the MQTT queues of the Pip.Services toolkits into FOLDER, in the versions locked here.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cd "$1"
cp "$here"/package.json "$here"/package-lock.json "$here"/*.js "$here"/*.py .
[ -d node_modules/pip-services3-mqtt-node ] || npm ci --no-audit --no-fund
# The toolkit's own requirements drag in its test tools: it comes without them.
[ -x python/bin/python ] || python3 -m venv python
python/bin/python -c 'import pip_services3_mqtt' 2>/dev/null || python/bin/pip install -q --no-deps -r "$here/requirements.txt"
