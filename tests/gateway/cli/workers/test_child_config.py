"""The configuration of a child process on its way through the environment."""

import os

import pytest

from gateway.cli.workers.child_config import ChildConfig


def test_a_child_takes_its_configuration_once(monkeypatch: pytest.MonkeyPatch) -> None:
    config = ChildConfig(3, worker=1, workers=2, listening=4, directory="/d", demo_url="http://demo")
    for name, value in config.environment().items():
        monkeypatch.setenv(name, value)
    before = set(os.environ)
    assert ChildConfig.take() == config
    assert ChildConfig.take() is None
    assert before - set(os.environ) == set(config.environment())


def test_the_demo_is_no_worker_and_does_not_listen() -> None:
    demo = ChildConfig(3)
    assert (demo.name, demo.inherited) == ("demo", (3,))
    worker = ChildConfig(3, worker=0, listening=5)
    assert (worker.name, worker.inherited) == ("worker 0", (3, 5))
