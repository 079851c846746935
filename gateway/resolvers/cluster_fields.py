"""The root fields about the cluster (version, resources, object) and the caller (can, canAll, whoAmI)."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gateway.errors import BadArgument
from gateway.identity import Access
from gateway.kube.client import KubeClient
from gateway.resolvers.context import Info, budget_of, client_of, expect_discovery, upstream_of
from gateway.resolvers.decoding import decode_object
from gateway.resolvers.read import read_object
from schema.building import ClusterResolvers, RootField
from schema.model import Model, ServedResource, Verb
from schema.resources import GroupVersion, GroupVersionKind

__all__ = ["cluster_resolvers", "fetch_caller"]

_SUBJECT_REVIEWS = "apis/authentication.k8s.io/v1/selfsubjectreviews"


def cluster_resolvers(model: Model) -> ClusterResolvers:
    """The resolvers over one model, which ``resources`` lists and ``object`` searches."""
    by_kind = {served.resource.kind: served for served in model.resources if Verb.GET in served.pinned}
    resources = [_api_resource(served) for served in model.resources]

    async def list_resources(_source: object, info: Info) -> list[dict[str, Any]]:
        await expect_discovery(info.context)
        return resources

    async def read_any(
        _source: object,
        info: Info,
        *,
        apiVersion: str,  # noqa: N803 - GraphQL's own argument name
        kind: str,
        name: str,
        namespace: str | None = None,
    ) -> Any:
        group_version = GroupVersion.parse(apiVersion)
        served = by_kind.get(GroupVersionKind(group_version.group, group_version.version, kind))
        if served is None:
            await expect_discovery(info.context)
            raise BadArgument(
                f"the cluster serves no kind {kind} in {apiVersion}; `resources` lists what it serves"
            )
        return await read_object(RootField(Verb.GET, served), info, name=name, namespace=namespace)

    return ClusterResolvers(
        version=read_version,
        resources=list_resources,
        can=review_access,
        can_all=review_accesses,
        who_am_i=read_caller,
        object=read_any,
    )


async def read_version(_source: object, info: Info) -> Mapping[str, Any]:
    """Answer ``version``."""
    return decode_object((await upstream_of(info).get("version")).body)


async def review_access(
    _source: object, info: Info, *, verb: str, resource: str, **scope: str | None
) -> Mapping[str, Any]:
    """Answer ``can(…)``: a SelfSubjectAccessReview as the caller."""
    access = Access(verb, resource=resource, **{key: value for key, value in scope.items() if value})
    verdict = await info.context.shared.reviews.fetch(upstream_of(info), access)
    return {"allowed": False, **verdict.status}


async def review_accesses(
    _source: object, info: Info, *, checks: Sequence[Mapping[str, str | None]]
) -> list[bool]:
    """Answer ``canAll(…)``: one review per distinct check, unless a cached one allows it.

    Raises the error of a review that fails: "no" would be a guess.
    """
    accesses = [Access(**{key: value or "" for key, value in check.items()}) for check in checks]
    reviews, client, budget = info.context.shared.reviews, client_of(info), budget_of(info)
    allowed = {access: True for access in accesses if reviews.remembers(client, access)}
    unknown = tuple(dict.fromkeys(access for access in accesses if access not in allowed))
    budget.limits.expect_requests(len(unknown))

    async def review(access: Access) -> bool:
        budget.expect_request()
        async with budget.request_slot():
            return (await reviews.review(client, access)).allowed

    answers = await asyncio.gather(*map(review, unknown), return_exceptions=True)
    for access, answer in zip(unknown, answers, strict=True):
        if isinstance(answer, BaseException):
            raise answer
        allowed[access] = answer
    return [allowed[access] for access in accesses]


async def read_caller(_source: object, info: Info) -> Mapping[str, Any]:
    """Answer ``whoAmI``."""
    return await fetch_caller(upstream_of(info))


async def fetch_caller(client: KubeClient) -> Mapping[str, Any]:
    """The ``UserInfo`` of the client's user: a SelfSubjectReview. Raises StatusError, UpstreamError."""
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    response = await client.request(
        "POST",
        _SUBJECT_REVIEWS,
        body=msgspec.json.encode(body),
        content_type="application/json",
        repeatable=True,
    )
    status = decode_object(response.body).get("status") or {}
    found: Mapping[str, Any] = status.get("userInfo") or {}
    return found


def _api_resource(served: ServedResource) -> dict[str, Any]:
    resource = served.resource
    return {
        "group": resource.gvr.group,
        "version": resource.gvr.version,
        "kind": resource.kind.kind,
        "name": resource.gvr.resource,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "preferred": resource.preferred,
        "verbs": sorted(resource.verbs),
        "shortNames": list(resource.short_names),
        "categories": list(resource.categories),
        "subresources": [subresource.name for subresource in resource.subresources if subresource.verbs],
        "fields": [*served.short.values(), *served.pinned.values()],
    }
