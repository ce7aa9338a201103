# Sourced by the scripts here: the virtual environment, made and kept up to date.

cd "$(dirname "$0")/.."
root=$PWD

die() { echo "$*" >&2; exit 1; }

find_python() {
    for name in python3.14 python3.13 python3.12 python3.11 python3; do
        command -v "$name" >/dev/null 2>&1 || continue
        "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue
        echo "$name"
        return
    done
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        apt_install python3 python3-venv >&2 && echo python3 && return
    fi
    die "Python 3.11 or newer with its venv module is needed (Debian: apt install python3-venv; macOS: brew install python)."
}

apt_install() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || return 1
    echo "Installing from the system's packages: $*" >&2
    { DEBIAN_FRONTEND=noninteractive apt-get update -qq \
        && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } >/dev/null 2>&1
}

# The stamp holds a hash of what was installed, so that a changed list installs again and nothing else does.
install_requirements() {
    list=$1
    python=$(find_python)
    stamp=$(cksum < "$list")
    [ -x .venv/bin/python ] || "$python" -m venv .venv
    [ "$(cat ".venv/.installed-$list" 2>/dev/null)" = "$stamp" ] && return
    echo "Installing $list into .venv" >&2
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$list"
    echo "$stamp" > ".venv/.installed-$list"
}
