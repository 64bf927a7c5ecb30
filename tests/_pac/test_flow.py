"""Whether a function can end without return."""

from __future__ import annotations

import pytest

from pacaware._pac.flow import Flow, pair_brackets
from pacaware._pac.tokens import scan


def read(body):
    tokens = list(scan(body))
    flow = Flow(body, tokens, pair_brackets(tokens))
    return flow.reaches_end(0, len(tokens)), len(flow.bare_returns)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "var a = 1",
        "if (a) return 'x';",
        "if (a) { return 'x' } else if (b) { return 'y' }",
        "if (a) return 'x'\nelse b()",
        "for (var i = 0; i < 3; i++) { if (a) return 'x' }",
        "while (a) { b() }",
        "for (k in o) { if (k) return 'x' }",
        "function inner() { return 'x' }",
        "x = function () { return 'x' }",
        "x = function ()\n{\n return 'x'\n}\n",
        "try { a() } catch (e) { return 'x' }",
        "{ a; }",
        ";",
    ],
)
def test_the_end_can_be_reached(body):
    """Where each condition may fail, the function ends without a value."""
    assert read(body) == (True, 0)


@pytest.mark.parametrize(
    "body",
    [
        "return 'x'",
        "return 'x';\nfunction later() {}",
        "var a = 1\nreturn a",
        "a++\nreturn 'x'",
        "x = { a: 1 }\nreturn x.a",
        "if (a) return 'x'; else return 'y';",
        "if (a) { return 'x' } else { throw 'y' }",
        "if (a) b(); return 'x'",
        "try { return a() } catch (e) { return 'x' }",
        "try { a() } finally { return 'x' }",
        "return a\n  ? 'x'\n  : 'y'",
        "return a in\n o",
        "if (true) return 'x'",
    ],
)
def test_every_way_returns(body):
    """Nothing is remarked where each way ends in return or throw."""
    assert read(body) == (False, 0)


@pytest.mark.parametrize(
    "body",
    [
        "while (true) { if (a) return 'x' }",
        "for (;;) { }",
        "do { return 'x' } while (a)",
        "if (a) do { return 'x' } while (b)\nelse return 'y'",
        "while (a) switch (b) { default: return 'x' }",
        "switch (a) { case 1: return 'x'; default: return 'y' }",
        "out: { break out }",
        "try { return a() } catch (e) { b() }",
        "class A {}",
        "if" + " (a) return b; else if" * 200 + " (a) return b",
        "if",
        "for (",
    ],
)
def test_what_is_not_understood_is_not_known(body):
    """Anything beyond plain statements is no reason for a remark, and no reason to fail."""
    tokens = list(scan(body))
    assert Flow(body, tokens, pair_brackets(tokens) or {}).reaches_end(0, len(tokens)) is None


@pytest.mark.parametrize("body", ["return", "return;", "return\n'x'", "if (a) { return } return 'x'"])
def test_a_return_without_value(body):
    """A value on the next line does not belong to return (ECMA-262, 12.10)."""
    assert read(body)[1] == 1


@pytest.mark.parametrize("text", ["(", ")", "(]", "{[}]"])
def test_brackets_that_do_not_match(text):
    """No pairs are made up."""
    assert pair_brackets(list(scan(text))) is None
