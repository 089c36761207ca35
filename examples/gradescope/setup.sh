#!/usr/bin/env bash
# Installs backprop once, while Gradescope builds the image of the autograder.
# It takes the wheel that lies beside this file in the zip (`pip wheel --no-deps .` makes it) and no
# package of that name from an index, which might be anybody's. BACKPROP_SOURCE is the folder with the
# files of the zip, BACKPROP_VENV where to install, BACKPROP_PYTHON the Python to use.
set -euo pipefail

source_folder="${BACKPROP_SOURCE:-/autograder/source}"
venv="${BACKPROP_VENV:-/autograder/venv}"
python="${BACKPROP_PYTHON:-python3}"

shopt -s nullglob
wheels=("$source_folder"/backprop_cli-*.whl)
if [ "${#wheels[@]}" -ne 1 ]; then
    echo "put one wheel of backprop into the zip, here are ${#wheels[@]}: pip wheel --no-deps . makes it" >&2
    exit 1
fi

if ! "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        apt-get update -q
        apt-get install -qy python3 python3-venv
    fi
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "backprop needs Python 3.11 or newer: choose a newer base image" >&2
    exit 1
fi

"$python" -m venv "$venv"
"$venv/bin/pip" install --quiet "${wheels[0]}[xlsx]"
"$venv/bin/backprop" --version
