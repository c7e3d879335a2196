#!/bin/sh
# The whole `scan` with JSON output beside a bare read of the same files, in turns, on one core and on all.
# usage: benches/scan.sh [PROGRAM [FOLDER]]      default: target/release/undeliverable, 20,000 copies of corpus/
set -eu
program=${1:-${CARGO_TARGET_DIR:-target}/release/undeliverable}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
folder=${2:-$work/mail/new}
if [ $# -lt 2 ]; then
    mkdir -p "$work/mail/cur" "$work/mail/tmp" "$folder"
    find "$(dirname "$0")/../corpus" -name '*.eml' | sort >"$work/names"
    number=0
    while [ $number -lt 20000 ]; do
        while read -r name; do
            number=$((number + 1))
            [ $number -gt 20000 ] && break
            ln "$name" "$folder/$number" 2>/dev/null || cp "$name" "$folder/$number"
        done <"$work/names"
    done
fi
exec python3 - "$program" "$folder" <<'PYTHON'
import os, resource, subprocess, sys, time
program, folder = sys.argv[1:]
names = [os.path.join(d, f) for d, _, fs in os.walk(folder) for f in fs]
size = sum(os.path.getsize(n) for n in names)

def read():
    subprocess.run(["xargs", "-0", "cat"], input="\0".join(names).encode(), stdout=subprocess.DEVNULL, check=True)

def scan(cores):
    # The exit status tells of files that could not be read; there are none.
    command = ["taskset", "-c", ",".join(map(str, range(cores))), program, "scan", folder]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)

cores = len(os.sched_getaffinity(0))
rivals = {"bare read (cat)": read, "scan, one core": lambda: scan(1)}
if cores > 1:
    rivals[f"scan, {cores} cores"] = lambda: scan(cores)
best = dict.fromkeys(rivals, float("inf"))
for _ in range(5):
    for name, run in rivals.items():
        start = time.perf_counter()
        run()
        best[name] = min(best[name], time.perf_counter() - start)
print(f"{len(names)} messages, {size} bytes, warm, best of 5 runs in turns")
for name, seconds in best.items():
    print(f"  {name:16} {seconds:7.3f} s {len(names) / seconds:9.0f} messages/s")
print("peak memory of a child:", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024, "MiB")
print(f"scan / bare read: {best['scan, one core'] / best['bare read (cat)']:.2f}")
PYTHON
