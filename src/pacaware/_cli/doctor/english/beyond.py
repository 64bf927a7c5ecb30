"""What there is beyond this machine: the proxy, the logon, the web server and its certificate; in English."""

from __future__ import annotations

from typing import Final

from pacaware._cli.doctor.english.words import HELP_DESK

__all__ = ["CAUSES"]

CAUSES: Final[dict[str, tuple[str, str, str]]] = {
    # the proxy
    "name-ok": ("{host} is {addresses}", "", ""),
    "name-address": ("{host} is an address, so there is no name to look up.", "", ""),
    "name-unknown": (
        "DNS does not know the proxy's name {host}.",
        "It is misspelt; or known inside the company only, and you are outside, or the VPN is down.",
        "Compare it letter by letter with what you were given. Join the company's network or VPN, and try again.",
    ),
    "name-silent": (
        "DNS gives no answer about the proxy's name {host}.",
        "The DNS server is down or out of reach, or Wi-Fi has just gone.",
        "Try again in a minute. If other names fail too, it is the network: tell the help desk.",
    ),
    "port-ok": ("Somebody listens at {proxy}.", "", ""),
    "port-refused": (
        "The machine of {proxy} is there, and nobody listens at port {port}.",
        "The port is wrong, or the proxy is down.",
        "Compare the port with what you were given. If it is right, the proxy is down: ask for its state, or wait.",
    ),
    "port-silent": (
        "{proxy} gives no answer at all.",
        "The proxy's machine is down, or a firewall drops everything for port {port}.",
        "Are you on the right network (office, VPN)? Then compare the port; if it is right, tell the help desk.",
    ),
    "port-unreachable": (
        "There is no way to {proxy} from this network.",
        "You are on another network than the proxy, or the VPN is down.",
        "Join the company's network or VPN, and try again.",
    ),
    "speaks-ok": ("{proxy} is a proxy.", "", ""),
    "speaks-unsure": (
        "{proxy} answers as a proxy does, and does not lead to a test address.",
        "It allows some sites only, or cannot reach the Internet itself.",
        "Run this again with the URL that you want: pacaware doctor https://...",
    ),
    "speaks-web": (
        "A web server answers at {proxy}, and no proxy.",
        "The port is that of a web server (80 or 443 perhaps), or the address is that of a page.",
        "Ask for the proxy's own address and port.",
    ),
    "speaks-tls": (
        "{proxy} wants TLS.",
        "The proxy is reached by https, and the setting says http.",
        "Write https:// in front of the proxy: https://host:port (in a PAC file: HTTPS host:port).",
    ),
    "speaks-plain": (
        "{proxy} does not speak TLS.",
        "The setting says https:// in front of the proxy, and this one is reached without TLS.",
        "Write http:// in front of the proxy, also for https pages: what is inside stays encrypted.",
    ),
    "speaks-socks": (
        "{proxy} is a SOCKS proxy.",
        "The setting says that it is an HTTP proxy.",
        "Write socks5:// in front of it (in a PAC file: SOCKS5 host:port).",
    ),
    "speaks-not-socks": (
        "{proxy} does not speak SOCKS.",
        "It is probably an HTTP proxy.",
        "Write http:// in front of it (in a PAC file: PROXY host:port).",
    ),
    "speaks-closed": (
        "{proxy} closes the connection without a word.",
        "It does not serve this machine, is overloaded, or is something else than a proxy.",
        "Try again. If it stays so, ask whether this machine may use it.",
    ),
    "speaks-garbage": (
        "{proxy} answers, but not as a proxy does.",
        "Another kind of service listens at this port.",
        "Compare the port with what you were given.",
    ),
    "speaks-silent": (
        "{proxy} takes the connection and then says nothing.",
        "The proxy hangs or is overloaded, or another kind of service listens there.",
        "Try again in a few minutes; then tell the help desk.",
    ),
    "speaks-certificate": (
        "The certificate of {proxy} is not trusted.",
        "The company's own root certificate is missing on this machine, or the name is not the one in it.",
        "Ask the help desk for the root certificate, and for the proxy's full name.",
    ),
    "speaks-maintenance": (
        "{proxy} is in maintenance until about {when}, your time.",
        (
            "Maintenance is mostly done at night; with a proxy abroad that may be your day. "
            "Times in the operator's notices may be in another zone."
        ),
        "Wait until then, and try again. It has nothing to do with your settings or password.",
    ),
    "speaks-login": (
        "{proxy} sends everybody to a page at {where}.",
        "You have to log on there in a browser first, as in a hotel, or the session there has ended.",
        "Open a page in a browser, log on, and try again.",
    ),
    "speaks-error": (
        "{proxy} answers with an error ({status}).",
        "It has trouble of its own.",
        "Try again later; then tell the help desk.",
    ),
    "clock-ok": ("The clocks of this machine and the proxy agree.", "", ""),
    "clock-skew": (
        "The clocks of this machine and the proxy are {minutes} minutes apart.",
        "The clock or the time zone of this machine is wrong, or the proxy's.",
        "Set this machine's clock. With more than 5 minutes Kerberos refuses logons; far off, certificates fail too.",
    ),
    # logon
    "offers-none": ("It asks for no logon.", "", ""),
    "offers-some": ("It asks for a logon: {schemes}", "", ""),
    "offers-unusable": (
        "It asks for a logon of a kind that cannot be used here: {schemes}",
        "This program does not know that way to log on.",
        HELP_DESK,
    ),
    "offers-nothing": (
        "It asks for a logon (407) and names no way to do so.",
        "The proxy is misconfigured, or its logon service is down. It is not your password.",
        "Try again later; then tell the help desk.",
    ),
    "credentials-found": ("User {user}, from {origin}", "", ""),
    "credentials-ambient": ("The login of this machine ({user})", "", ""),
    "credentials-none": (
        "There is no user and password for it.",
        "407 means: the proxy does not know yet who you are. Your browser may log on by itself; programs must be told.",
        "Set PACAWARE_PROXY_USERNAME and PACAWARE_PROXY_PASSWORD (often DOMAIN\\user), and run this again.",
    ),
    "credentials-broken": (
        "The credentials that are set cannot be read.",
        "A file is missing, or others can read it.",
        "Do what the line below says.",
    ),
    "accepted-ok": ("The logon was accepted ({scheme}).", "", ""),
    "accepted-rejected": (
        "The proxy did not accept user {user}, from {origin}.",
        (
            "The password is misspelt or has expired, the user needs its domain (DOMAIN\\user), "
            "or the account is locked. "
            "If the same user and password work elsewhere right now, the proxy's logon service may be down: "
            "not your password."
        ),
        (
            "Do not try often: many systems lock the account. Log on once somewhere else with the same password. "
            "If that works, tell the help desk; if not, change the password, then set it here."
        ),
    ),
    "accepted-login-refused": (
        "The proxy did not accept the login of this machine ({user}).",
        (
            "You are logged on here with it, so it is valid: the proxy's logon service may be down: not your password. "
            "Or this account may not use the proxy."
        ),
        "Try another program or browser. If it fails too, tell the help desk.",
    ),
    "accepted-service-down": (
        "The proxy could not check the logon of {user}, from {origin}.",
        "The proxy's logon service may be down: not your password. It failed before the password counted.",
        "Do not change the password. Try again in some minutes; if others have it too, tell the help desk.",
    ),
    "accepted-clock": (
        "The proxy did not accept the Kerberos logon of {user}.",
        "This machine's clock is off; Kerberos takes 5 minutes at most.",
        "Set the clock, log on to this machine again, and try again.",
    ),
    "accepted-no-ticket": (
        "The login of this machine ({user}) cannot be used at this proxy.",
        "There is no Kerberos ticket, or a package is missing.",
        (
            "Run kinit, or lock and unlock this machine on the company's network; or set PACAWARE_PROXY_USERNAME and "
            "PACAWARE_PROXY_PASSWORD."
        ),
    ),
    "accepted-impossible": (
        "The credentials of {user}, from {origin}, cannot be used at this proxy.",
        "What it offers needs a package that is missing, or was forbidden by PACAWARE_AUTH_SCHEMES.",
        "Do what the line below says.",
    ),
    "accepted-withheld": (
        "The password was not sent to {proxy}.",
        "It was named by a place that anybody on the network could forge.",
        "If you trust this proxy: PACAWARE_AUTH_PROXIES={proxy}",
    ),
    "accepted-broken": (
        "{proxy} broke off in the middle of the logon.",
        "It is overloaded, or its logon service is down. It is not your password.",
        "Try again in some minutes; then tell the help desk.",
    ),
    # the origin
    "origin-untested": ("No URL was given, so nothing was asked of a web server.", "", ""),
    "origin-ok": ("{url} answers.", "", ""),
    "origin-answers": ("{url} is reached.", "", ""),
    "origin-status": (
        "{url} is reached, and has trouble of its own ({status}).",
        "The web server behind the proxy is at fault, and the proxy works.",
        "Try again later.",
    ),
    "origin-forbidden": (
        "The proxy does not let you go to {url}.",
        "A rule of the company forbids this site, or this user.",
        "Ask for the site to be allowed. It is neither your settings nor your password.",
    ),
    "origin-odd-port": (
        "The proxy does not go to port {port} of {url}.",
        "Many proxies allow the ports 80 and 443 only; or nobody listens at this one.",
        "Ask for the port to be allowed, or use the service's address with port 443.",
    ),
    "origin-name": (
        "The proxy does not know the name in {url}.",
        "It is misspelt; or an internal name, which must not go by the proxy.",
        "Check the name. If it is internal, add it to the exceptions (NO_PROXY).",
    ),
    "origin-direct-name": (
        "DNS does not know the name in {url}.",
        "It is misspelt; or the names of the Internet are known to the proxy only, and none is set.",
        "Check the name; ask whether this network needs a proxy.",
    ),
    "origin-down": (
        "The proxy works, and cannot reach {url}.",
        "The web server is down.",
        "Try another site. If that works, wait for this one.",
    ),
    "origin-silent": (
        "There is no answer from {url}.",
        "The web server is down or slow; without a proxy: a firewall drops what does not go by the proxy.",
        "Try another site. If all are silent and no proxy is set, ask for the proxy of this network.",
    ),
    "origin-refused": (
        "{url} refuses the connection.",
        "The web server is down; without a proxy: this network lets nobody out who does not use it.",
        "Try another site. If all fail and no proxy is set, ask for the proxy of this network.",
    ),
    "origin-closed": (
        "The connection to {url} is cut.",
        "The web server is down, or something on the way cuts what it does not like.",
        "Try another site; then tell the help desk.",
    ),
    "origin-socks": (
        "The SOCKS proxy does not lead to {url}.",
        "It does not reach it, forbids it, or wants a user and password.",
        "Read the line below.",
    ),
    "origin-portal": (
        "{url} was asked for, and a page at {where} came.",
        "Perhaps the network wants you to log on in a browser first (captive portal); or the site has moved.",
        "Open the address in a browser. If a logon page comes, log on, and try again.",
    ),
    # certificates
    "certificate-ok": ("Signed by {signer}, a public authority", "", ""),
    "certificate-system": ("Signed by {signer}, which this machine trusts; so do programs, by PACAWARE_TRUST", "", ""),
    "certificate-interceptor": (
        "Signed by {signer}, which this machine trusts and Python's own list does not",
        "Your company opens encrypted connections to look into them and signs anew; or this is an internal site.",
        "Set PACAWARE_TRUST=system, so that programs trust what this machine trusts. Do not switch verification off.",
    ),
    "certificate-unknown": (
        "Signed by {signer}, which this machine does not trust",
        "Your company opens encrypted connections and its root certificate is missing here; or somebody else does.",
        "Ask the help desk for the root certificate. Do not switch verification off.",
    ),
    "certificate-expired": (
        "The certificate has expired (signed by {signer}).",
        "The site forgot to renew it, or this machine's date is wrong.",
        "Check the date of this machine; if it is right, tell the site.",
    ),
    "certificate-clock": (
        "The certificate (signed by {signer}) does not hold at this machine's date.",
        "This machine's clock is wrong.",
        "Set the date and time, and try again.",
    ),
    "certificate-name": (
        "The certificate (signed by {signer}) is for another name.",
        "Another server answers: the logon page of a network, or a proxy that blocks the site.",
        "Open the address in a browser; if a logon page comes, log on, and try again.",
    ),
}
