"""Writes the files of a checkpoint: the same bytes whenever it runs."""

import json
import struct
from pathlib import Path


def bf16(value: float) -> bytes:
    """The two bytes of a number that bf16 holds exactly; any other number is an error."""
    word = struct.pack("<f", value)
    if struct.unpack("<f", word)[0] != value or word[:2] != b"\0\0":
        raise ValueError(f"{value} is not exact in bf16")
    return word[2:]


def safetensors(tensors: dict[str, list]) -> bytes:
    """A safetensors file of bf16 matrices and vectors."""
    header, body = {"__metadata__": {"format": "pt"}}, bytearray()
    known: dict[float, bytes] = {}
    for name, rows in sorted(tensors.items()):
        matrix = isinstance(rows[0], list)
        shape = [len(rows), len(rows[0])] if matrix else [len(rows)]
        start = len(body)
        for row in rows if matrix else [rows]:
            for value in row:
                if value not in known:
                    known[value] = bf16(value)
                body += known[value]
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [start, len(body)]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + bytes(body)


def readable(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"


class Shelf:
    """Files to be written, or compared with what is there."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.files: dict[str, bytes] = {}

    def put(self, name: str, content: str | bytes) -> None:
        self.files[name] = content.encode() if isinstance(content, str) else content

    def write(self) -> None:
        for name, content in self.files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def differing(self) -> list[str]:
        """Names of files that are absent or hold other bytes."""
        paths = {name: self.folder / name for name in self.files}
        return [name for name, path in paths.items() if not path.is_file() or path.read_bytes() != self.files[name]]
