# Sourced: a throwaway PostgreSQL on a socket of its own. start_postgres DIR [on [DATA]] sets DATABASE_URL; stop_postgres DIR [DATA]
# ends it.

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

# Nothing here outlives the tests: without fsync they take half the time. What measures says "on" after the folder. DATA is where the
# data is, and may be there already.
start_postgres() {
    durable=${2:-off}
    data=${3:-$1/data}
    bin=$(postgres_bin)
    chmod 711 "$(dirname "$1")"
    mkdir "$1"
    [ "$(id -u)" != 0 ] || chown postgres "$1"
    if [ ! -d "$data" ]; then
        initdb="'$bin/initdb' -D '$data' -U stationbook --auth=trust -E UTF8 --no-sync"
        as_postgres "{ $initdb --locale=C.UTF-8 || $initdb --locale=C; } >'$1/initdb.log' 2>&1" || die "$(cat "$1/initdb.log")"
    fi
    as_postgres "'$bin/pg_ctl' -D '$data' -l '$1/log' -w start -o \"-k '$1' -c listen_addresses='' \
        -c max_connections=200 -c fsync=$durable -c synchronous_commit=$durable -c full_page_writes=$durable\" >/dev/null" \
        || die "$(cat "$1/log")"
    export DATABASE_URL="postgres://stationbook@/postgres?host=$1"
}

# Data that is kept is left in order; what is thrown away need not be.
stop_postgres() {
    data=${2:-$1/data}
    mode=${2:+fast}
    [ ! -d "$1" ] || as_postgres "'$(postgres_bin)/pg_ctl' -D '$data' -m ${mode:-immediate} stop >/dev/null 2>&1" || true
}

# keep_postgres DIR sets kept_data to the folder below DIR in which databases stay from run to run, or leaves it empty: another run
# uses them, or the server's user cannot write there. Without fsync, data is safe to use again only if the server has stopped by
# itself; what a killed one left is removed, and so is another version's.
keep_postgres() {
    kept_data=
    mkdir -p "$1"
    have flock || return 0
    exec 8> "$1/lock"
    flock -n 8 || return 0 # the server inherits it, so that an orphan keeps its data for itself
    [ "$(id -u)" != 0 ] || chown postgres "$1"
    as_postgres "test -w '$1'" || return 0
    version=$("$(postgres_bin)/initdb" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
    [ ! -e "$1/data/postmaster.pid" ] && [ "$(cat "$1/data/PG_VERSION" 2>/dev/null)" = "$version" ] || rm -rf "$1/data"
    kept_data=$1/data
}
