"""PACAWARE_TRUST=system: behind a proxy that looks into TLS, with an authority that only the system knows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pacaware.testing import Certificates, Origin, Proxy

LIBRARIES = ("requests", "httpx", "httpx2")
GET = """
import sys, {0}
try:
    print({0}.get(sys.argv[1], timeout=20, verify={1}).status_code)
except Exception as exc:
    print("CERTIFICATE_VERIFY_FAILED" if "CERTIFICATE_VERIFY_FAILED" in str(exc) else repr(exc))
"""
SYSTEM = Path("/etc/ssl/certs")


@pytest.fixture(scope="module")
def company():
    """The authority of the company whose proxy looks into TLS."""
    return Certificates()


@pytest.fixture
def origin():
    with Origin(tls=True) as origin:
        yield origin


@pytest.fixture
def variables(company: Certificates):
    """PACAWARE=1 behind that proxy."""
    with Proxy(intercept=company) as proxy:
        yield {"PACAWARE": "1", "PACAWARE_PROXY": proxy.url}


@pytest.fixture
def store(company: Certificates, tmp_path: Path) -> Path:
    """A folder of certificates as OpenSSL reads it, with the company's in it."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path / "certs"
    folder.mkdir()
    (folder / "company.pem").write_bytes(company.ca_pem)
    hashed = [openssl, "x509", "-hash", "-noout", "-in", str(folder / "company.pem")]
    name = subprocess.run(hashed, check=True, capture_output=True, text=True, timeout=30).stdout.strip()
    (folder / f"{name}.0").write_bytes(company.ca_pem)
    (folder / "ca-certificates.crt").write_bytes(company.ca_pem)
    return folder


def get(library: str, verify: object = True) -> str:
    return GET.format(library, verify)


@pytest.mark.parametrize("kind", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_where_openssl_looks(run, library: str, kind: str, company, origin, variables, store: Path):
    """On Linux the system's store is where OpenSSL looks, which SSL_CERT_FILE and SSL_CERT_DIR can say.

    httpx heeds them by itself, requests does not.
    """
    where = {kind: str(store if kind == "SSL_CERT_DIR" else company.ca_path)}
    url = origin.url_for("www.origin.test")
    done = run("-c", get(library), url, PACAWARE_TRUST="system", **where, **variables)
    assert (done.stdout, done.stderr) == ("200\n", "")
    without = run("-c", get(library), url, **where, **variables)
    assert without.stdout == ("CERTIFICATE_VERIFY_FAILED\n" if library == "requests" else "200\n")


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_word_of_the_program_counts_more(run, library: str, company, origin, variables):
    """``verify`` of the program, and a bundle that requests is told of, are not replaced."""
    url, system = origin.url_for("www.origin.test"), {"SSL_CERT_FILE": str(company.ca_path)}
    other = str(Certificates.shared().ca_path)
    code = get(library, f"__import__('ssl').create_default_context(cafile={other!r})")
    if library == "requests":
        code = get(library, repr(other))
        bundle = run("-c", get(library), url, PACAWARE_TRUST="system", REQUESTS_CA_BUNDLE=other, **system, **variables)
        assert bundle.stdout == "CERTIFICATE_VERIFY_FAILED\n"
    done = run("-c", code, url, PACAWARE_TRUST="system", **system, **variables)
    assert done.stdout == "CERTIFICATE_VERIFY_FAILED\n"


@pytest.mark.real
@pytest.mark.parametrize("library", LIBRARIES)
def test_the_store_of_the_system(run, library: str, origin, variables, store: Path):
    """The company's authority lies in /etc/ssl/certs and nowhere else: with the variable it counts, without it not.

    httpx2 takes the system's store by itself, but for its first releases.
    """
    under = with_store(store)
    url = origin.url_for("www.origin.test")
    done = run("-c", get(library), url, under=under, PACAWARE_TRUST="system", **variables)
    assert (done.stdout, done.stderr) == ("200\n", "")
    without = run("-c", get(library), url, under=under, **variables)
    loaded = run("-c", "import httpx2; print(len(httpx2.create_ssl_context().get_ca_certs()))", under=under)
    by_itself = library == "httpx2" and int(loaded.stdout) < 50  # more come from a bundle
    assert without.stdout == ("200\n" if by_itself else "CERTIFICATE_VERIFY_FAILED\n")


def with_store(folder: Path) -> list[str]:
    """Return what runs a command with ``folder`` in the place of the system's certificates."""
    script = f'mount --bind "{folder}" {SYSTEM} && exec "$@"'
    under = ["unshare", "--mount", "sh", "-c", script, "sh"]
    reason = None
    if sys.platform != "linux" or os.geteuid() != 0 or not SYSTEM.is_dir():
        reason = f"only root can put other certificates at {SYSTEM}"
    elif subprocess.run([*under, "true"], check=False, capture_output=True, timeout=30).returncode:
        reason = "mount namespaces are not to be had here"
    if reason is not None:
        if os.environ.get("PACAWARE_REAL") == "required":
            pytest.fail(f"{reason} (PACAWARE_REAL=required)", pytrace=False)
        pytest.skip(reason)
    return under
