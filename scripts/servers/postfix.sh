#!/bin/sh
# A throw-away Postfix on loopback, for tests. It runs as root only: that is how Postfix is built.
#
#   postfix.sh start DIR PORT [MAILDIR]   starts it; mail to local.test goes to MAILDIR, as the owner of that folder
#   postfix.sh flush DIR                  tries everything in the queue now
#   postfix.sh queue DIR                  prints the queue, one JSON object a message
#   postfix.sh stop DIR                   ends it at once
#
# Read from DIR at the start:
#   routes         lines DOMAIN PORT: where on 127.0.0.1 mail for a domain goes; `*` is every other one
#   main.extra     more lines for main.cf
#   master.extra   more lines for master.cf
# DIR/log is what Postfix says.
#
# It tries again every second, warns after 2 and gives up after 6, where a real one takes days.
#
# Exit 3: Postfix is not installed (Debian: apt-get install postfix). Exit 4: this is not root.
set -eu
PATH="$PATH:/usr/sbin:/sbin"

usage() {
    echo "usage: postfix.sh start DIR PORT [MAILDIR] | flush DIR | queue DIR | stop DIR" >&2
    exit 2
}

routes() {
    awk '$1 == "*" { print "default_transport = smtp:[127.0.0.1]:" $2; next }
         { map = map " {" $1 " = smtp:[127.0.0.1]:" $2 "}" }
         END { if (map) print "transport_maps = inline:{" map " }" }' "$1/routes"
}

# DIR PORT MAILDIR
main_cf() {
    cat <<X
compatibility_level = 3.6
queue_directory = $1/spool
data_directory = $1/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file_prefixes = $1
maillog_file = $1/log

myhostname = mx.local.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
alias_maps =
alias_database =
local_recipient_maps =
smtp_dns_support_level = disabled
smtp_tls_security_level = none

bounce_queue_lifetime = 6s
maximal_queue_lifetime = 6s
delay_warning_time = 2s
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 1s
X
    [ -z "$3" ] || cat <<X

virtual_mailbox_domains = local.test
virtual_mailbox_base = /
virtual_mailbox_maps = static:${3#/}/
virtual_uid_maps = static:$(stat -c %u "$3")
virtual_gid_maps = static:$(stat -c %g "$3")
virtual_minimum_uid = 1
X
    [ ! -e "$1/routes" ] || routes "$1"
    [ ! -e "$1/main.extra" ] || cat "$1/main.extra"
}

# DIR PORT
master_cf() {
    cat <<X
127.0.0.1:$2 inet n - n - - smtpd
pickup    unix n - n 60 1 pickup
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
verify    unix - - n - 1 verify
flush     unix n - n 1000? 0 flush
proxymap  unix - - n - - proxymap
showq     unix n - n - - showq
smtp      unix - - n - - smtp
relay     unix - - n - - smtp
error     unix - - n - - error
retry     unix - - n - - error
discard   unix - - n - - discard
virtual   unix - n n - - virtual
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
tlsmgr    unix - - n 1000? 1 tlsmgr
postlog   unix-dgram n - n - 1 postlogd
X
    [ ! -e "$1/master.extra" ] || cat "$1/master.extra"
}

# Of a setting that stands twice only the last. Postfix would warn, and where its log reader reads the file late, the warnings
# of the others have filled its queue: it then waits for itself, and nobody greets any more.
once() {
    awk '/^[a-z0-9_]+ *=/ { name = $1; sub(/=.*/, "", name); if (!(name in text)) order[++n] = name; text[name] = $0; next }
         /^[ \t]/ { text[name] = text[name] "\n" $0 }
         END { for (i = 1; i <= n; i++) print text[order[i]] }'
}

start() {
    mkdir -p "$1/conf" "$1/spool" "$1/data"
    chmod 755 "$1"
    chown postfix "$1/data"
    main_cf "$1" "$2" "$3" | once >"$1/conf/main.cf"
    master_cf "$1" "$2" >"$1/conf/master.cf"
    # Makes the folders of the queue; complains of everything that differs from a system's own.
    postfix -c "$1/conf" check 2>/dev/null || true
    postfix -c "$1/conf" start >"$1/start" 2>&1 || { cat "$1/start" >&2; exit 1; }
}

[ $# -ge 2 ] || usage
[ -x /usr/sbin/postfix ] || exit 3
[ "$(id -u)" = 0 ] || exit 4
case "$2" in /*) ;; *) echo "postfix.sh: DIR must begin with /" >&2; exit 2 ;; esac
case "$1" in
    start) [ $# -ge 3 ] || usage; start "$2" "$3" "${4:-}" ;;
    flush) exec postqueue -c "$2/conf" -f ;;
    queue) exec postqueue -c "$2/conf" -j ;;
    stop)
        # Not `postfix abort`: it writes a log line first, and waits for ever where Postfix's own log reader is gone.
        master=$(tr -dc 0-9 2>/dev/null <"$2/spool/pid/master.pid" || true)
        [ -n "$master" ] || exit 0
        kill -TERM "$master" 2>/dev/null || exit 0
        sleep 0.2
        kill -KILL -- "-$master" 2>/dev/null || true
        ;;
    *) usage ;;
esac
