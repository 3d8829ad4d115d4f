"""`python -m instaview` is the command `instaview`."""

from .leaving import leave_on_signals


def main() -> None:
    """Runs the command. Importing it takes a moment, in which a signal may come."""
    leave_on_signals()
    from .cli import main as run

    run()


if __name__ == "__main__":
    main()
