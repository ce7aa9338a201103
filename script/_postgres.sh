# Sourced: a throwaway PostgreSQL on a socket of its own. start_postgres DIR sets DATABASE_URL; stop_postgres DIR ends it.

postgres_bin() {
    for dir in "$(dirname "$(command -v postgres 2>/dev/null || echo /nowhere/x)")" /usr/lib/postgresql/*/bin /opt/homebrew/opt/postgresql*/bin; do
        [ -x "$dir/initdb" ] && [ -x "$dir/pg_ctl" ] && echo "$dir"
    done | sort -V | tail -1
}

# PostgreSQL refuses to run as root.
as_postgres() { if [ "$(id -u)" = 0 ]; then su postgres -s /bin/sh -c "$1"; else sh -c "$1"; fi; }

start_postgres() {
    bin=$(postgres_bin)
    mkdir -p "$1"
    chmod 755 "$1"
    [ "$(id -u)" != 0 ] || chown postgres "$1"
    as_postgres "$bin/initdb -D '$1/data' -U stationbook --auth=trust -E UTF8 --locale=C.UTF-8 >/dev/null 2>&1 \
        || $bin/initdb -D '$1/data' -U stationbook --auth=trust -E UTF8 >/dev/null"
    as_postgres "$bin/pg_ctl -D '$1/data' -l '$1/log' -w start -o \"-k '$1' -c listen_addresses='' -c max_connections=200 \
        -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c shared_buffers=256MB\" >/dev/null"
    as_postgres "$bin/createdb -h '$1' -U stationbook stationbook"
    export DATABASE_URL="postgres://stationbook@/stationbook?host=$1"
}

stop_postgres() { as_postgres "$(postgres_bin)/pg_ctl -D '$1/data' -m immediate stop >/dev/null 2>&1" || true; }
