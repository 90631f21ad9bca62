"""The sandbox as a WSGI application: A&AI below ``/aai``, MSB below ``/api``, and on ``/`` what it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http.client import responses
from typing import Any
from urllib.parse import parse_qsl

from multicloud.core import shallow
from multicloud.sandbox.cloud import Cloud, CloudError
from multicloud.sandbox.drivers import Request, Response, respond
from multicloud.sandbox.regions import REGIONS

MOST = 1 << 20  # bytes of a body

WHAT = (
    "This is the sandbox of the Multi-Cloud API: a stand-in for A&AI (below /aai) and MSB with its drivers (below /api)."
    " Everything in it is made up, kept in memory, and gone with the process. Do not put it into production."
)


class Sandbox:
    """The WSGI application."""

    def __init__(self) -> None:
        self._clouds = {key: Cloud(region) for key, region in REGIONS.items()}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve one request (PEP 3333)."""
        try:
            response = self._response(environ)
        except CloudError as error:
            response = Response(error.status, {"error": str(error)})
        body, fields = response.content()
        start_response(f"{response.status} {responses[response.status]}", list(fields))
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]

    def _response(self, environ: dict[str, Any]) -> Response:
        match environ.get("PATH_INFO", "/").split("/")[1:]:
            case [""]:
                return Response(
                    200, {"what": WHAT, "regions": [region.in_aai() for region in REGIONS.values()]}
                )
            case ["aai", _, "cloud-infrastructure", "cloud-regions", "cloud-region", owner, name]:
                return Response(200, self._cloud(owner, name).region.in_aai())
            case ["api", driver, "v0", vim_id, *rest]:
                owner, _, name = vim_id.partition("_")
                return self._driver(environ, driver, "v0", self._cloud(owner, name), rest)
            case ["api", driver, "v1", owner, name, *rest]:
                return self._driver(environ, driver, "v1", self._cloud(owner, name), rest)
        raise CloudError(404, "the sandbox has nothing here; see /")

    def _cloud(self, owner: str, name: str) -> Cloud:
        cloud = self._clouds.get((owner, name))
        if cloud is None:
            raise CloudError(404, f"there is no region {owner}_{name}; see /")
        return cloud

    def _driver(
        self, environ: dict[str, Any], driver: str, version: str, cloud: Cloud, rest: list[str]
    ) -> Response:
        if driver != cloud.region.driver:
            raise CloudError(
                404, f"{driver} does not serve {cloud.region.vim_id}: {cloud.region.driver} does"
            )
        return respond(
            cloud,
            Request(
                environ["REQUEST_METHOD"],
                version,
                tuple(segment for segment in rest if segment),
                dict(parse_qsl(environ.get("QUERY_STRING", ""))),
                environ.get("HTTP_X_AUTH_TOKEN"),
                _json(environ),
            ),
        )


def _json(environ: dict[str, Any]) -> Any:
    """Return the body's JSON; an empty object if there is no body."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if length > MOST:
        raise CloudError(413, f"the sandbox reads {MOST} bytes at most")
    body = environ["wsgi.input"].read(MOST if environ.get("wsgi.input_terminated") else length)
    if not body:
        return {}
    try:
        return shallow.loads(body)
    except ValueError as error:
        raise CloudError(400, f"the body is no JSON: {error}") from error


application = Sandbox()
