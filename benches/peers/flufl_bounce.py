"""Scans every file of a folder with flufl.bounce and prints the addresses."""

import email
import pathlib
import sys

from flufl.bounce import all_failures

for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    try:
        temporary, permanent = all_failures(email.message_from_bytes(path.read_bytes()))
    except Exception as error:  # It stops at some broken mail; the others are to be measured.
        print(path.name, repr(error))
        continue
    print(path.name, sorted(temporary), sorted(permanent))
