"""Connections to private addresses are refused, directly and by redirects."""

import ipaddress
from pathlib import Path

import pytest

from mytalk_core.data import web_access
from mytalk_core.data.fetch import file_identity, local_copy
from mytalk_core.data.web_access import public_addresses_only
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.limits import MediaLimits
from tests.web_site import Site, serving


def test_names_that_resolve_to_private_addresses_are_refused(tmp_path: Path) -> None:
    site = Site(headers={"ETag": "1"})
    with serving(site):
        for url in (site.url, site.url.replace("127.0.0.1", "localhost")):
            with public_addresses_only(), pytest.raises(BadInputError) as refused:
                file_identity(url)
            assert refused.value.reason is Reason.NOT_ALLOWED
            assert "--allow-private-addresses" in refused.value.remedy
            with (
                public_addresses_only(),
                pytest.raises(BadInputError, match="private address"),
                local_copy(url, tmp_path, MediaLimits()),
            ):
                pass
        assert site.gets == 0
        with public_addresses_only(False):
            assert file_identity(site.url) == "4-1"
        assert file_identity(site.url) == "4-1"


def test_a_redirect_to_a_private_address_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inner = ipaddress.ip_address("127.0.0.2")
    monkeypatch.setattr(web_access, "is_private_address", lambda address: address == inner)
    site = Site(statuses=[302] * 8)
    with serving(site):
        site.headers["Location"] = site.url.replace("127.0.0.1", str(inner))
        with public_addresses_only(), pytest.raises(BadInputError) as refused:
            file_identity(site.url)
    assert refused.value.reason is Reason.NOT_ALLOWED
