"""From what a server sends to the text of a PAC file, and whether it is one at all."""

from __future__ import annotations

import codecs
import re
import zlib
from typing import Final

from pacaware._models import redact_url
from pacaware.errors import PacFetchError

__all__ = ["check", "decode", "unpack"]

_ENTRY: Final = "FindProxyForURL"
_BOMS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
# Names that browsers know (WHATWG Encoding, section 4.2) and Python does not, or takes too narrowly.
_ALIASES: Final = {
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "windows-31j": "cp932",
}
_GZIP: Final = zlib.MAX_WBITS | 16
_GZIP_MAGIC: Final = b"\x1f\x8b"
_CHARSET: Final = re.compile(r"""charset\s*=\s*["']?([^\s"';]+)""", re.IGNORECASE)


def unpack(body: bytes, encoding: str, limit: int) -> bytes:
    """Undo a Content-Encoding (RFC 9110, section 8.4.1), stopping soon after ``limit`` bytes.

    Raises ValueError for what breaks off, is broken, or is packed in a way that nobody asked for.
    """
    for coding in reversed([word.strip().lower() for word in encoding.split(",")]):
        if coding in ("gzip", "x-gzip"):
            body = _inflate(body, _GZIP, limit)
        elif coding == "deflate":
            try:
                body = _inflate(body, zlib.MAX_WBITS, limit)
            except ValueError:  # what many servers send instead
                body = _inflate(body, -zlib.MAX_WBITS, limit)
        elif coding not in ("", "identity"):
            raise ValueError(f"it is packed as {coding[:40]}, which was not asked for")
    return body


def _inflate(body: bytes, bits: int, limit: int) -> bytes:
    unpacked = bytearray()
    while body:
        inflater = zlib.decompressobj(bits)
        try:
            unpacked += inflater.decompress(body, limit + 1 - len(unpacked))
        except zlib.error as exc:
            raise ValueError(f"it cannot be unpacked: {exc}") from exc
        if len(unpacked) > limit:
            break
        if not inflater.eof:
            raise ValueError("it breaks off")
        # A gzip file may have several parts; what else follows is padding.
        body = inflater.unused_data if bits == _GZIP and inflater.unused_data.startswith(_GZIP_MAGIC) else b""
    return bytes(unpacked)


def decode(body: bytes, content_type: str) -> tuple[str, list[str]]:
    """Decode by the charset of the header, the byte order mark, UTF-8, else Latin-1."""
    notes: list[str] = []
    bom, marked = next(((bom, name) for bom, name in _BOMS if body.startswith(bom)), (b"", None))
    charset = _CHARSET.search(content_type)
    if charset:
        try:
            name = codecs.lookup(_ALIASES.get(charset[1].lower(), charset[1])).name
            if name == marked or name == "utf-16":
                body = body.removeprefix(bom)
            return body.decode(marked if name == "utf-16" and marked else name, "replace"), notes
        except (LookupError, ValueError):
            notes.append(f"the PAC file names an unknown charset, {charset[1][:40]!r}, which is ignored")
    if marked:
        return body[len(bom) :].decode(marked, "replace"), notes
    try:
        return body.decode("utf-8"), notes
    except UnicodeDecodeError:
        return body.decode("latin-1"), notes


def check(url: str, text: str) -> None:
    """Raise PacFetchError, saying what came instead, unless the text names the entry point."""
    if _ENTRY in text:
        return
    shown = redact_url(url)
    if text.lstrip().startswith("<"):
        raise PacFetchError(
            f"the PAC file {shown} was not obtained: an HTML page came instead, as from the logon page of a network "
            "(captive portal); open a page in a browser and log on, then try again",
            "page",
        )
    if not text.strip():
        raise PacFetchError(f"the PAC file {shown} is empty", "not-pac")
    raise PacFetchError(f"what {shown} sends is not a PAC file: it does not contain {_ENTRY}", "not-pac")
