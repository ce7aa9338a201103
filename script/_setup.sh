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

# have NAME: whether there is such a program. Debian has servers where only root's PATH looks.
have() { command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ]; }

# require_program NAME PACKAGE: installs the package if there is no such program, or ends with a sentence.
require_program() {
    have "$1" || apt_install "$2" || die "This needs $2, which the system's packages have. Install that and run $0 again."
}

# The stamp is a hash of the list, so that a changed list is installed again, and one that is installed is not looked at.
is_installed() { [ "$(cat "$2" 2>/dev/null)" = "$(cksum < "$1")" ]; }

# pip_install PYTHON LIST STAMP. The lists are whole: with --no-deps, an old pip installs no newer release that nobody has pinned.
pip_install() {
    "$1" -m pip install -qq --disable-pip-version-check --no-deps --require-hashes -r "$2" && cksum < "$2" > "$3"
}

# install_into VENV LIST: a virtual environment for that list alone, made again when the list changes.
install_into() {
    is_installed "$2" "$1/.installed" && return
    .venv/bin/python -m venv --clear "$1" && pip_install "$1/bin/python" "$2" "$1/.installed"
}

# install_requirements LIST...: into .venv.
install_requirements() {
    if [ ! -x .venv/bin/pip ]; then
        find_python >/dev/null || apt_install python3 python3-venv || true
        python=$(find_python) || die "Python 3.11 or newer with its venv module is needed" \
            "(Debian: apt install python3-venv; macOS: brew install python)."
        "$python" -m venv --clear .venv
    fi
    for list in "$@"; do
        is_installed "$list" ".venv/.installed-$list" && continue
        echo "Installing $list into .venv" >&2
        pip_install .venv/bin/python "$list" ".venv/.installed-$list"
    done
}

# setting NAME DEFAULT prints the value in the environment, or else in the file that the settings read, or else DEFAULT.
setting() {
    value=$(printenv "$1" || sed -n "s/^$1=//p" "${ENV_FILE:-.env}" 2>/dev/null | tail -n 1 | tr -d "\"'")
    echo "${value:-$2}"
}

# server_lock DATA prints the file that script/server locks: one for each settings file or data folder.
server_lock() {
    case ${ENV_FILE:-.env},$1 in
    .env,* | "$PWD/.env",*) echo "$1/server.lock" ;;
    *,var | *,"$PWD/var") echo "$ENV_FILE.lock" ;;
    *) echo "$1/server.lock" ;;
    esac
}

# prepare_metrics_folder DIR: where the processes of one server add up their metrics; empty when the server starts. prometheus_client
# reads its name from the environment when it is imported, before any settings file is read.
prepare_metrics_folder() {
    mkdir -p "$1"
    rm -f "$1"/*.db
    export PROMETHEUS_MULTIPROC_DIR="$1"
}

# export_for_server_lib: where Python finds script/server_lib, and how it logs before the settings are read.
export_for_server_lib() {
    PYTHONPATH=$PWD/script${PYTHONPATH:+:$PYTHONPATH}
    LOG_FORMAT=$(setting LOG_FORMAT json)
    LOG_LEVEL=$(setting LOG_LEVEL INFO)
    export PYTHONPATH LOG_FORMAT LOG_LEVEL
}
