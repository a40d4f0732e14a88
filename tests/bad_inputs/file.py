"""What is wrong with the run file or the prices as files."""

from __future__ import annotations

from .bad import Bad, folder_at, hold, link_at, lose, swap

ROWS = [
    Bad("no run file", ("no run file 'night.yaml'", "configs/"), lose("night.yaml"), code=3),
    Bad("a folder for a run file", ("night.yaml: is a folder",), folder_at("night.yaml")),
    Bad("an empty run file", ("night.yaml:1:1", "mapping of keys", "configs/quickstart.yaml"), hold("night.yaml", "")),
    Bad("a picture for a run file", ("night.yaml:1: not UTF-8 text",), hold("night.yaml", b"\x89PNG\r\n\x1a\n\0\0")),
    Bad(
        "a run file in Latin 1",
        ("night.yaml:3: not UTF-8 text",),
        hold("night.yaml", "a: 1\nb: 2\nc: \xe9\n".encode("latin-1")),
    ),
    Bad("a control character", ("night.yaml:1", "not valid YAML"), hold("night.yaml", b"suite: \x07\n")),
    Bad("a huge run file", ("1,000,000 bytes are too many",), hold("night.yaml", b"#" * 1_000_000)),
    Bad("a device for a run file", ("/dev/zero: is not a plain file",), words=("run", "/dev/zero")),
    Bad("a link to itself", ("night.yaml: cannot be read",), link_at("night.yaml", "night.yaml")),
    Bad("a folder for prices", ("prices.yaml: cannot be read",), folder_at("prices.yaml")),
    Bad(
        "prices in words",
        ("prices.yaml:4:34", "`models.simulated.0.input`", "'cheap'"),
        swap("input: 1", "input: cheap", "prices.yaml"),
    ),
    Bad(
        "prices with a mistyped key",
        ("prices.yaml:4:37", "did you mean `output`"),
        swap("output:", "outptu:", "prices.yaml"),
    ),
    Bad("prices that are no YAML", ("prices.yaml:", "not valid YAML"), hold("prices.yaml", "models: [")),
]
