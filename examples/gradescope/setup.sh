#!/usr/bin/env bash
# Installs backprop once, while Gradescope builds the image of the autograder.
# It takes a wheel that lies beside this file in the zip, else the package index. BACKPROP_SOURCE is
# the folder with the files of the zip, BACKPROP_VENV where to install, BACKPROP_PYTHON the Python to use.
set -euo pipefail

source_folder="${BACKPROP_SOURCE:-/autograder/source}"
venv="${BACKPROP_VENV:-/autograder/venv}"
python="${BACKPROP_PYTHON:-python3}"

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
shopt -s nullglob
wheels=("$source_folder"/backprop_cli-*.whl)
"$venv/bin/pip" install --quiet "${wheels[0]:-backprop-cli}"
"$venv/bin/backprop" --version
