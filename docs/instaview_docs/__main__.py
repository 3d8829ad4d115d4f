"""`python -m instaview_docs`: writes all generated files."""

from __future__ import annotations

from .files import generated


def main() -> None:
    """Writes what is not current, and names it."""
    for path, text in generated().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"written: {path.name}")


if __name__ == "__main__":
    main()
