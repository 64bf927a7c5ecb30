"""The texts in English: what was found, the likely cause, the next thing to do; empty where there is nothing to do."""

from __future__ import annotations

from typing import Final

__all__ = ["CAUSES", "WORDS"]

_HELP_DESK: Final = "Ask the help desk, and send them the report: pacaware doctor --report report.txt"

WORDS: Final = {
    "ok": "ok",
    "warn": "warn",
    "fail": "FAIL",
    "skip": "-",
    "settings": "settings",
    "address": "address",
    "network": "network",
    "pac": "PAC file",
    "route": "choice",
    "name": "proxy's name",
    "port": "proxy's port",
    "speaks": "is it a proxy",
    "clock": "clock",
    "offers": "logon asked for",
    "credentials": "credentials",
    "accepted": "logon",
    "origin": "web server",
    "certificate": "certificate",
    "likely": "Likely cause:",
    "next": "What to do:",
    "said": "Detail:",
    "looking": "Looking at: {step}",
    "all-ok": "Everything on the way works.",
    "all-warn": "The way is open; look at the lines marked {mark}.",
    "ends": "The way ends at: {step}",
    "first": "Something before that may be the reason; look at the lines marked {mark} first.",
    "elsewhere": "If other programs or another browser on this machine work, compare their settings with these "
    "(pacaware settings --all).",
    "help-desk": _HELP_DESK,
    "report-written": "The report is in {file}; only you can read it. Read it before you send it. It holds:",
    "report-versions": "the versions of pacaware, Python and the system, and the time",
    "report-steps": "{count} findings, as above",
    "report-sources": "the {count} places of proxy settings and what they say",
    "report-names": "{count} names and addresses replaced; which is which stays here:",
    "report-never": "no password, no user, no name of a host, domain or company, no query of a URL",
    "cannot-show": "(This console cannot show Japanese, so this is in English.)",
}

