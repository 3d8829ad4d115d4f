"""Numbers, times and days as the page writes them."""

from __future__ import annotations

from datetime import date

import pandas as pd


def count(number: float | None) -> str:
    return "–" if number is None or pd.isna(number) else f"{number:,.0f}"


def amount(number: float | None) -> str:
    """Credits or minutes, which can be parts of one."""
    return "–" if number is None else f"{round(number, 1) + 0.0:,.1f}".removesuffix(".0")


def signed(number: float) -> str:
    sign = "+" if number > 0 else "−"
    return amount(0) if round(number, 1) == 0 else sign + amount(abs(number))


def plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def score(number: float | None) -> str:
    return "–" if number is None else f"{number:.1f}"


def share(number: float | None) -> str:
    if number is None:
        return "–"
    return "under 1%" if 0 < number < 0.005 else f"{number:.0%}"


def age(waiting: pd.Timedelta) -> str:
    if pd.isna(waiting):
        return "–"
    minutes = max(0, int(waiting.total_seconds() // 60))
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} days"


def day(of: date) -> str:
    return f"{of.day} {of:%B %Y}"
