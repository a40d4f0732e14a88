"""The page's colours, each for a light and a dark screen; told apart by people who cannot tell red from green."""

from __future__ import annotations

from typing import Final

COLOURS: Final[dict[str, tuple[str, str]]] = {
    "page": ("#fcfcfb", "#13161b"),
    "panel": ("#f3f4f6", "#1c2129"),
    "line": ("#d5d9df", "#343c48"),
    "text": ("#1a1f27", "#e7eaef"),
    "quiet": ("#525b68", "#a6b0bd"),
    "link": ("#0a57a4", "#7cbaff"),
    "good": ("#0a57a4", "#7cbaff"),
    "bad": ("#97400a", "#ffb070"),
    "open": ("#626b78", "#98a2b0"),
    "alert": ("#fdf0d5", "#3a2c10"),
    "alert-text": ("#5f3d00", "#ffdc9a"),
    "full": ("#b9d7f6", "#164673"),
    "full-text": ("#052c55", "#dcecff"),
    "part": ("#e4e5ee", "#313846"),
    "part-text": ("#2a303b", "#e2e6ed"),
    "none": ("#fadfc8", "#4c2b11"),
    "none-text": ("#632a00", "#ffdcbd"),
    "added": ("#e0eefc", "#12304e"),
    "removed": ("#fcebdd", "#3f2612"),
}
"""Name -> its value on a light screen, on a dark one. Blue is better or kept, orange worse or refused."""


def variables() -> str:
    """Write the colours as style rules: the system's choice, unless the reader chose another."""
    light, dark = (";".join(f"--{name}:{pair[at]}" for name, pair in COLOURS.items()) for at in (0, 1))
    return (
        f":root{{color-scheme:light;{light}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{color-scheme:dark;{dark}}}}}\n"
        f"@media screen{{:root[data-theme=dark]{{color-scheme:dark;{dark}}}}}\n"
    )
