"""The command line."""


def main() -> None:
    """Run the console script."""
    raise SystemExit(2)
