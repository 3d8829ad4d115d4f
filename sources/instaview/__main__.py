"""`python -m instaview` is the command `instaview`."""

from .cli import main

main()
