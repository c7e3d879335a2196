#!/usr/bin/env bash
# How fast the ledger is: events recorded a second, `check` of a million addresses against a million, `replay` of a million.
#
#   benches/ledger.sh [EVENTS]       1000000 by default; needs about 2 KB of disk an event in $TMPDIR
#
# Runs target/release/undeliverable, or $UNDELIVERABLE. PostgreSQL is measured when it is installed. Reading the mail is part of
# the recording; its share is the first line. On a machine that is busy with other work the processor time is the figure to
# compare: it stands behind the clock, and for PostgreSQL that of its server, too.
set -euo pipefail
N="${1:-1000000}"
HERE=$(cd "$(dirname "$0")/.." && pwd)
PROGRAM="${UNDELIVERABLE:-$HERE/target/release/undeliverable}"
DIR=$(mktemp -d)
chmod 755 "$DIR"
trap '"$HERE/scripts/servers/postgres.sh" stop "$DIR/pg" immediate 2>/dev/null || true; rm -rf "$DIR"' EXIT

# Seconds of processor time that the server's ended children took, as its first process counts them.
server_time() {
    [ -e "$DIR/pg/data/postmaster.pid" ] || { echo 0; return; }
    awk -v hz="$(getconf CLK_TCK)" '{ print ($16 + $17) / hz }' "/proc/$(head -n 1 "$DIR/pg/data/postmaster.pid")/stat"
}

timed() {
    local name="$1" per="$2" before after spent
    shift 2
    before=$(server_time)
    TIMEFORMAT='%R %U %S'
    spent=$( { time "$@" >"$DIR/out" 2>"$DIR/err"; } 2>&1 ) || { echo "$name: failed"; cat "$DIR/err"; exit 1; }
    sleep 0.2
    after=$(server_time)
    echo "$spent $before $after $per $name" | awk '{
        cpu = $2 + $3 + $5 - $4; s = $1; n = $6; $1 = $2 = $3 = $4 = $5 = $6 = ""
        printf "%8.2f s by the clock %9.0f/s   %8.2f s of processor %9.0f/s  %s\n", s, n / s, cpu, n / cpu, $0 }'
}

# Ten recipients a report, of several sorts, over two years and five hundred domains.
awk -v n="$N" 'BEGIN {
    split("550 5.1.1 user unknown|452 4.2.2 mailbox full|552 5.2.2 mailbox full|554 5.7.1 blocked by policy|451 4.3.0 try again later", reply, "|")
    split("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec", month, " ")
    for (i = 0; i < n / 10; i++) {
        d = int(i * 7200 / n)
        date = (d % 28 + 1) " " month[int(d / 28) % 12 + 1] " " (2024 + int(d / 336) % 2) " " (i % 24) ":00:00 +0000"
        printf "From x Mon Jan  5 10:00:00 2026\nFrom: MAILER-DAEMON@mx.example.org\nTo: n@example.org\nSubject: Undelivered\nDate: %s\nMessage-ID: <%d@b>\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nFailed.\n\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.org\n\n", date, i
        for (k = 0; k < 10; k++) {
            u = (i * 10 + k) % int(n / 2 + 1)
            r = reply[k % 5 + 1]; split(r, w, " ")
            printf "Final-Recipient: rfc822; u%d@d%d.example\nAction: failed\nStatus: %s\nDiagnostic-Code: smtp; %s\n\n", u, u % 500, w[2], r
        }
        printf "--b\nContent-Type: text/rfc822-headers\n\nFrom: n@example.org\nMessage-ID: <c%d@example.org>\n\n--b--\n\n", i % 50
    }
}' >"$DIR/box.mbox"
awk -v n="$N" 'BEGIN { print "email"; for (i = 0; i < n; i++) printf "s%d@d%d.example\n", i, i % 500 }' >"$DIR/list.csv"
awk -v n="$N" 'BEGIN { for (i = 0; i < n; i++) printf "s%d@d%d.example\n", i * 2, (i * 2) % 500 }' >"$DIR/ask.txt"

timed "read the mail without a ledger" "$N" "$PROGRAM" scan --summary "$DIR/box.mbox"
timed "record, SQLite" "$N" "$PROGRAM" scan --record --summary --db "$DIR/a.sqlite" "$DIR/box.mbox"
timed "record again, all known, SQLite" "$N" "$PROGRAM" scan --record --summary --db "$DIR/a.sqlite" "$DIR/box.mbox"
timed "replay, SQLite" "$N" "$PROGRAM" replay --policy cold --format jsonl --db "$DIR/a.sqlite"
timed "report, SQLite" "$N" "$PROGRAM" report --format html --db "$DIR/a.sqlite"
timed "import a list, SQLite" "$N" "$PROGRAM" suppressions import --db "$DIR/b.sqlite" "$DIR/list.csv"
timed "check, SQLite" "$N" sh -c "'$PROGRAM' suppressions check --only mailable --db '$DIR/b.sqlite' <'$DIR/ask.txt'"
PORT=$((20000 + $$ % 20000))
if "$HERE/scripts/servers/postgres.sh" start "$DIR/pg" "$PORT" 2>/dev/null; then
    URL="postgres://test@127.0.0.1:$PORT/postgres"
    timed "record, PostgreSQL" "$N" "$PROGRAM" scan --record --summary --db "$URL" "$DIR/box.mbox"
    timed "replay, PostgreSQL" "$N" "$PROGRAM" replay --policy cold --format jsonl --db "$URL"
else
    echo "PostgreSQL is not installed: not measured"
fi
