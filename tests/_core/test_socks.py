"""SOCKS 4, 4a and 5 as machines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacaware._core.actions import Established, Refused, RouteBroken
from pacaware._core.socks import Socks4Handshake, Socks5Handshake
from pacaware.errors import ProxyAuthError
from tests._core.driving import bytewise, cuts, drive, whole

CUTS = [whole, bytewise]
OK4 = b"\0\x5a\0\0\0\0\0\0"
FREE, LOGON, NEITHER = b"\5\0", b"\5\2", b"\5\xff"
LOGGED_ON = b"\1\0"
OK5 = b"\5\0\0\1\x7f\0\0\1\x1f\x90"
NAME5 = b"\5\0\0\3\x05proxy\x1f\x90"
IPV6_5 = b"\5\0\0\4" + bytes(16) + b"\x1f\x90"
HELLO = b"\5\1\0"
HELLO_WITH_LOGON = b"\5\2\0\2"
ASK = b"\5\1\0\3\x0borigin.test\x01\xbb"
PAIR = ("alice", "s3same:é")
PAIR_BYTES = b"\1\5alice\x09s3same:\xc3\xa9"


class TestSocks4:
    @pytest.mark.parametrize("cut", CUTS)
    @pytest.mark.parametrize(
        ("host", "user", "sent"),
        [
            ("192.0.2.7", "", b"\4\1\x01\xbb\xc0\0\2\7\0"),
            ("192.0.2.7", "alice", b"\4\1\x01\xbb\xc0\0\2\7alice\0"),
            ("origin.test", "", b"\4\1\x01\xbb\0\0\0\xff\0origin.test\0"),
            ("origin.test", "é", b"\4\1\x01\xbb\0\0\0\xff\xc3\xa9\0origin.test\0"),
        ],
    )
    def test_requests(self, host, user, sent, cut):
        """An IPv4 address goes as SOCKS4, a name as 4a for the proxy to look up; eight bytes answer."""
        assert drive(Socks4Handshake(host, 443, user), [OK4], cut=cut) == ([sent], Established())

    def test_an_answer_with_the_version(self):
        """Some servers begin their answer with 4 instead of 0."""
        assert drive(Socks4Handshake("o.test", 80), [b"\4" + OK4[1:]])[1] == Established()

    @pytest.mark.parametrize(
        ("code", "says"),
        [(0x5B, "rejected or failed"), (0x5C, "identd"), (0x5D, "identd"), (0, "reply 0"), (255, "reply 255")],
    )
    def test_refusals(self, code, says):
        """Every refusal lets the next candidate be tried: SOCKS4 does not say whether it was policy."""
        _, end = drive(Socks4Handshake("o.test", 80), [bytes([0, code]) + bytes(6)])
        assert end.startswith("SOCKS4 refused: ")
        assert says in end

    def test_no_socks(self):
        """What does not speak SOCKS4 is no SOCKS proxy."""
        assert drive(Socks4Handshake("o.test", 80), [b"HTTP/1.1 400 Bad\r\n"])[1] == "its answer is not SOCKS4"

    @pytest.mark.parametrize("size", range(8))
    def test_half_an_answer(self, size):
        """A proxy that closes in the middle of its answer has broken off."""
        _, end = drive(Socks4Handshake("o.test", 80), [OK4[:size]])
        assert end == "it closed the connection during the SOCKS handshake"

    def test_bytes_behind_the_answer(self):
        """Bytes that come with the answer are not the origin's, which has not been spoken to."""
        assert isinstance(drive(Socks4Handshake("o.test", 80), [OK4 + b"x"])[1], Refused)

    @pytest.mark.parametrize(("host", "user"), [("o.test", "a\0b"), ("o\0.test", ""), ("o.test", "\0")])
    def test_nothing_can_be_smuggled_in(self, host, user):
        """A NUL would end the field early and is refused before anything is sent."""
        with pytest.raises(ValueError, match="NUL"):
            Socks4Handshake(host, 80, user)

    def test_ipv6(self):
        """SOCKS4 knows no IPv6, but the next candidate may."""
        with pytest.raises(RouteBroken, match="IPv6"):
            Socks4Handshake("::1", 80)


