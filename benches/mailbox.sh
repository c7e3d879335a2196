#!/usr/bin/env bash
# How fast a mailbox is worked through, beside a client that only fetches the same bytes over the same TLS.
#
#   benches/mailbox.sh [MESSAGES]        20000 by default
#
# Starts a Dovecot of its own (scripts/install-servers installs one), fills an INBOX with the samples in corpus/, again and again, and measures:
# openssl, which sends one FETCH for all and throws the answer away, then one MOVE for all; a dry run, which fetches and
# judges; a run that also stores and moves. Runs target/release/undeliverable, or $UNDELIVERABLE. On a busy machine the processor time is the figure
# to compare.
set -euo pipefail
N="${1:-20000}"
HERE=$(cd "$(dirname "$0")/.." && pwd)
PROGRAM="${UNDELIVERABLE:-$HERE/target/release/undeliverable}"
DIR=$(mktemp -d)
trap '"$HERE/scripts/servers/dovecot.sh" kill "$DIR/imap" 2>/dev/null || true; rm -rf "$DIR"' EXIT
chmod 755 "$DIR"
mkdir "$DIR/imap"
read -r A B C D < <(python3 - <<'X'
import socket
s = [socket.socket() for _ in range(4)]
for x in s: x.bind(("127.0.0.1", 0))
print(*[x.getsockname()[1] for x in s])
X
)
"$HERE/scripts/servers/dovecot.sh" start "$DIR/imap" "$A" "$B" "$C" "$D"

fill() {
    local inbox="$DIR/imap/mail/bounce"
    rm -rf "$inbox"
    mkdir -p "$inbox/cur" "$inbox/new" "$inbox/tmp"
    find "$HERE/corpus" -name '*.eml' -size -20k | sort | python3 -c '
import sys, os
texts = [open(line.strip(), "rb").read() for line in sys.stdin]
folder, n = sys.argv[1], int(sys.argv[2])
for i in range(n):
    # Each copy is a mail of its own.
    with open(f"{folder}/new/{1700000000 + i}.M1P1.bench", "wb") as f:
        f.write(b"X-Copy: %d\n" % i + texts[i % len(texts)])
' "$inbox" "$N"
    chown -R --reference="$DIR/imap/mail" "$inbox"
    # The server reads a folder that is new to it once: that is not what is measured.
    printf 'a LOGIN bounce secret\r\nb SELECT INBOX\r\nc FETCH 1:* (RFC822.SIZE)\r\nd LOGOUT\r\n' | bare >/dev/null
}

bare() { (cat; sleep "${WAIT:-0}") | openssl s_client -quiet -ign_eof -connect "127.0.0.1:$B" -CAfile "$DIR/imap/ca.pem" 2>/dev/null; }

timed() {
    local name="$1" spent
    shift
    TIMEFORMAT='%R %U %S'
    spent=$( { time "$@" >"$DIR/out" 2>"$DIR/err"; } 2>&1 ) || { echo "$name: failed"; cat "$DIR/err"; exit 1; }
    echo "$spent $N $name" | awk '{ s = $1; cpu = $2 + $3; n = $4; $1 = $2 = $3 = $4 = ""
        printf "%8.2f s by the clock %8.0f/s   %8.2f s of our processor %8.0f/s  %s\n", s, n / s, cpu, n / cpu, $0 }'
}

move_all() {
    printf 'a LOGIN bounce secret\r\nb CREATE Bounces\r\nc SELECT INBOX\r\nd UID MOVE 1:* Bounces\r\ne LOGOUT\r\n' | bare
}

fetch_all() {
    printf 'a LOGIN bounce secret\r\nb SELECT INBOX\r\nc UID FETCH 1:* (UID BODY.PEEK[])\r\nd LOGOUT\r\n' | bare
}

mailbox() {
    echo secret >"$DIR/password"
    "$PROGRAM" mailbox --host localhost --port "$B" --ca-file "$DIR/imap/ca.pem" --user bounce --password-file "$DIR/password" \
        --log-level warn --once "$@"
}

fill
timed "only fetch (openssl)" fetch_all
[ "$(wc -c <"$DIR/out")" -gt $((N * 500)) ] || { echo "the fetch did not bring the mail"; tail -3 "$DIR/out"; exit 1; }
timed "only move (openssl)" move_all
grep -q '^d OK' "$DIR/out" || { echo "the move failed"; cat "$DIR/out"; exit 1; }
fill
timed "fetch and judge (--dry-run)" mailbox --dry-run --format jsonl
timed "fetch, judge, store and move" mailbox --db "$DIR/a.sqlite"
fill
timed "the same again, all known" mailbox --db "$DIR/a.sqlite"
