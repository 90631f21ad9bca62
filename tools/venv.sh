#!/usr/bin/env bash
# Build the controller's virtualenv, .venv, or leave a whole one alone. `make` runs this before each task that needs it.
#
#   tools/venv.sh PYTHON
#
# .venv/.installed is written last and holds the checksum of the requirements. pyvenv.cfg says where the virtualenv was made, and
# for which Python. So a half-built one, one that was moved, and one whose interpreter has gone or has changed are built again.
# Of a failure, stderr gets one sentence; .venv/build.log has pip's own words.
set -euo pipefail
cd "$(dirname "$0")/.."

python=$1
venv=$PWD/.venv
requirements=requirements/controller.txt
wanted=$(sha256sum <"$requirements")

fail() {
  printf 'make: %s\n' "$*" >&2
  exit 1
}

# Made at this place, for the Python that still runs in it.
sound() {
  [[ -e .venv/.installed ]] && grep -q "^command = .* $(printf %s "$venv" | sed 's/[][\.*^$]/\\&/g')\$" .venv/pyvenv.cfg 2>/dev/null &&
    .venv/bin/python -c 'import sys; sys.exit(f"version = {sys.version_info[0]}.{sys.version_info[1]}." not in open(sys.argv[1]).read())' \
      .venv/pyvenv.cfg 2>/dev/null
}

whole() {
  [[ $(cat .venv/.installed 2>/dev/null) == "$wanted" ]] && sound
}

choose_python() {
  command -v "$python" >/dev/null ||
    fail "$python is not found; install it (Debian, Ubuntu: apt install python3-venv), or name another: make PYTHON=/path/to/python3.11"
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    fail "the controller needs Python 3.11 or newer, and $python is $("$python" --version 2>&1 | head -n 1); name one: make PYTHON=/path/to/python3.11"
  "$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$python cannot build a virtualenv, since it lacks venv or ensurepip; Debian, Ubuntu: apt install" \
      "$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
  # Not a virtualenv's own link, perhaps of the very one that is built again.
  python=$("$python" -c 'import sys; print(sys._base_executable)')
}

# Of pip's output, one line each 20 packages; on a terminal one line that counts.
progress() {
  local fetched=0 line locked
  locked=$(grep -c '^[a-z].*==' "$requirements")
  while IFS= read -r line; do
    printf '%s\n' "$line" >>.venv/build.log
    case $line in
      Collecting\ * | Processing\ *)
        fetched=$((fetched + 1))
        if [[ -t 1 ]]; then
          printf '\r  2 of 3: fetching, package %d of at most %d ' "$fetched" "$locked"
        elif ((fetched % 20 == 1)); then
          printf '  2 of 3: fetching, package %d of at most %d …\n' "$fetched" "$locked"
        fi ;;
      'Installing collected packages'*)
        [[ ! -t 1 ]] || echo
        echo "  3 of 3: installing $fetched packages …" ;;
    esac
  done
}

# Prints the path of the pip that comes with Python, to be run from its wheel: to install that one, only for the locked one to replace
# it, takes five CPU seconds. Debian's packages keep the wheel in a folder of its own.
bundled_pip() {
  .venv/bin/python -I - <<'PYTHON'
import ensurepip, pathlib, sysconfig

folders = [sysconfig.get_config_var("WHEEL_PKG_DIR"), pathlib.Path(ensurepip.__file__).parent / "_bundled"]
(wheel, *_) = [wheel for folder in folders if folder for wheel in pathlib.Path(folder).glob("pip-*.whl")]
print(wheel / "pip")
PYTHON
}

install_packages() {
  local pip
  pip=$(bundled_pip 2>>.venv/build.log) || fail "$python has no wheel of pip beside ensurepip; .venv/build.log has its own words"
  # A user's own settings of pip and Python are for other places than a virtualenv.
  env -u PIP_TARGET -u PIP_PREFIX -u PYTHONPATH -u PYTHONHOME PIP_USER=0 \
    .venv/bin/python "$pip" install --disable-pip-version-check --no-input --progress-bar off --require-hashes -r "$requirements" 2>&1 | progress
}

explain() {
  [[ ! -t 1 ]] || echo
  local network='connection broken|Failed to establish|Temporary failure in name resolution|timed out|ProxyError|SSLError|No route to host'
  if grep -qE "$network" .venv/build.log; then
    fail "pip reaches no package index ($(grep -oE "$network" .venv/build.log | tail -n 1)); this step needs a network, or PIP_INDEX_URL" \
      "or a proxy that leads to one; pip's own words: .venv/build.log"
  fi
  fail "pip could not install the locked packages: $(grep '^ERROR' .venv/build.log | tail -n 1); all of its words: .venv/build.log"
}

# In place of supervisor's own, which asks port 9001 when there is no configuration.
own_supervisorctl() {
  cmp -s tools/supervisorctl.sh .venv/bin/supervisorctl || install -m 0755 tools/supervisorctl.sh .venv/bin/supervisorctl
}

if whole; then
  own_supervisorctl
  exit 0
fi
mkdir -p .cache 2>/dev/null && [[ -w . ]] || fail "$(id -un) cannot write to $PWD; clone into a folder of your own"
exec 9>.cache/venv.lock
if ! flock --nonblock 9; then
  echo "Another make builds the virtualenv; waiting for it …"
  flock 9
  ! whole || exit 0
fi

if sound; then
  echo "Bringing the virtualenv .venv up to date …"
  rm .venv/.installed
else
  choose_python
  echo "Building the virtualenv .venv for $("$python" --version), once; one or two minutes …"
  echo "  1 of 3: making the folder …"
  kept=
  [[ ! -f .venv/supervisord.conf ]] || kept=$(cat .venv/supervisord.conf) # a deploy's: supervisorctl finds its server by it
  env -u PYTHONPATH -u PYTHONHOME "$python" -m venv --clear --without-pip .venv || fail "$python could not make .venv; see above"
  [[ -z $kept ]] || printf '%s\n' "$kept" >.venv/supervisord.conf
fi
install_packages || explain
own_supervisorctl
echo "$wanted" >.venv/.installed
