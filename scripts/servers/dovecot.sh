#!/bin/sh
# A throw-away Dovecot on loopback, for tests: IMAP and POP3, each in plain text (with STARTTLS) and over TLS.
#
#   dovecot.sh start DIR IMAP IMAPS POP3 POP3S   starts it; the four are ports. A DIR that was used before keeps its mail
#   dovecot.sh stop DIR                          ends it in order (about two seconds) and waits for that
#   dovecot.sh kill DIR                          ends it at once, as a power cut does
#
# In DIR afterwards:
#   passwd          the users, a line each: NAME:{PLAIN}PASSWORD. Read at each sign-in; begins with bounce:{PLAIN}secret
#   ca.pem          the authority that signed the server's certificate (localhost, 127.0.0.1)
#   oauth.key       the HS256 secret with which tokens for XOAUTH2 and OAUTHBEARER are signed; `sub` names the user
#   extra.conf      settings that are read last, where a test writes some before the start
#   mail/NAME       the Maildir of a user; its folders are Maildirs in it: .Junk, .A.B
#   log             what Dovecot says
#
# Exit 3: Dovecot is not installed (Debian: apt-get install dovecot-imapd dovecot-pop3d).
set -eu
PATH="$PATH:/usr/sbin"

usage() {
    echo "usage: dovecot.sh start DIR IMAP IMAPS POP3 POP3S | stop DIR | kill DIR" >&2
    exit 2
}

installed() {
    command -v dovecot >/dev/null 2>&1 && [ -x /usr/lib/dovecot/imap ] && [ -x /usr/lib/dovecot/pop3 ] && command -v openssl >/dev/null 2>&1
}

# Clients of OpenSSL would take a bare self-signed certificate; those of rustls want an authority and an end apart.
certificate() {
    key="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30"
    # shellcheck disable=SC2086
    openssl req -x509 $key -subj "/CN=Authority of the tests" -keyout "$1/ca.key" -out "$1/ca.pem" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign 2>/dev/null
    # shellcheck disable=SC2086
    openssl req -x509 -CA "$1/ca.pem" -CAkey "$1/ca.key" $key -subj /CN=localhost -keyout "$1/key.pem" -out "$1/cert.pem" \
        -addext basicConstraints=critical,CA:FALSE -addext extendedKeyUsage=serverAuth \
        -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null
}

furnish() {
    rm -rf "$1/base"
    mkdir -p "$1/base" "$1/state" "$1/mail" "$1/home" "$1/keys/default/HS256"
    [ -e "$1/cert.pem" ] || certificate "$1"
    [ -e "$1/passwd" ] || printf 'bounce:{PLAIN}secret\n' >"$1/passwd"
    [ -e "$1/oauth.key" ] || openssl rand -hex 32 | tr -d '\n' >"$1/oauth.key"
    openssl base64 -A -in "$1/oauth.key" >"$1/keys/default/HS256/default"
    cat >"$1/oauth.conf" <<X
introspection_mode = local
local_validation_key_dict = fs:posix:prefix=$1/keys/
username_attribute = sub
X
}

# DIR USER GROUP IMAP IMAPS POP3 POP3S
configure() {
    cat >"$1/dovecot.conf" <<X
base_dir = $1/base
state_dir = $1/state
log_path = $1/log
protocols = imap pop3
listen = 127.0.0.1

# One ordinary user does everything, so that it also works without root.
default_internal_user = $2
default_internal_group = $3
default_login_user = $2
first_valid_uid = 1
last_valid_uid = 0
first_valid_gid = 1
mail_uid = $2
mail_gid = $3
mail_location = maildir:$1/mail/%u

ssl = yes
ssl_cert = <$1/cert.pem
ssl_key = <$1/key.pem
disable_plaintext_auth = no

# A test signs in often and fails on purpose: no limits, no delays, no waiting for the disk.
mail_max_userip_connections = 10000
auth_failure_delay = 0
mail_fsync = never

auth_mechanisms = plain login scram-sha-256 xoauth2 oauthbearer
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = $1/oauth.conf
}
passdb {
  driver = passwd-file
  mechanisms = plain login scram-sha-256
  args = $1/passwd
}
userdb {
  driver = static
  args = uid=$2 gid=$3 home=$1/home/%u
}

service imap-login {
  chroot =
  service_count = 0
  inet_listener imap {
    port = $4
  }
  inet_listener imaps {
    port = $5
    ssl = yes
  }
}
service pop3-login {
  chroot =
  service_count = 0
  inet_listener pop3 {
    port = $6
  }
  inet_listener pop3s {
    port = $7
    ssl = yes
  }
}
service imap {
  process_limit = 1024
}
service anvil {
  chroot =
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
namespace inbox {
  inbox = yes
  separator = /
}
!include_try $1/extra.conf
X
}

start() {
    if [ "$(id -u)" = 0 ]; then user=nobody; else user=$(id -un); fi
    group=$(id -gn "$user")
    furnish "$1"
    configure "$1" "$user" "$group" "$2" "$3" "$4" "$5"
    # The user must find the way down to the folder: a fresh temporary one is closed.
    chmod 755 "$1"
    if [ "$(id -u)" = 0 ]; then chown -R "$user:$group" "$1"; fi
    dovecot -c "$1/dovecot.conf" || { [ ! -e "$1/log" ] || tail -n 5 "$1/log" >&2; exit 1; }
    tries=0
    until [ -s "$1/base/master.pid" ]; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || { cat "$1/log" >&2; exit 1; }
        sleep 0.05
    done
}

# Whether this process is our server: the file of a killed one stays, and its number may be somebody else's by now.
runs() {
    grep -qz "^$1/dovecot.conf\$" "/proc/$2/cmdline" 2>/dev/null
}

# DIR SIGNAL: signals the master, waits for the end of all.
end() {
    pid=$(cat "$1/base/master.pid" 2>/dev/null) || return 0
    runs "$1" "$pid" || return 0
    children=
    if [ "$2" = KILL ]; then
        # Held first, so that it starts none while its children are ended.
        kill -STOP "$pid" 2>/dev/null || return 0
        until grep -q '^State:.[TZ]' "/proc/$pid/status" 2>/dev/null || ! runs "$1" "$pid"; do sleep 0.01; done
        children=$(cat "/proc/$pid/task/$pid/children" 2>/dev/null || true)
        for child in $children; do kill -KILL "$child" 2>/dev/null || true; done
    fi
    kill "-$2" "$pid" 2>/dev/null || return 0
    tries=0
    # One that is dying holds the ports still.
    while live "$pid" $children; do
        tries=$((tries + 1))
        [ $tries -lt 200 ] || { echo "dovecot.sh: process $pid does not end" >&2; exit 1; }
        sleep 0.05
    done
    rm -f "$1/base/master.pid"
}

# PID...: whether one of them lives.
live() {
    for process in "$@"; do
        if grep -q '^State:.[^XZ]' "/proc/$process/status" 2>/dev/null; then return 0; fi
    done
    return 1
}

installed || exit 3
[ $# -ge 2 ] || usage
case "$2" in /*) ;; *) echo "dovecot.sh: DIR must begin with /" >&2; exit 2 ;; esac
case "$1" in
    start) [ $# = 6 ] || usage; start "$2" "$3" "$4" "$5" "$6" ;;
    stop) end "$2" TERM ;;
    kill) end "$2" KILL ;;
    *) usage ;;
esac
