#!/bin/sh
# A throw-away Exim on loopback, for tests. It runs as root only, as Exim's daemon does.
#
#   exim.sh start DIR PORT [MAILDIR]   starts it; mail to local.test goes to MAILDIR, as the owner of that folder
#   exim.sh flush DIR                  tries everything in the queue now, and waits for that
#   exim.sh queue DIR                  prints the queue, one message id a line
#   exim.sh stop DIR                   ends it at once
#
# Read from DIR at the start:
#   routes              lines DOMAIN PORT: where on 127.0.0.1 mail for a domain goes; `*` is every other one
#   main.extra          more settings
#   routers.extra       routers that are asked first
#   transports.extra    more transports
#   retry.extra         rules that are asked first
# DIR/log/mainlog is what Exim says.
#
# It tries again every second, warns after 2 and gives up after 6, where a real one takes days.
#
# Exit 3: Exim is not installed (scripts/install-servers unpacks it into /opt/exim4, beside Postfix). Exit 4: this is not root.
set -eu
PATH="$PATH:/usr/sbin:/sbin"

usage() {
    echo "usage: exim.sh start DIR PORT [MAILDIR] | flush DIR | queue DIR | stop DIR" >&2
    exit 2
}

binary() {
    for path in /usr/sbin/exim4 /opt/exim4/usr/sbin/exim4; do
        if [ -x "$path" ] && getent passwd Debian-exim >/dev/null; then echo "$path"; return; fi
    done
    exit 3
}

# The default stands last: the first that fits is taken.
routes() {
    awk '$1 == "*" { last = "* 127.0.0.1::" $2; next }
         { printf "%s 127.0.0.1::%s ; ", $1, $2 }
         END { print last }' "$1/routes"
}

# DIR PORT MAILDIR
configuration() {
    cat <<X
# An unpacked binary does not lie where it believes.
exim_path = $exim
exim_user = Debian-exim
exim_group = Debian-exim
never_users =
keep_environment =
add_environment = PATH=/usr/sbin:/usr/bin:/bin
spool_directory = $1/spool
log_file_path = $1/log/%slog
pid_file_path = $1/exim.pid

primary_hostname = mx.local.test
local_interfaces = 127.0.0.1
daemon_smtp_ports = $2
host_lookup =
rfc1413_query_timeout = 0s
acl_smtp_rcpt = accept_all
acl_smtp_data = accept_all
# Exim trusts a configuration of one's own as far as root calls it: its daemon takes mail in, the runner below delivers.
queue_only
dsn_advertise_hosts = *
tls_advertise_hosts =
delay_warning = 2s
X
    [ ! -e "$1/main.extra" ] || cat "$1/main.extra"
    cat <<X

begin acl
accept_all:
  accept

begin routers
X
    [ ! -e "$1/routers.extra" ] || cat "$1/routers.extra"
    [ -z "$3" ] || cat <<X
local:
  driver = accept
  domains = local.test
  transport = maildir
X
    [ ! -e "$1/routes" ] || cat <<X
out:
  driver = manualroute
  route_list = $(routes "$1")
  self = send
  transport = smtp
X
    echo "begin transports"
    [ ! -e "$1/transports.extra" ] || cat "$1/transports.extra"
    [ -z "$3" ] || cat <<X
maildir:
  driver = appendfile
  directory = $3
  maildir_format
  create_directory
  user = $(stat -c %U "$3")
  group = $(stat -c %G "$3")
X
    # All servers are one address here: a second message on a connection would reach the wrong one.
    cat <<X
smtp:
  driver = smtp
  connection_max_messages = 1
  allow_localhost
  hosts_try_fastopen =
  hosts_try_chunking =

begin retry
X
    [ ! -e "$1/retry.extra" ] || cat "$1/retry.extra"
    echo "* * F,6s,1s"
}

start() {
    mkdir -p "$1/spool" "$1/log"
    chmod 755 "$1"
    chown Debian-exim:Debian-exim "$1/spool" "$1/log"
    configuration "$1" "$2" "$3" >"$1/exim.conf"
    "$exim" -C "$1/exim.conf" -bd
    tries=0
    until [ -s "$1/exim.pid" ]; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || { cat "$1"/log/* >&2; exit 1; }
        sleep 0.05
    done
    runner "$1" </dev/null >/dev/null 2>&1 &
}

runner() {
    while [ -e "$1/exim.pid" ]; do
        "$exim" -C "$1/exim.conf" -q || true
        sleep 0.5
    done
}

stop() {
    # The runner ends without this file. Everything that Exim starts names the configuration.
    rm -f "$1/exim.pid"
    for process in /proc/[0-9]*; do
        if grep -qzx "$1/exim.conf" "$process/cmdline" 2>/dev/null; then
            kill -KILL "${process#/proc/}" 2>/dev/null || true
        fi
    done
}

[ $# -ge 2 ] || usage
exim=$(binary)
[ "$(id -u)" = 0 ] || exit 4
case "$2" in /*) ;; *) echo "exim.sh: DIR must begin with /" >&2; exit 2 ;; esac
case "$1" in
    start) [ $# -ge 3 ] || usage; start "$2" "$3" "${4:-}" ;;
    flush) exec "$exim" -C "$2/exim.conf" -qff ;;
    queue) find "$2/spool/input" -name '*-H' | sed 's,.*/,,; s,-H$,,' ;;
    stop) stop "$2" ;;
    *) usage ;;
esac
