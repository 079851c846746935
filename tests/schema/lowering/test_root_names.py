"""Root fields: every resource has pinned names, and a later resource changes no name."""

from graphql import GraphQLError, assert_name
from hypothesis import given
from hypothesis import strategies as st

from schema.lowering.root_names import RESERVED_FIELDS, root_names, verbs_of
from schema.model import Verb
from schema.resources import GroupVersionKind, Resource
from tests.schema.documents import resource

CUSTOM_GROUPS = ["a.b", "a-b.c", "a.b-c", "a.b.c", "x.io", "gateway.networking.k8s.io", "v1.example"]
KINDS = ["Pod", "Pods", "PodStatus", "PodList", "Foo", "foo", "FOO", "Foo-Bar", "FooBar", "Query", "Object"]
KINDS += ["Manifest", "PodLogs", "Version", "Resource", "Endpoints", "É"]
PLURALS = [
    "pods",
    "podses",
    "podstatuses",
    "foos",
    "foobars",
    "foo-bars",
    "queries",
    "endpoints",
    "resources",
]

custom_resources = st.lists(
    st.builds(
        lambda group, version, kind, plural: resource(
            f"{group}/{version}", kind, plural, subresources={"status": ["patch"], "scale": ["patch"]}
        ),
        st.sampled_from(CUSTOM_GROUPS),
        st.sampled_from(["v1", "v2"]),
        st.sampled_from(KINDS),
        st.sampled_from(PLURALS),
    ),
    unique_by=lambda item: item.gvr,
    max_size=12,
)
any_resources = st.lists(
    st.builds(
        lambda group, version, kind, plural: resource(f"{group}/{version or 'v1'}", kind, plural),
        *[st.text(max_size=6)] * 4,
    ),
    unique_by=lambda item: item.gvr,
    max_size=8,
)
BUILTIN = [
    resource("v1", "Pod", subresources={"status": ["patch"]}),
    resource("v1", "Event"),
    resource("v1", "Endpoints", "endpoints"),
    resource("apps/v1", "Deployment", subresources={"status": ["patch"], "scale": ["patch"]}),
    resource("events.k8s.io/v1", "Event"),
    resource("autoscaling/v2", "HorizontalPodAutoscaler"),
    resource("autoscaling/v1", "HorizontalPodAutoscaler", preferred=False),
]
SCOPES = {
    Verb.LIST: "Query",
    Verb.GET: "Query",
    Verb.WATCH_LIST: "Subscription",
    Verb.WATCH_OBJECT: "Subscription",
}


def kinds_of(resources: list[Resource]) -> set[GroupVersionKind]:
    return {item.kind for item in resources}


def meanings(resources: list[Resource], custom: list[Resource]) -> dict[tuple[str, str], object]:
    """The (resource, verb) of every root field by root type and name; asserts that names are distinct."""
    found: dict[tuple[str, str], object] = {}
    for item, names in zip(resources, root_names(resources, kinds_of(custom)), strict=True):
        assert tuple(names.pinned) == verbs_of(item)
        for verb, name in [*names.pinned.items(), *names.short.items()]:
            place = (SCOPES.get(verb, "Mutation"), name)
            assert place not in found
            found[place] = (item.gvr, verb)
    return found


def short(resources: list[Resource], custom: list[Resource] | None = None) -> list[set[str]]:
    names = root_names(resources, kinds_of(custom or []))
    return [{item.short[verb] for verb in (Verb.LIST, Verb.GET) if verb in item.short} for item in names]


def test_pinned_names_begin_with_group_and_version() -> None:
    pods, _, endpoints, deployments, *_ = root_names(BUILTIN)

    assert pods.pinned[Verb.LIST] == "core_v1_pods"
    assert pods.pinned[Verb.PATCH_STATUS] == "core_v1_patchPodStatus"
    assert endpoints.pinned[Verb.WATCH_LIST] == "core_v1_endpointsList"
    assert deployments.pinned[Verb.PATCH] == "apps_v1_patchDeployment"
    assert deployments.short[Verb.SCALE] == "scaleDeployment"
    assert deployments.short[Verb.RESTART] == "restartDeployment"
    certificates = root_names([resource("cert-manager.io/v1", "Certificate")])[0]
    assert certificates.pinned[Verb.LIST] == "cert_manager_io_v1_certificates"
    assert certificates.short[Verb.LIST] == "certificates"


