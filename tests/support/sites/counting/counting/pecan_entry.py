"""The site by Pecan: `counting.pecan_entry:make_app()`."""

from __future__ import annotations

from typing import Any

import pecan

from counting import answers, breakage

breakage.at_import()


class Root:
    """All paths."""

    @pecan.expose(content_type="text/plain")  # type: ignore[untyped-decorator]
    def index(self) -> str:
        """Answer the smoke request."""
        return self._plain(answers.smoke(), breakage.at_smoke())

    @pecan.expose(content_type="text/plain")  # type: ignore[untyped-decorator]
    def count(self, **_parsed: Any) -> str:
        """Count a POST."""
        return self._plain(answers.counted(pecan.request.body))

    @pecan.expose(content_type="text/plain")  # type: ignore[untyped-decorator]
    def stream(self) -> pecan.Response:
        """Send lines until it is told to end."""
        return pecan.Response(app_iter=answers.ticks(), content_type="text/plain", charset="utf-8")

    @pecan.expose(content_type="text/plain")  # type: ignore[untyped-decorator]
    def version(self) -> str:
        """Tell which code answers."""
        return self._plain(answers.version("pecan"))

    @staticmethod
    def _plain(text: str, status: int = 200) -> str:
        pecan.response.status = status
        pecan.response.headers.update(answers.HOLDER)
        return text


def make_app() -> pecan.Pecan:
    """Make the application."""
    return pecan.Pecan(Root(), force_canonical=False)
