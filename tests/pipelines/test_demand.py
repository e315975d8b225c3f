"""Requests for machines to an autoscaler."""

import pytest

from pipelines import demand
from pipelines.demand import Demand
from pipelines.resources import Resources


def test_a_request_is_sent_when_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[list[dict[str, float]]] = []
    monkeypatch.setattr(demand, "request_resources", lambda bundles: sent.append(bundles))
    worker = Resources(0.9, gpus=0.25, memory_bytes=3_000)
    asking = Demand()
    asking.request(worker, 2)
    asking.request(worker, 2)
    asking.request(worker, 1)
    asking.request(Resources(0.9), 1)
    asking.end()
    asking.end()
    bundle = {"CPU": 0.9, "GPU": 0.25, "memory": 3_000}
    assert sent == [[bundle, bundle], [bundle], [{"CPU": 0.9}], []]