def test_the_first_builtin_group_and_only_the_preferred_version_have_the_short_name() -> None:
    assert short(BUILTIN)[1] == {"events", "event"}
    assert short(BUILTIN)[4] == set()
    assert short(BUILTIN)[5] == {"horizontalPodAutoscalers", "horizontalPodAutoscaler"}
    assert short(BUILTIN)[6] == set()


def test_a_custom_pod_does_not_take_the_short_name_even_when_discovery_has_it_first() -> None:
    custom = resource("x.io/v1", "Pod")

    assert short([custom, *BUILTIN])[:2] == [set(), {"pods", "pod"}]


def test_the_names_of_unserved_verbs_stay_reserved() -> None:
    custom = resource("x.io/v1", "Pod", subresources={"scale": ["patch"], "status": ["patch"]})
    names = root_names([*BUILTIN, custom])

    assert Verb.SCALE not in names[0].pinned
    assert names[-1].pinned[Verb.SCALE] == "x_io_v1_scalePod"
    assert not names[-1].short


def test_a_tie_between_custom_groups_leaves_the_short_name_to_none_and_the_pinned_to_both() -> None:
    tied = [resource("a.io/v1", "Backup"), resource("b.io/v1", "Backup")]

    assert short(tied) == [set(), set()]
    assert [item.pinned[Verb.LIST] for item in root_names(tied)] == ["a_io_v1_backups", "b_io_v1_backups"]


def test_crds_in_kubernetes_own_groups_win_over_custom_groups_but_not_over_each_other() -> None:
    gateway, other = resource("gateway.networking.k8s.io/v1", "Gateway"), resource("z.k8s.io/v1", "Gateway")
    istio = resource("networking.istio.io/v1", "Gateway")

    assert short([istio, gateway], [istio, gateway]) == [set(), {"gateways", "gateway"}]
    assert short([istio, gateway, other], [istio, gateway, other]) == [set(), set(), set()]


def test_the_fields_about_the_cluster_keep_their_names() -> None:
    clashing = [
        resource("x.io/v1", kind) for kind in ("Version", "Resource", "Object", "Manifest", "PodLogs")
    ]

    for names in root_names(clashing):
        assert RESERVED_FIELDS.isdisjoint(names.short.values())
        assert names.pinned


def test_groups_with_equal_spelling_have_distinct_names() -> None:
    alike = [resource("a.b/v1", "Foo"), resource("a-b/v1", "Foo"), resource("c.io/v1", "Foo")]
    names = [item.pinned[Verb.LIST] for item in root_names(alike[1:])]
    assert names == ["a_b_v1_foos", "c_io_v1_foos"]

    both = [
        item.pinned[Verb.LIST]
        for item in root_names([resource("a.b.c/v1", "Foo"), resource("a-b.c/v1", "Foo")])
    ]
    assert len(set(both)) == 2
    assert all(name.startswith("a_b_c_v1_foos_") for name in both)


def test_a_status_field_never_collides_with_a_kind_named_status() -> None:
    foo, status = root_names(
        [
            resource("x.io/v1", "Foo", subresources={"status": ["patch"]}),
            resource("x.io/v1", "FooStatus", "foostatuses"),
        ]
    )

    assert foo.pinned[Verb.PATCH_STATUS] != status.pinned[Verb.PATCH]
    assert Verb.PATCH_STATUS not in foo.short
    assert Verb.PATCH not in status.short
    assert foo.short[Verb.PATCH] == "patchFoo"


@given(any_resources)
def test_any_resources_have_valid_and_distinct_names(resources: list[Resource]) -> None:
    for _, name in meanings(resources, resources):
        assert not name.startswith("__")
        try:
            assert_name(name)
        except GraphQLError as error:
            raise AssertionError(name) from error


@given(custom_resources, custom_resources)
def test_a_new_crd_never_changes_the_meaning_of_a_field_name(
    old: list[Resource], new: list[Resource]
) -> None:
    known = {item.gvr for item in old}
    # a CRD of the Kubernetes project may win over others'
    added = [item for item in new if item.gvr not in known and not item.gvr.group.endswith(".k8s.io")]
    before = meanings([*BUILTIN, *old], old)
    after = meanings([*BUILTIN, *added, *old], old + added)

    shared = before.keys() & after.keys()
    assert {place: after[place] for place in shared} == {place: before[place] for place in shared}


@given(custom_resources)
def test_no_crd_takes_a_name_from_a_builtin_kind(custom: list[Resource]) -> None:
    alone = meanings(BUILTIN, [])

    assert alone.items() <= meanings([*custom, *BUILTIN], custom).items()
