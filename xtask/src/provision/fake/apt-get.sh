#!/bin/sh
# State, each a file in this folder:
#   lists, archive   lines of name and version: on this host, and on the server
#   offline          the server does not answer
#   locked           number of calls during which another process holds a lock
#   cached           package files are on this host
#   held             names of packages on hold, which block the installation
#   complaint        the message about them
#   conflicts        names of packages that must be removed
#   broken           dpkg fails in the middle
#   user             only sudo may change the system
here=${0%/*}
PATH=/usr/bin:/bin
echo "$*" >> "$here/calls"
line=" $* "

fail() {
    for text in "$@"; do echo "E: $text" >&2; done
    exit 100
}

lock() {
    if [ -e "$here/user" ] && [ -z "$BY_SUDO" ]; then
        fail "Could not open lock file $1 - open (13: Permission denied)"
    fi
    [ -e "$here/locked" ] || return 0
    left=$(cat "$here/locked")
    [ "$left" -gt 0 ] || return 0
    echo $((left - 1)) > "$here/locked"
    fail "Could not get lock $1. It is held by process 4242 (unattended-upgr)" "Unable to lock $1"
}

offline='Failed to fetch http://archive.example/dists/stable/InRelease  Temporary failure resolving'

case $line in
*" update "*)
    lock /var/lib/apt/lists/lock
    if [ -e "$here/offline" ]; then
        # Without the option the real one warns, and reports success.
        case $line in *" APT::Update::Error-Mode=any "*) fail "$offline" ;; esac
        echo "W: $offline" >&2
        exit 0
    fi
    cp "$here/archive" "$here/lists"
    exit 0
    ;;
*" install "*) ;;
*) fail "the fake does not know: $*" ;;
esac

names=
simulate=
keep=
for word in "$@"; do
    case $word in
    install | --yes | --no-install-recommends) ;;
    --simulate) simulate=1 ;;
    --no-remove) keep=1 ;;
    -*) fail "the fake does not know $word" ;;
    *) names="$names $word" ;;
    esac
done
for name in $names; do
    grep -q "^$name " "$here/lists" || fail "Unable to locate package $name"
done
if [ -e "$here/held" ]; then
    fail "$(cat "$here/complaint")"
fi
if [ -n "$simulate" ]; then
    for name in $(cat "$here/conflicts" 2>/dev/null); do echo "Remv $name [1.0]"; done
    for name in $names; do echo "Inst $name (1.0)"; done
    exit 0
fi
lock /var/lib/dpkg/lock-frontend
if [ -e "$here/conflicts" ] && [ -n "$keep" ]; then
    fail "Packages need to be removed but remove is disabled."
fi
if [ -e "$here/offline" ] && [ ! -e "$here/cached" ]; then
    fail "$offline" "Unable to fetch some archives, maybe run apt-get update?"
fi
for name in $names; do
    echo "$name" >> "$here/installed"
    [ ! -e "$here/broken" ] || fail "Sub-process /usr/bin/dpkg returned an error code (1)"
done
