#!/bin/sh
# A throw-away PostgreSQL on loopback, for tests.
#
#   postgres.sh start DIR PORT    makes a cluster in DIR/data and starts it; user `test`, no password
#   postgres.sh stop DIR [MODE]   stops it (fast, immediate)
#   postgres.sh restart DIR PORT  starts it again on the same data
#
# Exit 3: PostgreSQL is not installed (Debian: apt-get install postgresql).
set -eu
PATH="$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1):$PATH"
command -v initdb >/dev/null 2>&1 || exit 3
command -v pg_ctl >/dev/null 2>&1 || exit 3

# initdb refuses to run as root.
as_user() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=postgres --regid=postgres --init-groups env -i PATH="$PATH" LC_ALL=C "$@"
    else
        LC_ALL=C "$@"
    fi
}

serve() {
    as_user pg_ctl -D "$1/data" -w -t 30 -l "$1/log" \
        -o "-c listen_addresses=127.0.0.1 -c port=$2 -c unix_socket_directories='' -c fsync=off" start >/dev/null
}

case "$1" in
    start)
        mkdir -p "$2"
        if [ "$(id -u)" = 0 ]; then chown postgres: "$2"; fi
        as_user initdb -D "$2/data" -U test -A trust -E UTF8 --no-sync >/dev/null
        serve "$2" "$3"
        ;;
    restart) serve "$2" "$3" ;;
    stop) as_user pg_ctl -D "$2/data" -w -m "${3:-fast}" stop >/dev/null ;;
    *) echo "usage: postgres.sh start|stop|restart DIR [PORT|MODE]" >&2; exit 2 ;;
esac
