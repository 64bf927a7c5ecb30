"""What there is on this machine: settings, address, network, PAC file, choice; in English."""

from __future__ import annotations

from typing import Final

from pacaware._cli.doctor.english.words import HELP_DESK

__all__ = ["CAUSES"]

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
    "network-alone": ("This machine reaches no other network than its own; what it needs is there.", "", ""),
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
    "pac-tls": (
        "The server of {url} does not speak TLS there.",
        "The address says https:, and the server speaks http at this port; or something on the way answers for it.",
        "Compare the address with the one in the browser, http or https included.",
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
    "pac-other": ("The PAC file {url} cannot be used.", "The line below says why.", HELP_DESK),
    "wpad-absent": (
        "Automatic detection is on, and found no PAC file.",
        "This network announces none, as at home; or you are not on the company's network.",
        "Nothing, if other settings apply. Else join the company's network, or give the PAC file's address.",
    ),
    # choice
    "route-proxy": ("Chosen: {proxies}", "", ""),
    "route-direct": ("Chosen: DIRECT, that is no proxy.", "", ""),
    "route-bypass": ("No proxy for this address, because of the rule {rule}", "", ""),
}