class TestSocks5:
    @pytest.mark.parametrize("cut", CUTS)
    @pytest.mark.parametrize("answer", [OK5, NAME5, IPV6_5, b"\5\0\0\3\0\0\0"], ids=["IPv4", "name", "IPv6", "no name"])
    def test_without_logon(self, answer, cut):
        """Method, command, and an answer with an address of any type and length, split at any byte."""
        assert drive(Socks5Handshake("origin.test", 443), [FREE, answer], cut=cut) == ([HELLO, ASK], Established())

    @pytest.mark.parametrize(
        ("host", "address"),
        [
            ("192.0.2.7", b"\1\xc0\0\2\7"),
            ("2001:db8::1", b"\4\x20\x01\x0d\xb8" + bytes(11) + b"\1"),
            ("o", b"\3\1o"),
            ("x" * 255, b"\3\xff" + b"x" * 255),
        ],
        ids=["IPv4", "IPv6", "name", "longest name"],
    )
    def test_targets(self, host, address):
        """Addresses go as addresses, a name goes as it is for the proxy to look up."""
        done, end = drive(Socks5Handshake(host, 80), [FREE, OK5])
        assert (done[1], end) == (b"\5\1\0" + address + b"\0\x50", Established())

    @pytest.mark.parametrize("cut", CUTS)
    def test_logon(self, cut):
        """User and password go as UTF-8 where the proxy wants them (RFC 1929)."""
        machine = Socks5Handshake("origin.test", 443, PAIR)
        assert drive(machine, [LOGON, LOGGED_ON, OK5], cut=cut) == ([HELLO_WITH_LOGON, PAIR_BYTES, ASK], Established())

    def test_logon_not_wanted(self):
        """A proxy that does not want the password does not get it."""
        done, end = drive(Socks5Handshake("origin.test", 443, PAIR), [FREE, OK5])
        assert (done, end) == ([HELLO_WITH_LOGON, ASK], Established())

    @pytest.mark.parametrize(
        ("credentials", "replies", "says"),
        [
            (None, [LOGON], "p wants a user and password, and there are none for it; ask"),
            (None, [NEITHER], "p wants a user and password, and there are none for it; ask"),
            (None, [b"\5\1"], "p wants a way to log on that we lack"),
            (PAIR, [NEITHER], "p wants a way to log on that we lack"),
            (PAIR, [LOGON, b"\1\1"], "p rejected the user or password; check both"),
            (PAIR, [LOGON, b"\1\xff"], "p rejected the user or password; check both"),
        ],
    )
    def test_logon_refused(self, credentials, replies, says):
        """A logon that fails is final: the error says which proxy wanted what, and not the password."""
        _, end = drive(Socks5Handshake("o.test", 80, credentials, name="p", advice="ask"), replies)
        assert isinstance(end, Refused)
        assert isinstance(end.error, ProxyAuthError)
        assert str(end.error) == says
        assert "s3same" not in repr(end)

    @pytest.mark.parametrize("rest", [b"", b"\0\1" + bytes(6), b"\0\0"], ids=["cut short", "whole", "odd"])
    @pytest.mark.parametrize(
        ("code", "says"),
        [
            (1, "general failure"),
            (2, "not allowed by its rules"),
            (3, "network unreachable"),
            (5, "connection refused"),
            (6, "time to live expired"),
            (7, "command not supported"),
            (8, "address type not supported"),
            (9, "reply 9"),
            (255, "reply 255"),
        ],
    )
    def test_refusals(self, code, says, rest):
        """A refusal lets the next candidate be tried, and counts with its code, whatever the server sends behind it."""
        assert drive(Socks5Handshake("o.test", 80), [FREE, bytes([5, code]) + rest])[1] == f"SOCKS5 refused: {says}"

    @pytest.mark.parametrize("rest", [b"", b"\0\1" + bytes(6)])
    def test_host_unreachable(self, rest):
        """Only "host unreachable" is the origin's fault, and final, as in Chromium."""
        end = drive(Socks5Handshake("o.test", 80), [FREE, b"\5\4" + rest])[1]
        assert end == Refused(0, "SOCKS5: host unreachable")

    @pytest.mark.parametrize(
        "replies",
        [[b"HTTP/1.1 400 Bad\r\n"], [b"\4\0"], [FREE, b"\4\0\0\1" + bytes(6)], [FREE, b"\5\0\0\2" + bytes(6)]],
    )
    def test_no_socks(self, replies):
        """What does not speak SOCKS5 is no SOCKS proxy: the next candidate may be tried."""
        assert drive(Socks5Handshake("o.test", 80), replies)[1] == "its answer is not SOCKS5"

    @pytest.mark.parametrize("size", range(len(FREE + LOGGED_ON + NAME5)))
    def test_half_an_answer(self, size):
        """A proxy that closes at any byte before its last has broken off."""
        replies, left = [], size
        for reply in (LOGON, LOGGED_ON, NAME5):
            replies.append(reply[:left])
            left = max(0, left - len(reply))
        _, end = drive(Socks5Handshake("o.test", 80, PAIR), replies)
        assert end == "it closed the connection during the SOCKS handshake"

    @pytest.mark.parametrize("replies", [[FREE + OK5], [FREE, OK5 + b"x"], [LOGON + LOGGED_ON]])
    def test_bytes_that_nobody_asked_for(self, replies):
        """An answer to what was not asked yet, or bytes behind the last one, are refused."""
        _, end = drive(Socks5Handshake("o.test", 80, PAIR), replies)
        assert end == Refused(0, "the proxy sent bytes of its own into the tunnel")

    @given(st.lists(st.binary(max_size=30), max_size=4), cuts())
    def test_any_bytes(self, replies, cut):
        """No answer crashes the machine or keeps it from ending."""
        for machine in (Socks5Handshake("o.test", 80, PAIR), Socks4Handshake("o.test", 80)):
            _, end = drive(machine, replies, cut=cut)
            assert isinstance(end, str | Refused | Established)

    @given(cuts(), st.sampled_from([OK5, NAME5, IPV6_5]))
    def test_pieces_do_not_matter(self, cut, answer):
        """However the answers are cut into pieces, the same is done."""
        machine = Socks5Handshake("origin.test", 443, PAIR)
        assert drive(machine, [LOGON, LOGGED_ON, answer], cut=cut)[1] == Established()

    @pytest.mark.parametrize("host", ["", "x" * 256, "é" * 128])
    def test_hosts_that_do_not_fit(self, host):
        """A name has 1 to 255 bytes."""
        with pytest.raises(ValueError, match="does not fit"):
            Socks5Handshake(host, 80)

    @pytest.mark.parametrize("pair", [("", "x"), ("x", ""), ("x" * 256, "y"), ("x", "é" * 128)])
    def test_passwords_that_do_not_fit(self, pair):
        """User and password have 1 to 255 bytes each."""
        with pytest.raises(ProxyAuthError, match="1 to 255 bytes"):
            Socks5Handshake("o.test", 80, pair)
