"""Files that are replaced while the gateway runs."""

import logging
from pathlib import Path

import pytest

from gateway.errors import ConfigurationError
from gateway.identity import WatchedFile


def parse(content: bytes) -> int:
    try:
        return int(content)
    except ValueError as error:
        raise ConfigurationError("it is no number") from error


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "number"
    path.write_text("1")
    return path


def test_a_changed_file_is_read_again_within_a_second(path: Path) -> None:
    time = Time()
    file = WatchedFile(path, parse, time)
    path.write_text("22")
    assert file.value == 1
    time.now = 1.0
    assert file.value == 22


def test_a_replaced_link_counts_as_a_change(path: Path, tmp_path: Path) -> None:
    time, link = Time(), tmp_path / "link"
    link.symlink_to(path)
    file = WatchedFile(link, parse, time)
    (tmp_path / "other").write_text("2")
    link.unlink()
    link.symlink_to(tmp_path / "other")
    time.now = 1.0
    assert file.value == 2


def test_unusable_content_keeps_the_previous_one_and_is_logged_once(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    time = Time()
    file = WatchedFile(path, parse, time)
    path.write_text("nothing")
    for time.now in (1.0, 2.0, 3.0):
        assert file.value == 1
    path.unlink()
    for time.now in (4.0, 5.0):
        assert file.value == 1
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 2
    path.write_text("3")
    time.now = 6.0
    assert file.value == 3


def test_the_first_content_has_to_be_usable(path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot read .*missing"):
        WatchedFile(path.with_name("missing"), parse)
    path.write_text("nothing")
    with pytest.raises(ConfigurationError, match="number: it is no number"):
        WatchedFile(path, parse)
