from __future__ import annotations

import pytest


@pytest.fixture(scope="package")
def prefect_server():
    """A real Prefect server with a database of its own, for flows that this process runs."""
    pytest.importorskip("prefect", reason="the extra 'flows' is not installed")
    from prefect.testing.utilities import prefect_test_harness

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
        with prefect_test_harness(server_startup_timeout=120):
            yield
