#!/usr/bin/env bash
# Build a virtualenv of its own for a tool that few tasks need, so that .venv stays small, and print the path of its bin folder.
#
#   tools/extra_venv.sh NAME     requirements/NAME.txt -> .cache/venvs/NAME
#
# Each package is installed by its hash, as a wheel. The file .installed is written last and holds the checksum of the requirements.
set -euo pipefail
cd "$(dirname "$0")/.."

requirements=requirements/$1.txt
venv=$PWD/.cache/venvs/$1
wanted="$(sha256sum <"$requirements") $PWD $(.venv/bin/python -V)"

mkdir -p .cache/venvs
exec 9>".cache/venvs/$1.lock"
flock 9
if [[ $(cat "$venv/.installed" 2>/dev/null) != "$wanted" ]]; then
  echo "Building a virtualenv for $1, once …" >&2
  .venv/bin/python -I -m venv --clear --without-pip "$venv"
  # A user's own settings of pip are for other places than a virtualenv; his indexes hold.
  env -u PIP_TARGET -u PIP_PREFIX PIP_USER=0 .venv/bin/python -I -m pip --python "$venv/bin/python" install --quiet \
    --disable-pip-version-check --no-input --no-deps --require-hashes --only-binary=:all: --requirement "$requirements" >&2 || {
    printf 'make: pip could not install what %s locks; see above\n' "$requirements" >&2
    exit 1
  }
  echo "$wanted" >"$venv/.installed"
fi
echo "$venv/bin"
