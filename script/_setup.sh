# Sourced by the scripts here: a Python, the virtual environment made and kept up to date, and what .env says.

cd "$(dirname "$0")/.."

die() { echo "$*" >&2; exit 1; }

apt_install() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || return 1
    echo "Installing from the system's packages: $*" >&2
    { DEBIAN_FRONTEND=noninteractive apt-get update -qq \
        && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } >/dev/null 2>&1
}

# Debian has Pythons without venv, version managers have names that lead nowhere: ask each whether it can.
find_python() {
    for name in python3.13 python3.12 python3.11 python3.14 python3; do
        "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue
        echo "$name"
        return
    done
    return 1
}

# The lists are whole: told not to look for more, an old pip does not reach past them for a newer release that nobody has pinned.
# The stamp is a hash of the list, so that a changed list is installed again and an old one is not looked at.
install_requirements() {
    stamp=.venv/.installed-$1
    if [ ! -x .venv/bin/pip ]; then
        find_python >/dev/null || apt_install python3 python3-venv || true
        python=$(find_python) || die "Python 3.11 or newer with its venv module is needed" \
            "(Debian: apt install python3-venv; macOS: brew install python)."
        "$python" -m venv --clear .venv
    fi
    [ "$(cat "$stamp" 2>/dev/null)" != "$(cksum < "$1")" ] || return 0
    echo "Installing $1 into .venv" >&2
    .venv/bin/python -m pip install -qq --disable-pip-version-check --no-deps --require-hashes -r "$1"
    cksum < "$1" > "$stamp"
}

# setting NAME DEFAULT prints what the environment says, or else the file that the settings read, or else DEFAULT.
setting() {
    said=$(printenv "$1" || sed -n "s/^$1=//p" "${ENV_FILE:-.env}" 2>/dev/null | tail -n 1 | tr -d "\"'")
    echo "${said:-$2}"
}

# server_lock DATA prints the file that script/server locks: one for each file of settings, or folder of data.
server_lock() {
    case ${ENV_FILE:-.env},$1 in
    .env,* | "$PWD/.env",*) echo "$1/server.lock" ;;
    *,var | *,"$PWD/var") echo "$ENV_FILE.lock" ;;
    *) echo "$1/server.lock" ;;
    esac
}

# prepare_metrics_folder DIR: where the processes of one server count together, empty when the server starts. prometheus_client looks for it
# in the environment when it is imported, before any settings file is read.
prepare_metrics_folder() {
    mkdir -p "$1"
    rm -f "$1"/*.db
    export PROMETHEUS_MULTIPROC_DIR="$1"
}
