#!/bin/sh
# Stop the Longhand of this data folder: its supervisor, which stops the rest, then servers that run without one.
set -eu
python=$1
data=${LONGHAND_DATA:-.longhand}
if [ -s "$data/supervisor.lock" ] && ! flock -n "$data/supervisor.lock" true; then
    pid=$(cat "$data/supervisor.lock")
    echo "Stopping Longhand (process $pid)"
    kill -TERM "$pid"
    flock -w 120 "$data/supervisor.lock" true || { echo "It did not stop within 120 s." >&2; exit 1; }
fi
if [ -d "$data/services" ]; then "$python" manage.py services stop; fi
