#!/bin/sh
# Makes a base backup with pgBackRest every day at BACKUP_HOUR (UTC): full on Sundays, else the changes since the last full one. Each
# also deletes backups that are older than pgbackrest.conf allows. With "once" it makes one and exits. Runs as PostgreSQL's user.
set -eu
stanza=${PGBACKREST_STANZA:-stationbook}
hour=${BACKUP_HOUR:-2}

base_backup() {
    if [ "$(date -u +%u)" = 7 ]; then type=full; else type=diff; fi
    pgbackrest --stanza="$stanza" stanza-create \
        && pgbackrest --stanza="$stanza" --type="$type" backup \
        && echo "Base backup ($type) taken."
}

[ "${1:-}" != once ] || { base_backup; exit; }

trap 'exit 0' TERM INT
pause() { sleep "$1" & wait $!; }
until_next_hour() {
    seconds=$(($(date -u -d "today $hour:00" +%s) - $(date -u +%s)))
    [ "$seconds" -gt 0 ] || seconds=$((seconds + 86400))
    echo "$seconds"
}
# The first one right away: without a base backup there is nothing to recover from.
while :; do
    if base_backup; then
        pause "$(until_next_hour)"
    else
        echo "The base backup failed and is tried again in 15 minutes." >&2
        pause 900
    fi
done
