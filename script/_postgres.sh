# Sourced: a throwaway PostgreSQL on a socket of its own. start_postgres DIR [on] sets DATABASE_URL; stop_postgres DIR ends it.

postgres_bin() {
    for dir in "$(dirname "$(command -v pg_ctl || echo /nowhere/)")" /usr/lib/postgresql/*/bin /opt/homebrew/opt/postgresql*/bin; do
        [ ! -x "$dir/initdb" ] || [ ! -x "$dir/pg_ctl" ] || echo "$dir"
    done | sort -V | tail -n 1
}

require_postgres() {
    [ -n "$(postgres_bin)" ] || apt_install postgresql || die "This needs the server of PostgreSQL, which the system's packages have."
}

# PostgreSQL refuses to run as root.
as_postgres() { if [ "$(id -u)" = 0 ]; then su postgres -s /bin/sh -c "$1"; else sh -c "$1"; fi; }

# Nothing here outlives the tests: without fsync they take half the time. What measures says "on" after the folder.
start_postgres() {
    durable=${2:-off}
    bin=$(postgres_bin)
    chmod 711 "$(dirname "$1")"
    mkdir "$1"
    [ "$(id -u)" != 0 ] || chown postgres "$1"
    initdb="'$bin/initdb' -D '$1/data' -U stationbook --auth=trust -E UTF8 --no-sync"
    as_postgres "{ $initdb --locale=C.UTF-8 || $initdb --locale=C; } >'$1/initdb.log' 2>&1" || die "$(cat "$1/initdb.log")"
    as_postgres "'$bin/pg_ctl' -D '$1/data' -l '$1/log' -w start -o \"-k '$1' -c listen_addresses='' \
        -c max_connections=200 -c fsync=$durable -c synchronous_commit=$durable -c full_page_writes=$durable\" >/dev/null" \
        || die "$(cat "$1/log")"
    export DATABASE_URL="postgres://stationbook@/postgres?host=$1"
}

stop_postgres() {
    [ ! -d "$1/data" ] || as_postgres "'$(postgres_bin)/pg_ctl' -D '$1/data' -m immediate stop >/dev/null 2>&1" || true
}
