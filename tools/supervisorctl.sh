#!/bin/sh
# `supervisorctl` of the activated virtualenv: it asks the supervisord that was deployed last from here. `make venv` puts it
# over supervisor's own, which without a configuration asks port 9001, where Mooring's API may answer.
bin=$(dirname "$0")
conf=$bin/../supervisord.conf

for word; do
  case $word in
    -c* | -s* | -h | --help | --configuration* | --serverurl*) exec "$bin/python" -I -m supervisor.supervisorctl "$@" ;;
  esac
done

other="To ask another supervisord: supervisorctl -c <mooring_root>/supervisor/supervisord.conf status"
if [ ! -r "$conf" ]; then
  echo "supervisorctl: nothing is deployed from here. Deploy first: make deploy. $other" >&2
  exit 1
fi
socket=$(sed -n 's|^serverurl=unix://||p' "$conf")
run=$(dirname "$socket")
if [ ! -d "$run" ] || { [ -x "$run" ] && [ ! -S "$socket" ]; }; then # where we may not look, supervisorctl says so
  echo "supervisorctl: the supervisord of ${socket%/supervisor/run/*} does not run: there is no $socket." \
    "Deploy again: make deploy. $other" >&2
  exit 1
fi
exec "$bin/python" -I -m supervisor.supervisorctl -c "$conf" "$@"
