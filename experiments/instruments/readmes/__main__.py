"""`python -m experiments.instruments.readmes [FILE ...]`: renew the tables of all READMEs, or of these files."""

import sys
from pathlib import Path

from .tables import READMES, renew

for file in map(Path, sys.argv[1:] or READMES):
    file.write_text(renew(file.read_text("utf-8")), "utf-8")
