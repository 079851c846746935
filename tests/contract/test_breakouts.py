"""Hostile arguments over HTTP: no request that reaches the API server leaves the operation's own paths."""

import json
import re
from functools import cache

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schema.building import LazySchema
from schema.lowering import lower
from schema.verbs import Operation
from tests.fixtures.allowed_requests import check_request
from tests.fixtures.backends import TappedGateway
from tests.fixtures.breakouts import Attempt, Case, attempts, cases_of
from tests.fixtures.gateways import NO_TLS
from tests.fixtures.properties import examples
from tests.fixtures.sdl import kubernetes_discovery, kubernetes_documents
from tests.fixtures.waiting import DEADLINE
from tests.schema.documents import NoResolvers

OWN_REQUESTS = re.compile(r"/(api|apis|version|openapi/.*|.*/(customresourcedefinitions|apiservices))(\?.*)?")
"""The requests of the gateway itself, for its schema."""


@cache
def schema() -> LazySchema:
    return LazySchema(lower(kubernetes_discovery(), kubernetes_documents()), NoResolvers())


@cache
def cases() -> list[Case]:
    """Queries, and mutations that can run dry, of kinds that both API servers have."""
    found = cases_of(schema(), ["pods", "configmaps", "deployments", "nodes"])
    return [
        case
        for case in found
        if case.resource is not None
        and (case.operation is Operation.QUERY or "dryRun" in case.definition.args)
        and case.operation is not Operation.SUBSCRIPTION
    ]


@cache
def drawn_attempts() -> st.SearchStrategy[Attempt]:
    return attempts(cases())


def harmless_writes(attempt: Attempt) -> dict[str, object]:
    """The arguments, as a dry run; ``partial`` reads the namespaces of all tests."""
    given_arguments = {key: value for key, value in attempt.arguments.items() if key != "partial"}
    return (
        {**given_arguments, "dryRun": True} if "dryRun" in attempt.case.definition.args else given_arguments
    )


@settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_argument_reaches_another_path_or_adds_a_query(
    tapped_gateway: TappedGateway, data: st.DataObject
) -> None:
    drawn = data.draw(drawn_attempts())
    attempt = Attempt(drawn.case, harmless_writes(drawn), drawn.stored)
    tap, before = tapped_gateway.tap, len(tapped_gateway.tap.requests)
    url = tapped_gateway.gateway.url
    with httpx.Client(base_url=url, timeout=DEADLINE, trust_env=False, verify=NO_TLS) as client:
        # httpx encodes JSON as UTF-8, which has no lone surrogates: they need escapes
        body = json.dumps({"query": attempt.case.document, "variables": dict(attempt.arguments)})
        client.post("/graphql", content=body, headers={"content-type": "application/json"})
    for request in tap.requests[before:]:
        if not OWN_REQUESTS.fullmatch(request.target):
            check_request(attempt, schema().model, request.method, request.target)
