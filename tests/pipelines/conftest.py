"""The cluster of the tests that run on Ray."""

import pytest
import ray


@pytest.fixture(scope="module")
def two_cpus():
    """One local cluster for the module, as small as the smallest machine."""
    ray.shutdown()
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()
