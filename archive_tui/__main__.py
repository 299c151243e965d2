"""`python -m archive_tui` is the console script."""

from archive_tui.cli import main

if __name__ == "__main__":
    main()
