"""Which setting of one source applies, and what follows when a PAC file makes trouble.

The order is Internet Explorer's (jpdsi LAN settings article, section 3): automatic detection, PAC URL, manual proxy,
direct. The next setting is taken only when no script was *obtained*; a script that was obtained is all there is.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Final, NamedTuple, assert_never

from pacaware._core.bypass import IMPLICIT
from pacaware._models import DIRECT, ProxyConfig, ProxyList

if TYPE_CHECKING:
    from pacaware._core.bypass import BypassRules
    from pacaware._core.proxy_rules import ProxyRules
    from pacaware._core.target import Target

__all__ = [
    "ManualChoice",
    "Next",
    "Setting",
    "Trouble",
    "after_trouble",
    "is_strict",
    "manual_candidates",
    "settings_in_order",
]

# Settings that somebody made for this program or this shell; a desktop's are a best effort, as its browser's are.
_STRICT_ORIGINS: Final = frozenset({"code", "environment"})


class Setting(Enum):
    """One line of the settings dialog, in the order it is tried."""

    AUTO_DETECT = auto()
    PAC_URL = auto()
    MANUAL = auto()
    DIRECT = auto()


class Trouble(Enum):
    """What can go wrong with a PAC file."""

    #: Not set, not found, not downloaded, or it does not parse.
    NOT_OBTAINED = auto()
    #: It threw, did not return a string, or nothing in the string is usable.
    UNUSABLE_ANSWER = auto()
    #: Time limit, memory cap, crash, too many rounds of look-ups, quarantine, no engine.
    FATAL = auto()


class Next(Enum):
    """What follows."""

    NEXT_SETTING = auto()
    DIRECT = auto()
    RAISE = auto()


def settings_in_order(config: ProxyConfig) -> tuple[Setting, ...]:
    """Return the settings of one source that are switched on, in the order they are tried; DIRECT is always last."""
    switched_on = (
        (Setting.AUTO_DETECT, config.auto_detect),
        # Windows leaves a single blank where an address was cleared.
        (Setting.PAC_URL, bool(config.pac_url and config.pac_url.strip())),
        (Setting.MANUAL, bool(config.proxy_server and config.proxy_server.strip())),
        (Setting.DIRECT, True),
    )
    return tuple(setting for setting, on in switched_on if on)


def is_strict(config: ProxyConfig) -> bool:
    """Whether trouble with the PAC file is an error rather than a reason to go direct."""
    return config.origin in _STRICT_ORIGINS if config.pac_mandatory is None else config.pac_mandatory


def after_trouble(trouble: Trouble, setting: Setting, config: ProxyConfig) -> Next:
    """Return what follows when the script of ``setting`` made trouble.

    Strict settings never end in a DIRECT that nobody asked for: the next *configured* setting is taken, or an error.
    """
    match trouble:
        case Trouble.NOT_OBTAINED:
            order = settings_in_order(config)
            if order[order.index(setting) + 1] is not Setting.DIRECT:
                return Next.NEXT_SETTING
            return Next.RAISE if is_strict(config) else Next.DIRECT
        case Trouble.UNUSABLE_ANSWER:
            return Next.RAISE if is_strict(config) else Next.DIRECT
        case Trouble.FATAL:
            return Next.RAISE
        case _:
            assert_never(trouble)


class ManualChoice(NamedTuple):
    """The answer of a manual setting: the list, where it came from, and the bypass rule that decided, if one did.

    ``source`` is a Decision's: manual, bypass or implicit-bypass.
    """

    proxies: ProxyList
    source: str
    rule: str | None = None


def manual_candidates(rules: ProxyRules, bypass: BypassRules, target: Target) -> ManualChoice:
    """Return the candidates of a manual setting; a scheme it does not name goes direct."""
    rule = bypass.match(target)
    if rule is None:
        return ManualChoice(ProxyList(rules.candidates(target.scheme) or (DIRECT,)), "manual")
    source = "implicit-bypass" if rule.startswith(IMPLICIT) else "bypass"
    return ManualChoice(ProxyList((DIRECT,)), source, rule)
