# shellcheck shell=bash
# What Tests/check, Tests/run and testnet/demo share: the packages that they need, and how
# they say that something went wrong. Sourced, never run. Installs only what is missing, so that
# a machine that has everything needs no network.

# The checkout, with no symbolic link in it.
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)"
# Python packages live here, apart from the system's.
venv="$root/.build-venv"
# Used by the scripts that source this file.
# shellcheck disable=SC2034
python="$venv/bin/python"

# Debian packages: those of Package.swift's system libraries, the tools to find them, and openssl for
# the certificates of tests.
system_packages=(libssl-dev libxxhash-dev libsqlite3-dev pkg-config openssl)
# Python packages: the other BitTorrent client, the readers of weights and of metrics, and the
# test runner.
python_packages=('libtorrent==2.1.*' safetensors numpy pytest 'pytest-xdist==3.*'
    prometheus-client)

say() { printf '%s\n' "$*"; }

# Ends the script with a message on standard error.
fail() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

require_swift() {
    command -v swift > /dev/null ||
        fail "no 'swift' in PATH; install Swift 6.3 from https://www.swift.org/install/linux"
}

# Runs a command as root, through sudo when needed.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo > /dev/null; then
        sudo -n "$@" || sudo "$@"
    else
        return 1
    fi
}

# Installs those of the named Debian packages that are missing.
install_system_packages() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2> /dev/null | grep -q 'ok installed' ||
            missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "installing ${missing[*]}"
    command -v apt-get > /dev/null ||
        fail "please install: ${missing[*]} (or what your system calls them)"
    # The lists may be old or absent: try with them first, then with fresh ones.
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends "${missing[@]}" > /dev/null 2>&1 ||
        {
            as_root apt-get update -q > /dev/null &&
                as_root env DEBIAN_FRONTEND=noninteractive \
                    apt-get install -y -q --no-install-recommends "${missing[@]}" > /dev/null
        } || fail "cannot install ${missing[*]}; run: sudo apt-get install ${missing[*]}"
}

# The headers may come from elsewhere than a Debian package, so they are what is asked for.
setup_system() {
    if command -v pkg-config > /dev/null && pkg-config --exists libcrypto libxxhash sqlite3; then
        return 0
    fi
    install_system_packages "${system_packages[@]}"
}

python_is_ready() {
    "$python" -c 'import libtorrent, numpy, prometheus_client, pytest, safetensors, xdist
assert libtorrent.version.startswith("2.1.")' > /dev/null 2>&1
}

setup_python() {
    python_is_ready && return 0
    command -v python3 > /dev/null || install_system_packages python3
    say "making the Python environment ${venv#"$root"/}"
    rm -rf "$venv"
    if ! python3 -m venv "$venv" > /dev/null 2>&1; then
        install_system_packages python3-venv
        rm -rf "$venv"
        python3 -m venv "$venv" || fail "python3 -m venv $venv failed"
    fi
    "$python" -m pip install -q --disable-pip-version-check "${python_packages[@]}" ||
        fail "pip cannot install ${python_packages[*]}; is PyPI reachable?"
    python_is_ready || fail "the Python packages are installed but cannot be imported"
}

# What the tests of origins need beside: a web server, and an S3 server with a client for it.
setup_origins() {
    command -v nginx > /dev/null || [ -x /usr/sbin/nginx ] || install_system_packages nginx-light
    "$python" -c 'import boto3, moto.server' > /dev/null 2>&1 ||
        "$python" -m pip install -q --disable-pip-version-check 'moto[server]==5.*' boto3
}

# A browser for the tracker's page, and what drives it.
setup_page() {
    if ! command -v chromium > /dev/null || ! command -v chromedriver > /dev/null; then
        install_system_packages chromium chromium-driver
    fi
    "$python" -c 'import selenium.webdriver' > /dev/null 2>&1 ||
        "$python" -m pip install -q --disable-pip-version-check 'selenium==4.*'
}

# What the tests of Docs/deploy need beside: what reads units, and the schemas of Kubernetes.
setup_deploy() {
    install_system_packages systemd curl
    "$python" -c 'import kubernetes_validate, yaml' > /dev/null 2>&1 ||
        "$python" -m pip install -q --disable-pip-version-check 'kubernetes-validate>=1.37' pyyaml
}

# Everything, once at a time when two scripts start together.
setup() {
    require_swift
    exec 9> "${TMPDIR:-/tmp}/shoal-setup-$(id -u).lock"
    if command -v flock > /dev/null; then flock 9; fi
    setup_system
    setup_python
    exec 9>&-
}

# The tools of the laboratory. Without root it would skip its tests anyway.
setup_testnet() {
    [ "$(id -u)" -ne 0 ] || install_system_packages iproute2 nftables
}

# The last lines of a log, indented, under a title.
show_tail() {
    local title=$1 log=$2
    [ -s "$log" ] || return 0
    printf -- '--- %s (%s)\n' "$title" "$log" >&2
    tail -n 30 "$log" | sed 's/^/    /' >&2
}
