"""Sessions for several Pythons, the oldest supported dependencies, and the checks of the code itself."""

from __future__ import annotations

import nox

nox.needs_version = ">=2024.4"
nox.options.sessions = ["tests", "floors", "lint", "mypy", "docs", "generate_check"]
nox.options.error_on_missing_interpreters = False

_PROJECT = ("--editable", ".[requests,httpx,httpx2,ntlm]")
# The oldest releases that pyproject.toml admits.
_FLOORS = ("requests==2.32.2", "urllib3==1.26.15", "httpx==0.28.0", "httpx2==2.0.0")


@nox.session(python=["3.11", "3.12", "3.13"])
def tests(session: nox.Session) -> None:
    """Run the suite with the newest dependencies."""
    session.install("--upgrade", "pip>=25.1")
    session.install(*_PROJECT, "--group", "test")
    session.run("pytest", *session.posargs)


@nox.session(python="3.11")
def floors(session: nox.Session) -> None:
    """Run the suite with the oldest supported host libraries."""
    session.install("--upgrade", "pip>=25.1")
    session.install(*_PROJECT, *_FLOORS, "--group", "test")
    session.run("pytest", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format."""
    session.install("ruff>=0.8")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def mypy(session: nox.Session) -> None:
    """Check types, this file's too."""
    session.install("--upgrade", "pip>=25.1")
    session.install(*_PROJECT, "--group", "dev")
    session.run("mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site, without a warning."""
    session.install("--upgrade", "pip>=25.1")
    session.install("--group", "docs")
    session.run("mkdocs", "--quiet", "build", "--strict")


@nox.session
def generate_check(session: nox.Session) -> None:
    """Check that the generated modules are what their sources say."""
    session.install("ruff>=0.8")
    session.run("python", "scripts/generate.py", "--check")
