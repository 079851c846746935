"""Authentication by token, and access reviews."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.demo import run_demo
from tests.gateway.demo.demo_client import DemoCluster, connect

REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
RULES = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


@asynccontextmanager
async def guarded() -> AsyncIterator[DemoCluster]:
    demo = run_demo(living=False, controllers=False, planted=False, tokens={"secret": "alice"})
    async with demo as running, connect(running) as cluster:
        yield cluster


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer other", "Basic secret"])
async def test_an_unknown_token_is_unauthorized(header: str) -> None:
    async with guarded() as cluster:
        for path in ("/api/v1/pods", "/apis", "/openapi/v3"):
            response = await cluster.client.get(path, headers={"Authorization": header} if header else {})
            assert (response.status_code, response.json()["reason"]) == (401, "Unauthorized")


async def test_a_token_identifies_its_user() -> None:
    async with guarded() as cluster:
        cluster.client.headers["Authorization"] = "Bearer secret"
        assert (await cluster.get("/api/v1/pods"))["items"] == []
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        review = await cluster.create(WHO, body)
        assert review["status"]["userInfo"]["username"] == "alice"


async def test_access_reviews_allow_everything(bare: DemoCluster) -> None:
    body = {"spec": {"resourceAttributes": {"verb": "list", "resource": "pods"}}}
    review = await bare.create(REVIEW, body)
    assert review["status"]["allowed"] is True
    assert review["spec"] == body["spec"]


async def test_the_rules_of_every_user_allow_everything(bare: DemoCluster) -> None:
    review = await bare.create(RULES, {"spec": {"namespace": "default"}})
    (rule,) = review["status"]["resourceRules"]
    assert rule == {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
    assert review["status"]["incomplete"] is False
