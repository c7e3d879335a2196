#!/bin/sh
# A throw-away sendmail on loopback, for tests: takes mail and runs what its aliases say. It runs as root only.
#
#   sendmail.sh start DIR PORT   starts it
#   sendmail.sh flush DIR        tries everything in the queue now, and waits for that
#   sendmail.sh queue DIR        prints the queue, one message id a line
#   sendmail.sh said DIR         prints why messages wait
#   sendmail.sh stop DIR         ends it at once
#
# Read from DIR at the start:
#   aliases    the aliases
#   mc.extra   more lines for sendmail.mc
# Programs run as the user nobody.
#
# Exit 3: sendmail is not installed (scripts/install-servers unpacks it into /opt/sendmail, beside Postfix). Exit 4: this
# is not root.
set -eu
PATH="$PATH:/usr/sbin:/sbin"
root=/opt/sendmail
binary=$root/usr/libexec/sendmail/sendmail
macros=$root/usr/share/sendmail/cf

usage() {
    echo "usage: sendmail.sh start DIR PORT | flush DIR | queue DIR | said DIR | stop DIR" >&2
    exit 2
}

# sendmail waits for a minute where the machine's name has no dot: it is given a name of its own.
sendmail() {
    unshare --uts sh -c 'hostname mx.local.test && exec "$@"' sh "$binary" -C "$dir/sendmail.cf" "$@"
}

# DIR PORT
configuration() {
    cat <<X
include(\`$macros/m4/cf.m4')
OSTYPE(\`linux')
define(\`confDOMAIN_NAME', \`mx.local.test')
define(\`ALIAS_FILE', \`$1/aliases')
define(\`QUEUE_DIR', \`$1/queue')
define(\`confPID_FILE', \`$1/pid')
define(\`STATUS_FILE', \`$1/statistics')
define(\`HELP_FILE', \`$1/help')
define(\`confCW_FILE', \`-o $1/none')
define(\`confCT_FILE', \`-o $1/none')
define(\`confDEF_USER_ID', \`nobody:$(id -gn nobody)')
dnl A folder below /tmp is not safe enough for it otherwise.
define(\`confDONT_BLAME_SENDMAIL', \`MapInUnsafeDirPath,RunProgramInUnsafeDirPath,LinkedMapInWritableDir')
dnl A busy machine takes mail, too.
define(\`confQUEUE_LA', \`10000')
define(\`confREFUSE_LA', \`10000')
FEATURE(\`no_default_msa')
FEATURE(\`nocanonify')
FEATURE(\`accept_unresolvable_domains')
DAEMON_OPTIONS(\`Port=$2, Addr=127.0.0.1, Name=MTA')
X
    [ ! -e "$1/mc.extra" ] || cat "$1/mc.extra"
    cat <<X
MAILER(\`local')
MAILER(\`smtp')
X
}

start() {
    mkdir -p "$1/queue"
    chmod 755 "$1"
    chmod 700 "$1/queue"
    configuration "$1" "$2" >"$1/sendmail.mc"
    m4 -D_CF_DIR_="$macros/" "$1/sendmail.mc" >"$1/sendmail.cf"
    sendmail -bi >/dev/null 2>&1
    sendmail -bd -q1s 2>/dev/null
    tries=0
    until [ -s "$1/pid" ]; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || { echo "sendmail.sh: no process" >&2; exit 1; }
        sleep 0.05
    done
}

# Each of its processes changes what it calls itself; all are in the group of the first.
stop() {
    pid=$(head -n 1 "$1/pid" 2>/dev/null) || return 0
    kill -KILL "-$pid" 2>/dev/null || kill -KILL "$pid" 2>/dev/null || true
    rm -f "$1/pid"
}

[ $# -ge 2 ] || usage
[ -x "$binary" ] && command -v m4 >/dev/null || exit 3
[ "$(id -u)" = 0 ] || exit 4
case "$2" in /*) dir=$2 ;; *) echo "sendmail.sh: DIR must begin with /" >&2; exit 2 ;; esac
case "$1" in
    start) [ $# -ge 3 ] || usage; start "$2" "$3" ;;
    flush) sendmail -q ;;
    queue) find "$2/queue" -name 'qf*' | sed 's,.*/qf,,' ;;
    said) find "$2/queue" -name 'qf*' -exec sed -n 's/^M//p' {} + ;;
    stop) stop "$2" ;;
    *) usage ;;
esac
