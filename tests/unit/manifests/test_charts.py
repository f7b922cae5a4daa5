"""Versions of charts, and what an archive may hold."""

import gzip
import io
import tarfile

import pytest

from chalicelib.core.charts import MAX_ARCHIVE_BYTES, check_archive
from chalicelib.core.errors import Rejected
from chalicelib.core.versions import newest
from tests.fakes_rendering import chart_archive

VERSIONS = ["0.9.0", "1.0.0", "1.2.0", "1.2.5", "1.3.0-rc.1", "1.3.0-rc.10", "1.3.0", "2.0.0", "2.1.0-beta", "3.0.0+x"]


@pytest.mark.parametrize(
    ("wanted", "version"),
    [
        ("", "3.0.0+x"),
        ("*", "3.0.0+x"),
        ("1", "1.3.0"),
        ("1.2", "1.2.5"),
        ("~1.2.1", "1.2.5"),
        ("^1", "1.3.0"),
        ("^0.9", "0.9.0"),
        (">=1 <2", "1.3.0"),
        (">= 1.0, < 1.3", "1.2.5"),
        ("1.2.0 - 1.3", "1.3.0"),
        ("^5 || 0.9.0", "0.9.0"),
        (">=2.1.0-0 <3.0.0-0", "2.1.0-beta"),
        ("1.3.0-rc.1", "1.3.0-rc.1"),
        ("<1.3.0-rc.11 >1.3.0-rc.2", "1.3.0-rc.10"),
        ("3.0.0+x", "3.0.0+x"),
        ("9", None),
    ],
)
def test_a_range_picks_the_newest_version_it_allows(wanted: str, version: str | None) -> None:
    assert newest(VERSIONS, wanted) == version


@pytest.mark.parametrize("wanted", ["latest", ">", "1.2.3.4", "||", "1 2 x y"])
def test_what_is_no_range_is_refused(wanted: str) -> None:
    with pytest.raises(ValueError, match="range"):
        newest(VERSIONS, wanted)


def test_a_plain_archive_passes() -> None:
    check_archive(chart_archive("a", {"Chart.yaml": "x", "templates/a.yaml": "y"}), "a")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_defence_2_a_link_or_device_in_a_chart_is_refused(kind: bytes) -> None:
    member = tarfile.TarInfo("a/templates/x.yaml")
    member.type = kind
    member.linkname = "/proc/self/environ"

    with pytest.raises(Rejected, match="holds"):
        check_archive(_archive(member), "a")


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/x", "a//x", "a\\..\\x", "a/\x07"])
def test_defence_1_a_name_in_a_chart_stays_in_the_chart(name: str) -> None:
    with pytest.raises(Rejected, match="no plain name"):
        check_archive(_archive(tarfile.TarInfo(name)), "a")


def test_defence_9_an_archive_that_grows_is_refused_before_it_has_grown() -> None:
    with pytest.raises(Rejected, match="unpacks to more"):
        check_archive(gzip.compress(b"\0" * 40 * 1024**2), "a")


@pytest.mark.parametrize("archive", [b"", b"x", gzip.compress(b"no tar", mtime=0), b"x" * (MAX_ARCHIVE_BYTES + 1)])
def test_what_is_no_archive_is_refused(archive: bytes) -> None:
    with pytest.raises(Rejected):
        check_archive(archive, "a")


def test_an_archive_with_something_behind_it_is_refused() -> None:
    with pytest.raises(Rejected, match="follows"):
        check_archive(chart_archive("a", {"Chart.yaml": "x"}) + b"more", "a")


def _archive(member: tarfile.TarInfo) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        tar.addfile(member)
    return gzip.compress(plain.getvalue())
