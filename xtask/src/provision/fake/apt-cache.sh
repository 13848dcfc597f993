#!/bin/sh
here=${0%/*}
PATH=/usr/bin:/bin
version=$(sed -n "s/^$2 //p" "$here/lists")
case $1 in
policy)
    [ -n "$version" ] || { echo "N: Unable to locate package $2" >&2; exit 0; }
    printf '%s:\n  Installed: (none)\n  Candidate: %s\n' "$2" "$version"
    ;;
depends)
    [ -n "$version" ] || { echo "E: No packages found" >&2; exit 100; }
    printf '%s\n  Depends: %s\n' "$2" "$version"
    ;;
esac
