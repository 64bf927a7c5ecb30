"""One network for each test, where they can be made; else its tests are skipped, or fail if they are required."""

from collections.abc import Callable, Iterator

import pytest

from tests.netns.network import CLIENT, GATEWAY, Network
from tests.real.conftest import available

URL = "http://h.test/"


@pytest.fixture
def network(tmp_path) -> Iterator[Network]:
    """A client and a gateway without any service."""
    with available(), Network(tmp_path) as made:
        yield made


@pytest.fixture
def by_dns(network) -> Network:
    """A network whose DNS knows wpad.corp.test, with a web server there; the client has an address without DHCP."""
    network.serve_names(f"--address=/wpad.corp.test/{GATEWAY}")
    network.serve_web()
    network.connect(CLIENT)
    return network


@pytest.fixture
def by_dhcp(network) -> Callable[[str, str], Network]:
    """Return what makes a network with option 252 whose client has a lease by a program, and wpad.corp.test in DNS."""

    def start(url: str, client: str = "dhclient") -> Network:
        network.serve_names(f"--dhcp-option=252,{url}", f"--address=/wpad.corp.test/{GATEWAY}")
        network.serve_web()
        with available():
            getattr(network, client)()
        return network

    return start
