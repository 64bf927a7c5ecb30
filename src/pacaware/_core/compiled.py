"""One source of settings, parsed once: what a resolver asks for each URL."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from pacaware._core.bypass import IMPLICIT, BypassRules
from pacaware._core.lenient import as_meant, tidy_bypass
from pacaware._core.proxy_rules import ProxyRules
from pacaware._core.selection import ManualChoice, Setting, manual_candidates, settings_in_order
from pacaware._core.target import Target
from pacaware._models import DIRECT, ProxyConfig, ProxyList, Step, redact_url

__all__ = ["CompiledSettings", "compile_settings"]

#: What fits into the settings dialog of Windows (jpdsi LAN settings article, section 2), in bytes.
_LONGEST: Final = 2064
_MOST_TOLD: Final = 1000
_TOO_LONG: Final = f"it is longer than the {_LONGEST} bytes that Windows promises to take; here the whole of it is used"


@dataclass(frozen=True, slots=True)
class CompiledSettings:
    """A ProxyConfig with its strings parsed; ``no_proxy`` is the environment's list where that applies.

    ``chosen`` says why these settings are in force and others are not.
    """

    config: ProxyConfig
    order: tuple[Setting, ...]
    rules: ProxyRules | None
    bypass: BypassRules
    no_proxy: BypassRules | None
    warnings: tuple[Step, ...]
    chosen: tuple[Step, ...] = field(default=(), compare=False)
    _told: dict[tuple[str | None, str], tuple[Step, ...]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def first_steps(self) -> tuple[Step, ...]:
        """What every decision by these settings begins with."""
        return (*self.chosen, *self.warnings)

    def without_script(self, target: Target) -> ManualChoice | None:
        """Return the answer that needs no script: an implicit rule, NO_PROXY, or settings without a PAC file."""
        rule = self.bypass.implicit_match(target)
        if rule is not None:
            return ManualChoice(ProxyList((DIRECT,)), "implicit-bypass", rule)
        rule = None if self.no_proxy is None else self.no_proxy.match(target)
        # The implicit rules were asked above: where <-loopback> removed them, NO_PROXY does not bring them back.
        if rule is not None and not rule.startswith(IMPLICIT):
            return ManualChoice(ProxyList((DIRECT,)), "bypass", f"NO_PROXY: {rule}")
        if Setting.AUTO_DETECT in self.order or Setting.PAC_URL in self.order:
            return None
        return self.manual(target)

    def manual(self, target: Target) -> ManualChoice:
        """Return the answer of the manual setting, or DIRECT if there is none."""
        if self.rules is None:
            return ManualChoice(ProxyList((DIRECT,)), "no-proxy")
        return manual_candidates(self.rules, self.bypass, target)

    def steps_without_script(self, choice: ManualChoice, target: Target) -> tuple[Step, ...]:
        """Return all steps of a choice that needs no script; the same ones serve every URL like this one."""
        key = (choice.rule, target.scheme)
        steps = self._told.get(key)
        if steps is None:
            steps = (*self.first_steps, *self.explain(choice, target, self.order[0]))
            if len(self._told) < _MOST_TOLD:
                self._told[key] = steps
        return steps

    def explain(self, choice: ManualChoice, target: Target, first: Setting) -> tuple[Step, ...]:
        """Say what made a choice that no script made, where the settings before ``first`` gave nothing."""
        if choice.rule is not None:
            return (Step("bypass", "ok", choice.rule), *self.passed_over(first, "this rule comes first"))
        if self.rules is None:
            return ()
        named = self.rules.candidates(target.scheme)
        listed = "" if named else f"; no proxy for {target.scheme} in it"
        return (Step("manual", "ok", f"{self.config.proxy_server}{listed}"),)

    def passed_over(self, first: Setting, reason: str) -> tuple[Step, ...]:
        """Name the settings that are set, from ``first`` on, and are not asked."""
        config = self.config
        names = {
            Setting.AUTO_DETECT: ("auto-detect", "it is on"),
            Setting.PAC_URL: ("pac-url", f"{redact_url((config.pac_url or '').strip())} is set"),
            Setting.MANUAL: ("manual", f"{config.proxy_server} is set"),
        }
        rest = (names[setting] for setting in self.order[self.order.index(first) :] if setting in names)
        return tuple(Step(name, "skipped", f"{what}, and not asked: {reason}") for name, what in rest)


def compile_settings(
    config: ProxyConfig, no_proxy: str | None = None, chosen: tuple[Step, ...] = ()
) -> CompiledSettings:
    """Parse the strings of a config; raises ConfigError for those of which nothing is usable.

    What a program gives is read as it was meant; those who read a system have done so with what they found there.
    ``chosen`` are steps that say how the config was chosen.
    """
    if config.origin == "code":
        config = as_meant(config)
    order = settings_in_order(config)
    rules = ProxyRules.parse(config.proxy_server or "") if Setting.MANUAL in order else None
    bypass = BypassRules.parse(config.bypass or "", config.bypass_dialect, reverse=config.reverse_bypass)
    no_proxy, notes = tidy_bypass(no_proxy or "", "NO_PROXY")
    environment = BypassRules.parse(no_proxy, "no_proxy") if no_proxy else None
    dropped = [("proxy server", *entry) for entry in (rules.dropped if rules else ())]
    if config.bypass != no_proxy:  # what the proxy variables select has NO_PROXY for its bypass list
        dropped += [("bypass list", *entry) for entry in bypass.dropped]
    dropped += [("NO_PROXY", *entry) for entry in (environment.dropped if environment else ())]
    warnings = [*config.notes]
    if config.bypass != no_proxy:
        warnings += [Step("settings", "warning", note) for note in notes]
    warnings += [Step(place, "warning", f"{entry!r} is left out: {reason}") for place, entry, reason in dropped]
    if config.bypass and config.bypass_dialect == "windows" and len(config.bypass.encode(errors="replace")) > _LONGEST:
        warnings.append(Step("bypass list", "warning", _TOO_LONG))
    return CompiledSettings(config, order, rules, bypass, environment, tuple(warnings), chosen)
