"""Allow and deny lists remove exactly the filtered verbs, and change no name."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.discovery import Discovery
from schema.filters import API_VERBS, Filters, MalformedPattern, Pattern, find_resource
from schema.lowering import lower
from schema.model import Verb
from schema.resources import GroupVersion, Resource
from tests.fixtures.sdl import kubernetes_discovery
from tests.schema.documents import discovery_of, lower_all, resource

READS = frozenset({"get", "list", "watch"})
PODS = replace(
    resource("v1", "Pod", subresources={"status": ["get", "patch"], "log": ["get"]}), short_names=("po",)
)
SECRETS = resource("v1", "Secret")
DEPLOYMENTS = resource("apps/v1", "Deployment", subresources={"scale": ["get", "patch"], "status": ["patch"]})
ISSUERS = resource("cert-manager.io/v1", "Issuer", subresources={"status": ["get", "patch"]})
OTHER_SECRETS = resource("vault.example.com/v1", "Secret")
ALL = discovery_of(PODS, SECRETS, DEPLOYMENTS, ISSUERS, OTHER_SECRETS)


def left(filters: Filters, discovery: Discovery = ALL) -> dict[str, set[str]]:
    """The remaining verbs, by ``resource.group`` or ``resource.group/subresource``."""
    found = {}
    for item in filters.apply(discovery).resources:
        name = f"{item.gvr.resource}.{item.gvr.group or 'core'}"
        found[name] = set(item.verbs)
        found.update({f"{name}/{below.name}": set(below.verbs) for below in item.subresources})
    return {name: verbs for name, verbs in found.items() if verbs}


def test_without_filters_everything_is_served() -> None:
    assert Filters().apply(ALL) is ALL
    assert Filters.parse(include=["*"]).apply(ALL) == ALL
    assert Filters.parse(include=["", " , "], exclude=[""]).apply(ALL) is ALL


@pytest.mark.parametrize("pattern", ["secrets", "secret", "Secret", "SECRETS"])
def test_a_name_alone_matches_in_every_group_with_its_subresources(pattern: str) -> None:
    names = set(left(Filters.parse(exclude=[pattern])))

    assert not {"secrets.core", "secrets.vault.example.com"} & names
    assert {"pods.core", "deployments.apps/scale"} <= names


@pytest.mark.parametrize(
    ("pattern", "gone"),
    [
        ("secrets.core", {"secrets.core"}),
        ("po", {"pods.core", "pods.core/status", "pods.core/log"}),
        ("*.cert-manager.io", {"issuers.cert-manager.io", "issuers.cert-manager.io/status"}),
        ("*.*.io", {"issuers.cert-manager.io", "issuers.cert-manager.io/status"}),
        ("*/status", {"pods.core/status", "deployments.apps/status", "issuers.cert-manager.io/status"}),
        ("deployments.apps/scale", {"deployments.apps/scale"}),
        ("pods/*", {"pods.core/status", "pods.core/log"}),
        ("sec*s.core", {"secrets.core"}),
        ("nothing", set()),
    ],
)
def test_a_pattern_matches_a_resource_a_group_or_a_subresource(pattern: str, gone: set[str]) -> None:
    assert set(left(Filters())) - set(left(Filters.parse(exclude=[pattern]))) == gone


def test_read_only_filters_include_subresources() -> None:
    for filters in (
        Filters.parse(include=["*:get+list+watch"]),
        Filters.parse(exclude=["*:create+update+patch+delete+deletecollection"]),
    ):
        assert all(verbs <= READS for verbs in left(filters).values())
        model = lower(filters.apply(ALL), {})
        assert {verb for item in model.resources for verb in item.pinned} <= {
            Verb.GET, Verb.LIST, Verb.WATCH_LIST, Verb.WATCH_OBJECT, Verb.HISTORY, Verb.ROLLOUT
        }  # fmt: skip


def test_applying_needs_the_right_to_create_and_scaling_the_right_to_patch() -> None:
    model = lower(Filters.parse(exclude=["*:create", "*/scale:patch"]).apply(ALL), {})
    verbs = {item.resource.gvr.resource: set(item.pinned) for item in model.resources}

    assert {Verb.PATCH, Verb.PATCH_STATUS, Verb.DELETE, Verb.RESTART} <= verbs["deployments"]
    assert not {Verb.CREATE, Verb.APPLY, Verb.SCALE} & verbs["deployments"]


def test_all_allow_lists_must_match_and_a_denial_wins() -> None:
    filters = Filters.parse(
        include=["pods,secrets", "deployments:get"], groups=["core,apps"], kinds=["Pod", "Deployment"]
    )
    assert set(left(filters)) == {
        "pods.core", "pods.core/status", "pods.core/log", "deployments.apps", "deployments.apps/scale"
    }  # fmt: skip
    assert left(filters)["deployments.apps"] == {"get"}
    assert not left(Filters.parse(include=["pods"], exclude=["*"]))


@pytest.mark.parametrize(
    "pattern",
    ["secrets:", "secrets:read", "pods:get+frob", ":get", "a b/c/d", "pods.", ".apps", "p;d", "a//b"],
)
def test_a_malformed_pattern_is_refused_by_its_text(pattern: str) -> None:
    with pytest.raises(MalformedPattern):
        Filters.parse(include=[pattern])


def test_kinds_and_groups_take_no_verbs_or_versions() -> None:
    for malformed in ({"kinds": ["Pod:get"]}, {"kinds": ["Pod/status"]}, {"groups": ["apps/v1"]}):
        with pytest.raises(MalformedPattern):
            Filters.parse(**malformed)


def test_patterns_without_a_match_are_reported() -> None:
    filters = Filters.parse(
        include=["*", "secretz"], exclude=["pods/scale", "pods/log:patch", "secrets"], groups=["core,nope"]
    )
    assert filters.unmatched(ALL) == ("secretz", "nope", "pods/scale", "pods/log:patch")


def test_no_short_name_passes_to_another_kind() -> None:
    filtered = lower(Filters.parse(exclude=["secrets.core"]).apply(ALL), {})
    secrets = [item for item in filtered.resources if item.resource.kind.kind == "Secret"]

    assert [(item.resource.gvr.group, dict(item.short)) for item in secrets] == [("vault.example.com", {})]
    assert "io.k8s.api.core.v1.Secret" not in filtered.objects


def test_a_filter_does_not_break_a_tie_between_custom_groups() -> None:
    tied = [resource("a.example/v1", "Backup"), resource("b.example/v1", "Backup")]
    filtered = lower(Filters.parse(include=["*.a.example"]).apply(discovery_of(*tied)), {})

    assert [dict(item.short) for item in filtered.resources] == [{}]
    assert {item.name: item.id for item in filtered.objects.values()}.items() <= {
        item.name: item.id for item in lower_all(tied).objects.values()
    }.items()


def test_fully_filtered_custom_groups_need_no_documents() -> None:
    unknown = replace(ALL, group_versions=(*ALL.group_versions, GroupVersion("down.example", "v1")))
    groups = Filters.parse(exclude=["*.cert-manager.io", "*.apps"]).apply(unknown).group_versions

    assert [item.group for item in groups] == ["", "apps", "vault.example.com", "down.example"]


@st.composite
def pattern_texts(draw: st.DrawFn) -> str:
    chosen: Resource = draw(st.sampled_from(kubernetes_discovery().resources))
    name = draw(st.sampled_from([chosen.gvr.resource, chosen.kind.kind, "*"]))
    group = draw(st.sampled_from(["", f".{chosen.gvr.group or 'core'}", ".*"]))
    below = draw(st.sampled_from(["", "/status", "/*"]))
    verbs = draw(st.sampled_from(["", ":get", ":patch+create", ":*"]))
    return name + group + below + verbs


@given(st.lists(pattern_texts(), max_size=4), st.lists(pattern_texts(), max_size=4))
def test_exactly_the_allowed_verbs_remain(include: list[str], exclude: list[str]) -> None:
    allowed, denied = [Pattern.parse(item) for item in include], [Pattern.parse(item) for item in exclude]
    whole = kubernetes_discovery()
    filtered = Filters.parse(include=include, exclude=exclude).apply(whole)
    for before, after in zip(whole.resources, filtered.resources, strict=True):
        assert (before.gvr, before.kind, before.preferred) == (after.gvr, after.kind, after.preferred)
        for verb in API_VERBS:
            wanted = not allowed or any(item.matches(before, None, verb) for item in allowed)
            wanted = wanted and not any(item.matches(before, None, verb) for item in denied)
            assert (verb in after.verbs) is (verb in before.verbs and wanted)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("pods", "pods.v1"),
        ("pod", "pods.v1"),
        ("po", "pods.v1"),
        ("Pod", "pods.v1"),
        ("pods.core", "pods.v1"),
        ("deploy", "deployments.v1.apps"),
        ("deployments.apps", "deployments.v1.apps"),
        ("horizontalpodautoscalers", "horizontalpodautoscalers.v2.autoscaling"),
        ("events", "events.v1"),
        ("events.events.k8s.io", "events.v1.events.k8s.io"),
        ("Deployment.core", None),
        ("nonsense", None),
    ],
)
def test_a_name_finds_its_resource(name: str, found: str | None) -> None:
    resource = find_resource(name, kubernetes_discovery().resources)
    assert (resource and str(resource.gvr)) == found


@pytest.mark.parametrize("name", ["*", "pods:get", "pods/log", "a b", ""])
def test_an_invalid_name_is_refused(name: str) -> None:
    with pytest.raises(MalformedPattern):
        find_resource(name, kubernetes_discovery().resources)