CAUSES: Final[dict[str, tuple[str, str, str]]] = {
    # settings
    "settings-found": ("{what}; from {where}", "", ""),
    "settings-none": (
        "No proxy is set ({where}), so every request goes direct.",
        "This is right without a proxy. If your browser uses one, it has it from a place that programs cannot see.",
        (
            "Look up the proxy in the browser's settings, then set HTTPS_PROXY and HTTP_PROXY, or PACAWARE_PAC_URL for "
            "a PAC file."
        ),
    ),
    "settings-off": (
        "A proxy is stored but switched off: {what} in {where}",
        "The address was kept when the tick was taken away.",
        "If you need this proxy here, switch it on in the system's settings.",
    ),
    "settings-broken": (
        "The settings in {where} cannot be used.",
        "Something in them is misspelt.",
        "Correct what the line below names.",
    ),
    "settings-hint": (
        "The list of exceptions in {where} lets more go direct than it seems.",
        "A pattern in it is very broad.",
        "Ask whether that is meant; hosts that it covers do not use the proxy.",
    ),
    "settings-policy": (
        "{browser} follows a policy of its own in {where}, which differs.",
        "An administrator set the proxy for the browser alone. That is why it works and programs do not.",
        "Set the same for programs: HTTPS_PROXY and HTTP_PROXY, or PACAWARE_PAC_URL.",
    ),
    # address
    "address-ok": ("Nothing odd in the address as typed: {what}", "", ""),
    "address-repaired": (
        "The address in {where} is not quite right, and was read as it was probably meant.",
        "Blanks or other characters came along with copy and paste, or a full-width keyboard was on.",
        "Type it again; other programs may not be so lenient.",
    ),
    "address-blank": (
        "There is a blank within the address in {where}.",
        "It came along with copy and paste.",
        "Type the address again, without blanks: host:port",
    ),
    "address-wide": (
        "There are characters in {where} that look right and are not.",
        "Full-width letters or digits, a look-alike, or something invisible from copy and paste.",
        "Switch the keyboard to plain (half-width) letters and type the address again.",
    ),
    "address-port": (
        "The address in {where} has no port.",
        "Without one the scheme's own port is used; proxies mostly listen at 8080, 3128 or the like.",
        "Ask for the proxy's port and write it behind the name: host:port",
    ),
    "address-escape": (
        "The user or password in {where} holds a character that must be escaped.",
        "In a URL, @ : / # ? % and blanks end a password for most programs.",
        "Write them as %40 %3A %2F %23 %3F %25 %20, or give the password in PACAWARE_PROXY_PASSWORD instead.",
    ),
    "address-wrong": (
        "The address in {where} is none.",
        "It is misspelt: it should look like http://host:8080",
        "Correct it.",
    ),
    # network
    "network-ok": ("This machine is on a network: {address}", "", ""),
    "network-down": (
        "This machine is on no network.",
        "The cable is out, Wi-Fi is off or not joined, or the VPN is down.",
        "Look at the network symbol: is Wi-Fi on, and does it say connected? Then try again.",
    ),
    # PAC
    "pac-unused": ("No PAC file is set.", "", ""),
    "pac-not-asked": ("A rule decided before the PAC file was asked.", "", ""),
    "pac-ok": ("{url} was fetched and gave an answer.", "", ""),
    "pac-slow": (
        "{url} works, and took {seconds} s.",
        "Its server is slow, or the script waits for names that DNS does not know.",
        "Tell those who run it; each first request to a site waits that long.",
    ),
    "pac-missing": (
        "The server has no PAC file at {url} (404).",
        "The address is misspelt or out of date.",
        "Compare it with the one in the browser; ask the help desk for the right one.",
    ),
    "pac-refused": (
        "The server did not hand out {url}.",
        "It wants a logon, forbids it to this machine, sends elsewhere, or has trouble.",
        "Open the address in a browser. If it fails there too, tell the help desk.",
    ),
    "pac-page": (
        "A web page came in place of {url}.",
        "The network wants you to log on in a browser first (captive portal), or the address is that of a page.",
        "Open any http:// page in a browser, log on to the network, and try again.",
    ),
    "pac-not-pac": (
        "What {url} sends is no PAC file.",
        "The address is that of another file.",
        "Compare it with the one in the browser.",
    ),
    "pac-syntax": (
        "The script at {url} cannot be read.",
        "Somebody made a mistake in its last change; browsers then go direct without a word.",
        "Tell those who run it the line below.",
    ),
    "pac-throws": (
        "The script at {url} stops with an error.",
        "A mistake in the script that shows for this URL only, or everywhere.",
        "Tell those who run it the line below.",
    ),
    "pac-nonsense": (
        "The script at {url} gave an answer that cannot be used, or only in part.",
        "It does not return a list such as PROXY host:8080; DIRECT",
        "Tell those who run it the line below.",
    ),
    "pac-endless": (
        "The script at {url} took too long.",
        "It runs in circles, or asks for names that DNS does not answer.",
        "Try again. If it stays so, tell those who run it.",
    ),
    "pac-late": (
        "{url} did not arrive in time.",
        "Its server is overloaded, or something on the way swallows the answer.",
        "Try again in a minute; if it stays so, tell the help desk.",
    ),
    "pac-server-name": (
        "The name of the server of {url} is not known here.",
        "It is misspelt, or known inside the company only, and you are outside, or the VPN is down.",
        "Join the company's network or VPN; else compare the address with the one in the browser.",
    ),
    "pac-server-down": (
        "The server of {url} cannot be reached.",
        "It is down, the port is wrong, or it is reachable inside the company only.",
        "Join the company's network or VPN and try again; else tell the help desk.",
    ),
    "pac-certificate": (
        "The certificate of the server of {url} is not trusted.",
        "The company's own root certificate is missing on this machine, or its clock is wrong.",
        "Ask the help desk for the root certificate; check the date.",
    ),
    "pac-file": (
        "The PAC file {url} is a file on disk, and these are not read.",
        "Browsers do not read them any more either.",
        "Put it on a web server, or allow it with PACAWARE_ALLOW_FILE=1.",
    ),
    "pac-engine": (
        "The PAC file {url} cannot be run here.",
        "No JavaScript engine can be used, or its process was ended.",
        "Read the detail below: it names what to install.",
    ),
    "pac-other": ("The PAC file {url} cannot be used.", "The line below says why.", _HELP_DESK),
    "wpad-absent": (
        "Automatic detection is on, and found no PAC file.",
        "This network announces none, as at home; or you are not on the company's network.",
        "Nothing, if other settings apply. Else join the company's network, or give the PAC file's address.",
    ),
    # choice
    "route-proxy": ("Chosen: {proxies}", "", ""),
    "route-direct": ("Chosen: DIRECT, that is no proxy.", "", ""),
    "route-bypass": ("No proxy for this address, because of the rule {rule}", "", ""),
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
        _HELP_DESK,
    ),
    "offers-nothing": (
        "It asks for a logon (407) and names no way to do so.",
        "The proxy is misconfigured, or its logon service is down. It is not your password.",
        "Try again later; then tell the help desk.",
    ),
    "credentials-found": ("User {user}, from {origin}", "", ""),
    "credentials-ambient": ("The login of this machine ({user}), from {origin}", "", ""),
    "credentials-none": (
        "There is no user and password for it.",
        "407 means: the proxy does not know yet who you are. Your browser may log on by itself; programs are told.",
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
