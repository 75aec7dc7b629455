"""`python -m app.cli`: the `openbook` script where it is not installed."""

from app.cli.main import main

main()
