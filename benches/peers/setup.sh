#!/usr/bin/env bash
# Makes a virtual environment with the rivals that barlow is measured against, pinned.
#
#     benches/peers/setup.sh [FOLDER]        default: benches/peers/.venv
#
# Some gigabytes from PyPI: its torch brings the CUDA libraries along. pip's own settings are
# respected (PIP_INDEX_URL, PIP_FIND_LINKS, ...). PYTHON names the interpreter, python3 by default.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$here/.venv}

"${PYTHON:-python3}" -m venv "$folder"
"$folder/bin/python" -m pip install --disable-pip-version-check -r "$here/requirements.txt"
"$folder/bin/python" -c 'import torch; print("PyTorch", torch.__version__, torch.backends.cpu.get_cpu_capability())'
echo "ready: $folder/bin/python"
