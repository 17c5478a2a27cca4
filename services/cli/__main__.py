"""`python -m services.cli`: the command line where its script is not on the path."""

from services.cli.main import run

run()
