import pytest
from testhosts import mirror
from testhosts.command import HostsError
from testhosts.mirror import DEBIAN, UBUNTU, Source

ON_DEBIAN = [
    Source("https://vendor.example/apt/", "Vendor", "Vendor"),
    Source("http://mirror.example/debian-security/", "Debian", "Debian-Security"),
    Source("http://mirror.example/debian/", "Debian", "Debian"),
]
ON_UBUNTU = [Source("http://mirror.example/ubuntu", "Ubuntu", "Ubuntu")]


@pytest.mark.parametrize(
    ("family", "sources", "environment", "uri"),
    [
        pytest.param(
            DEBIAN, ON_DEBIAN, {}, "http://mirror.example/debian/", id="its own, not the security one"
        ),
        pytest.param(UBUNTU, ON_UBUNTU, {}, "http://mirror.example/ubuntu", id="its own"),
        pytest.param(UBUNTU, ON_DEBIAN, {}, "http://mirror.example/ubuntu", id="beside the other family's"),
        pytest.param(DEBIAN, ON_UBUNTU, {}, "http://mirror.example/debian", id="beside, the other way"),
        pytest.param(
            UBUNTU, ON_DEBIAN, {"MOORING_TEST_MIRROR_UBUNTU": "http://x/u"}, "http://x/u", id="named"
        ),
        pytest.param(
            UBUNTU, [], {"MOORING_TEST_MIRROR_UBUNTU": "http://x/u"}, "http://x/u", id="named alone"
        ),
    ],
)
def test_a_mirror_is_found(family, sources, environment, uri):
    assert mirror.find_mirror(family, sources, environment) == uri


def test_no_mirror_is_an_error_that_names_the_variable():
    with pytest.raises(HostsError, match="MOORING_TEST_MIRROR_UBUNTU=<"):
        mirror.find_mirror(UBUNTU, ON_DEBIAN[:1], {})


def test_the_mirror_of_the_other_family_is_no_answer_by_its_variable():
    with pytest.raises(HostsError):
        mirror.find_mirror(UBUNTU, [], {"MOORING_TEST_MIRROR_DEBIAN": "http://x/debian"})


@pytest.mark.parametrize(
    ("family", "sources", "uri"),
    [
        (DEBIAN, ON_DEBIAN, "http://mirror.example/debian-security/"),
        (DEBIAN, ON_UBUNTU, None),
        (UBUNTU, ON_DEBIAN, "http://m/"),
    ],
)
def test_security_updates(family, sources, uri):
    assert mirror.find_security_mirror(family, "http://m/", sources) == uri


@pytest.mark.parametrize(
    ("option", "passed"),
    [
        ('Acquire::http::Proxy "http://proxy:3142";', True),
        ('Acquire::https::CAInfo "/etc/ssl/corporate.pem";', True),
        ('Acquire::Check-Valid-Until "false";', True),
        ('Acquire::Retries "3";', True),
        ('Acquire::Changelogs::URI::Origin::Debian "https://x/";', False),
        ('Acquire::IndexTargets::deb::DEP-11 "1";', False),
    ],
)
def test_only_what_reaches_the_mirror_is_passed_to_the_builder(option, passed):
    assert bool(mirror.PASSED_OPTIONS.match(option)) is passed
