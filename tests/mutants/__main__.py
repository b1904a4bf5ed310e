"""`python -m tests.mutants [word ...]`: all mutants, or those whose description holds one of the words."""

import sys

from tests.mutants import main

sys.exit(main(sys.argv[1:]))
