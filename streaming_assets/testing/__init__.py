"""The conformance kit: tests that every source must pass, for those who write one.

    from streaming_assets.testing import conformance

    TestConformance = conformance("orders")

`suite` has the tests, `checks` what each of them looks for, and the other files what the checks need.
"""

from streaming_assets.testing.suite import Conformance, conformance

__all__ = ["Conformance", "conformance"]
