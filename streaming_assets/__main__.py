"""`python -m streaming_assets`: the command line."""

from streaming_assets.cli import main

main()
