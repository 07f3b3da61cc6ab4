#!/usr/bin/env bash
# Prints the first interpreter that is Python 3.11 or newer and can make virtual environments. PYTHON=... goes first.
set -euo pipefail

for candidate in ${PYTHON:+"$PYTHON"} python3.11 python3.12 python3.13 python3 python; do
  if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    command -v "$candidate"
    exit 0
  elif [ "$candidate" = "${PYTHON:-}" ]; then
    echo "PYTHON=$PYTHON is not a Python 3.11 or newer with the venv and ensurepip modules." >&2
    exit 1
  fi
done
cat >&2 <<'TXT'
No Python 3.11 or newer with the venv module was found (looked for python3.11 to python3.13, python3, python).
Install one (Debian and Ubuntu: apt-get install python3 python3-venv; macOS: brew install python@3.11),
or name it: make PYTHON=/path/to/python3.11 ...
TXT
exit 1
