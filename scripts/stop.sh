#!/bin/sh
# Stop the Longhand of this data folder: its supervisor, which stops the rest, then servers that run without one.
set -eu
python=$1
data=${LONGHAND_DATA:-.longhand}
elsewhere="One with its data elsewhere is stopped by: make stop LONGHAND_DATA=FOLDER"
if [ ! -d "$data" ]; then
    echo "No Longhand runs here: there is no data folder $data. $elsewhere"
    exit 0
fi
data=$(cd "$data" && pwd)
if [ -s "$data/supervisor.lock" ] && ! flock -n "$data/supervisor.lock" true; then
    pid=$(cat "$data/supervisor.lock")
    echo "Stopping Longhand in $data (process $pid)"
    kill -TERM "$pid"
    flock -w 120 "$data/supervisor.lock" true || { echo "It did not stop within 120 s." >&2; exit 1; }
else
    echo "No Longhand runs in $data. $elsewhere"
fi
if [ -d "$data/services" ] && [ -x "$python" ]; then "$python" manage.py services stop; fi
