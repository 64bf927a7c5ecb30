"""What the process of a PAC file reports about one run, checked as if it came from a stranger.

A script that broke out of its engine could send anything: what is not exactly of this shape is refused.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pacaware.errors import PacEngineError, PacScriptError

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["Reply", "read_reply"]

_MAX_KEYS: Final = 100
_MAX_NAME: Final = 1024
_MAX_TEXT: Final = 65_536
_MAX_CALLS: Final = 1 << 53  # as far as JavaScript counts
_FLAGS: Final = ("clock", "random", "too_many")
# Whose calls are counted; alerts are told one by one.
_HELPERS: Final = frozenset(
    {
        *("getClientVersion", "dnsResolve", "dnsResolveEx", "myIpAddress", "myIpAddressEx", "isResolvable"),
        *("isResolvableEx", "isPlainHostName", "dnsDomainIs", "dnsDomainLevels", "localHostOrDomainIs"),
        *("isValidIpAddress", "convert_addr", "isInNet", "isInNetEx", "sortIpAddressList", "shExpMatch"),
        *("weekdayRange", "dateRange", "timeRange"),
    }
)
_FRAME: Final = re.compile(r"\s*at (?:(?P<name>.*?) \()?(?:<input>|PAC script|<eval>|<evalScript>):(\d+)(?::(\d+))?\)?")
# Frames of the prelude carry the same file name in quickjs-ng; its functions are known by name.
_PRELUDE: Final = re.compile(
    r"askByName|addressOf|addressesOf|compile|setFields|lookup|now|note|alert|log|find|finishLoad|entry|lend|takeBack"
    r"|pacawareDispatch|pacDate|Date|" + "|".join(_HELPERS)
)


# The reply of nearly every run, read without parsing: a plain text, nothing looked up, nothing else used but helpers.
_PLAIN: Final = re.compile(
    rb'\{"text":"([ !#-\[\]-~]{0,65536})","missing":\[\],"used":\[\],"alerts":\[\],'
    rb'"clock":false,"random":false,"too_many":false(?:,"calls":(\{[^{}]{1,1024}\}))?\}'
)


class Reply(NamedTuple):
    """A run that ended by itself: an answer, the reason there is none, and what it used.

    Lookups are keyed ``"4 name"`` (dnsResolve), ``"a name"`` (dnsResolveEx), ``"m"`` and ``"M"`` (myIpAddress, -Ex).
    ``calls`` are the helpers it called, and how often.
    """

    text: str | None
    error: PacScriptError | None
    out_of_memory: bool
    missing: tuple[str, ...]
    used: tuple[str, ...]
    alerts: tuple[str, ...]
    uses_clock: bool
    uses_random: bool
    too_many: bool
    calls: tuple[tuple[str, int], ...] = ()


def read_reply(data: bytes, given: Collection[str]) -> Reply:
    """Read a reply to a request that carried answers for the keys ``given``.

    Raises PacEngineError for one that no prelude of ours writes.
    """
    plain = _PLAIN.fullmatch(data)
    if plain is not None:
        calls = () if plain[2] is None else _plain_calls(plain[2])
        return Reply(plain[1].decode("ascii"), None, False, (), (), (), False, False, False, calls)
    record = _parse(data)
    if record == {"memory": True}:
        return Reply(None, None, True, (), (), (), False, False, False)
    if isinstance(record, dict) and isinstance(record.get("failed"), str):
        raise PacEngineError(f"the JavaScript engine failed: {_clean(record['failed'])[:300]}")
    if not isinstance(record, dict) or not all(isinstance(record.get(flag), bool) for flag in _FLAGS):
        raise _malformed()
    missing, used, alerts = (_strings(record.get(name)) for name in ("missing", "used", "alerts"))
    if not all(_is_key(key) for key in missing) or not set(used) <= set(given) or set(missing) & set(given):
        raise _malformed()
    text, error = _outcome(record)
    return Reply(
        text,
        error,
        record.get("memory") is True,
        missing,
        used,
        tuple(_clean(alert) for alert in alerts),
        record["clock"],
        record["random"],
        record["too_many"],
        _calls(record["calls"]) if "calls" in record else (),
    )


def _parse(data: bytes) -> Any:
    try:
        return json.loads(data.decode())
    except (ValueError, RecursionError) as exc:
        raise PacEngineError("the process of the PAC file sent a reply that is not JSON") from exc


def _outcome(record: dict[str, Any]) -> tuple[str | None, PacScriptError | None]:
    kinds = [kind for kind in ("text", "type", "length", "error", "loaded") if kind in record]
    value = record[kinds[0]] if len(kinds) == 1 else None
    match kinds, value:
        case ["text"], str(text) if len(text) <= _MAX_TEXT:
            if not text.isascii() or "\0" in text:
                return None, PacScriptError(
                    f"FindProxyForURL() answered {_clean(text)[:200]!r}, which is not plain ASCII", reason="answer"
                )
            return text, None
        case ["type"], str(kind):
            return None, PacScriptError(
                f"FindProxyForURL() did not return a string, but {_with_article(kind)}", reason="answer"
            )
        case ["length"], int(length):
            return None, PacScriptError(f"FindProxyForURL() returned a string of {length} characters", reason="answer")
        case ["error"], str(message):
            reason = "syntax" if message.startswith("SyntaxError") else "throws"
            return None, PacScriptError(_clean(message), *_place(record.get("stack")), reason=reason)
        case ["loaded"], True:
            return None, None
    raise _malformed()


def _with_article(kind: str) -> str:
    known = {"number": "a number", "boolean": "a boolean", "object": "an object", "function": "a function"}
    if kind == "Promise":
        return "a Promise (it must not be async)"
    return known.get(kind, _clean(kind)[:40])


def _place(stack: Any) -> tuple[int | None, int | None]:
    """Return the line and column of the innermost frame that is in the PAC file."""
    for frame in stack.split("\n")[:100] if isinstance(stack, str) else ():
        match = _FRAME.fullmatch(frame)
        if match and not (match["name"] and _PRELUDE.fullmatch(match["name"])):
            line, column = int(match[2][:9]), int(match[3][:9]) if match[3] else None
            return line, column
    return None, None


def _strings(value: Any) -> tuple[str, ...]:
    if value == []:
        return ()
    if not isinstance(value, list) or len(value) > _MAX_KEYS or not all(isinstance(item, str) for item in value):
        raise _malformed()
    return tuple(value)


def _calls(value: Any) -> tuple[tuple[str, int], ...]:
    if not isinstance(value, dict) or not value or not _HELPERS.issuperset(value):
        raise _malformed()
    if not all(type(count) is int and 0 < count <= _MAX_CALLS for count in value.values()):
        raise _malformed()
    return tuple(value.items())


@lru_cache(maxsize=256)
def _plain_calls(data: bytes) -> tuple[tuple[str, int], ...]:
    """Read the counts, which are the same for most URLs, only once."""
    return _calls(_parse(data))


def _is_key(key: str) -> bool:
    return key in ("m", "M") or (key[:2] in ("4 ", "a ") and 2 < len(key) <= _MAX_NAME + 2)


def _clean(text: str) -> str:
    """Make text of a script fit to be shown: no lone surrogates, no control characters."""
    text = text.encode("utf-8", "replace").decode()
    return "".join(character if character.isprintable() or character == "\n" else "?" for character in text)


def _malformed() -> PacEngineError:
    return PacEngineError("the process of the PAC file sent a malformed reply")
