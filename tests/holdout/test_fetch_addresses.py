"""Which addresses are public: the table, the corpus of bad ones, and every address there is (by chance)."""

import json
import tomllib
from importlib import resources
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from holdout.fetch import is_public
from holdout.fetch.addresses import special_blocks

BAD = {
    "this network": "0.0.0.0 0.0.0.1 0.255.255.255",
    "private": "10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.1 192.168.255.255",
    "shared": "100.64.0.1 100.100.100.200 100.127.255.255",
    "loopback": "127.0.0.1 127.0.0.53 127.1.2.3 127.255.255.255",
    "link-local, metadata": "169.254.0.1 169.254.169.254 169.254.170.2",
    "protocol assignments": "192.0.0.0 192.0.0.8 192.0.0.9 192.0.0.10 192.0.0.170 192.0.0.192 192.0.0.255",
    "documentation": "192.0.2.1 198.51.100.1 203.0.113.1",
    "AS112, AMT, relays": "192.31.196.1 192.175.48.1 192.52.193.1 192.88.99.1 192.88.99.2",
    "benchmarking": "198.18.0.1 198.19.255.255",
    "multicast": "224.0.0.1 239.255.255.250 239.255.255.255",
    "reserved, broadcast": "240.0.0.1 255.255.255.254 255.255.255.255",
    "IPv6 itself, loopback": ":: ::1",
    "IPv6 private, metadata": "fc00::1 fd00::1 fd00:ec2::254",
    "IPv6 link-local": "fe80::1 fe80::1%eth0 febf::1",
    "IPv6 site-local": "fec0::1 feff::1",
    "IPv6 multicast": "ff02::1 ff0e::1",
    "discard, dummy, SRv6": "100::1 100:0:0:1::1 5f00::1",
    "IPv4-mapped": "::ffff:127.0.0.1 ::ffff:169.254.169.254 ::ffff:8.8.8.8 ::ffff:7f00:1",
    "IPv4-compatible": "::127.0.0.1 ::8.8.8.8",
    "IPv4-translated (SIIT)": "::ffff:0:127.0.0.1 ::ffff:0:8.8.8.8",
    "NAT64": "64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b::8.8.8.8 64:ff9b:1::1 64:ff9b:1:abcd::7f00:1",
    "6to4": "2002:7f00:1:: 2002:a9fe:a9fe:: 2002:808:808::1",
    "Teredo": "2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "IPv6 protocol assignments": "2001:1::1 2001:1::3 2001:2::1 2001:3::1 2001:4:112::1 2001:1ff:ffff::1",
    "ORCHID, drones": "2001:10::1 2001:20::1 2001:2f:ffff::1 2001:30::1",
    "IPv6 documentation": "2001:db8::1 3fff::1 3fff:fff:ffff::1",
    "IPv6 AS112": "2620:4f:8000::1",
    "given out to nobody": "1::1 200::1 400::1 1fff::1 4000::1 6000::1 8000::1 c000::1 e000::1 f800::1",
}
NOT_PUBLIC = [address for row in BAD.values() for address in row.split()]

GOOD = {
    "known places": "1.1.1.1 8.8.8.8 9.9.9.9 93.184.215.14",
    "known places, IPv6": "2001:4860:4860::8888 2606:4700:4700::1111 2620:fe::fe 2a00:1450::1 2003::1",
    "next to private": "9.255.255.255 11.0.0.0 172.15.255.255 172.32.0.0 192.167.255.255 192.169.0.0",
    "next to shared, loopback": "100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0",
    "next to link-local": "169.253.255.255 169.255.0.0",
    "next to others": "191.255.255.255 192.0.1.0 192.88.98.255 198.17.255.255 198.20.0.0 223.255.255.255",
    "next to others, IPv6": "2000:: 2001:200:: 2001:db7:ffff::1 2001:db9:: 2003:: 3ffe:ffff::1 3fff:1000::",
}

NO_ADDRESSES = [
    *("", " ", "localhost", "example.com", "1.2.3", "1.2.3.4.5", ":::", "\x00", "8.8.8.8\n", " 8.8.8.8"),
    *("127.1", "0177.0.0.1", "2130706433", "0x7f.1", "127.0.0.01", "127。0。0。1", "①②⑦.⓪.⓪.①"),
    *("8.8.8.8:80", "[2606:4700::1]", "8.8.8.8/32", "8.8.8.8%1", "2606:4700::1%eth0"),
]

ANY_ADDRESS = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))


def table() -> dict[str, Any]:
    file = resources.files("holdout.fetch").joinpath("special_purpose.toml")
    return tomllib.loads(file.read_text(encoding="utf-8"))


def test_no_address_of_the_corpus_is_public() -> None:
    assert len(set(NOT_PUBLIC)) >= 90
    assert [address for address in NOT_PUBLIC if is_public(address)] == []


def test_what_is_not_one_plain_address_is_not_public() -> None:
    assert [text for text in NO_ADDRESSES if is_public(text)] == []


def test_known_places_and_the_neighbours_of_special_blocks_are_public() -> None:
    assert [address for row in GOOD.values() for address in row.split() if not is_public(address)] == []


def test_the_table_is_whole_dated_and_sourced() -> None:
    rows = table()
    assert (len(rows["ipv4"]), len(rows["ipv6"]), len(rows["beyond"])) == (26, 25, 5)
    assert rows["as_of"].year >= 2025
    listed = [tuple(row) for name in ("ipv4", "ipv6", "beyond") for row in rows[name]]
    assert len(set(listed)) == len(listed) == len(special_blocks())
    assert all(str(ip_network(block)) == block and purpose and source for block, purpose, source in listed)


def test_the_borders_of_every_special_block_are_refused() -> None:
    for block in special_blocks():
        assert not is_public(block[0])
        assert not is_public(block[-1])
        assert not is_public(block[block.num_addresses // 2])


@given(ANY_ADDRESS)
@example(IPv4Address("192.88.99.1"))
@example(IPv6Address("fec0::1"))
def test_what_is_public_is_so_by_the_stdlibs_reading_too(address: IPv4Address | IPv6Address) -> None:
    if is_public(address):
        assert address.is_global
        assert not address.is_multicast
        assert not address.is_reserved
        assert is_public(str(address))


@given(st.sampled_from(special_blocks()), st.data())
def test_no_address_of_a_special_block_is_public(
    block: IPv4Network | IPv6Network, data: st.DataObject
) -> None:
    offset = data.draw(st.integers(0, block.num_addresses - 1))
    assert not is_public(block[offset])


@given(st.integers(0, 2**32 - 1))
def test_an_ipv4_address_in_ipv6_clothes_is_never_public(address: int) -> None:
    inner = IPv4Address(address)
    dressed = (f"::ffff:{inner}", f"::{inner}", f"::ffff:0:{inner}", f"64:ff9b::{inner}")
    assert not any(map(is_public, dressed))
    assert not is_public(IPv6Address((0x2002 << 112) | (address << 80) | 1))
    assert not is_public(IPv6Address((0x20010000 << 96) | (~address & 0xFFFFFFFF)))


@given(st.one_of(st.text(), ANY_ADDRESS.map(str).flatmap(lambda text: st.text().map(lambda end: text + end))))
def test_reading_an_address_never_raises(text: str) -> None:
    assert is_public(text) in (True, False)
    if is_public(text):
        assert json.dumps(str(ip_address(text)))
