"""What a chart's archive may hold: plain files and folders under one name, within limits.

Looked at before anything unpacks or renders it. It refuses links, devices, names that are paths out of the folder,
and archives that grow when they are unpacked. It also makes archives, of which the same files are the same bytes.
"""

import gzip
import io
import tarfile
import zlib
from collections.abc import Mapping
from typing import NoReturn

from chalicelib.core.errors import Rejected

MAX_ARCHIVE_BYTES = 5 * 1024**2
MAX_UNPACKED_BYTES = 20 * 1024**2
MAX_FILES = 2000


def check_archive(archive: bytes, name: str) -> None:
    """Refuse a chart archive that is not what a chart's archive should be.

    Raises:
        Rejected: it is too large, is no gzipped tar, or holds anything but files and folders with plain names.
    """
    if len(archive) > MAX_ARCHIVE_BYTES:
        _refuse(name, f"its archive is larger than {MAX_ARCHIVE_BYTES // 1024**2} MB")
    try:
        with tarfile.open(fileobj=io.BytesIO(_unpacked(archive, name)), mode="r:") as tar:
            for count, member in enumerate(tar, start=1):
                if count > MAX_FILES:
                    _refuse(name, f"its archive holds more than {MAX_FILES} files")
                _check_member(member, name)
    except (tarfile.TarError, zlib.error, EOFError, ValueError) as error:
        raise Rejected(f"chart {name}: its archive can't be read: {error}") from error


def pack_archive(name: str, files: Mapping[str, bytes]) -> bytes:
    """The archive of the chart `name` with `files` by their path in it; no time, owner or order of theirs shows."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(files):
            member = tarfile.TarInfo(f"{name}/{path}")
            member.size = len(files[path])
            tar.addfile(member, io.BytesIO(files[path]))
    return gzip.compress(plain.getvalue(), mtime=0)


def file_in(archive: bytes, path: str) -> bytes | None:
    """The content of one file of a checked archive, by its path within the chart."""
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        for member in tar:
            if member.isfile() and member.name.partition("/")[2] == path:
                content = tar.extractfile(member)
                return content.read() if content else None
    return None


def _unpacked(archive: bytes, name: str) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    unpacked = unpacker.decompress(archive, MAX_UNPACKED_BYTES + 1)
    if len(unpacked) > MAX_UNPACKED_BYTES:
        _refuse(name, f"its archive unpacks to more than {MAX_UNPACKED_BYTES // 1024**2} MB")
    if not unpacker.eof or unpacker.unused_data:
        _refuse(name, "its archive is cut off, or something follows it")
    return unpacked


def _check_member(member: tarfile.TarInfo, name: str) -> None:
    if member.issym() or member.islnk():
        _refuse(name, f"its archive holds a link, {member.name!r}: links are not read")
    if not (member.isfile() or member.isdir()):
        _refuse(name, f"its archive holds {member.name!r}, which is neither a file nor a folder")
    parts = member.name.rstrip("/").split("/")
    if any(part in ("", "..") for part in parts) or any(
        ord(character) < 32 or character == "\\" for character in member.name
    ):
        _refuse(name, f"its archive holds {member.name!r}, which is no plain name in its folder")


def _refuse(name: str, reason: str) -> NoReturn:
    raise Rejected(f"chart {name}: {reason}")
