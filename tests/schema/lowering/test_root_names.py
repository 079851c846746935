"""Root fields: every resource has pinned names, and a later resource changes no name."""

from graphql import GraphQLError, assert_name
from hypothesis import given
from hypothesis import strategies as st

from schema.installed import APIService, InstalledAPIs, Origin
from schema.lowering.root_names import RESERVED_FIELDS, names_depend_on_age, root_names
from schema.resources import GroupVersionKind, Resource
from schema.verbs import FieldVerb, Verb, verbs_of
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
SCOPES: dict[FieldVerb, str] = {
    Verb.LIST: "Query",
    Verb.GET: "Query",
    Verb.WATCH_LIST: "Subscription",
    Verb.WATCH_OBJECT: "Subscription",
}


def kinds_of(resources: list[Resource]) -> set[GroupVersionKind]:
    return {item.kind for item in resources}


def meanings(
    resources: list[Resource], custom: list[Resource], installed: InstalledAPIs | None = None
) -> dict[tuple[str, str], object]:
    """The (resource, verb) of every root field by root type and name; asserts that names are distinct."""
    found: dict[tuple[str, str], object] = {}
    for item, names in zip(resources, root_names(resources, kinds_of(custom), installed), strict=True):
        assert tuple(names.pinned) == verbs_of(item)
        for verb, name in [*names.pinned.items(), *names.short.items()]:
            place = (SCOPES.get(verb, "Mutation"), name)
            assert place not in found
            found[place] = (item.gvr, verb)
    return found


def short(
    resources: list[Resource], custom: list[Resource] | None = None, installed: InstalledAPIs | None = None
) -> list[set[str]]:
    names = root_names(resources, kinds_of(custom or []), installed)
    return [{item.short[verb] for verb in (Verb.LIST, Verb.GET) if verb in item.short} for item in names]


def crds(*oldest_first: Resource) -> InstalledAPIs:
    """CRDs for these resources, installed one day after the other."""
    return InstalledAPIs(
        crds={
            f"{item.gvr.resource}.{item.gvr.group}": f"2026-01-{day:02}T00:00:00Z"
            for day, item in enumerate(oldest_first, 1)
        }
    )


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


def test_without_the_age_of_crds_a_contested_name_belongs_to_no_resource() -> None:
    tied = [resource("a.io/v1", "Backup"), resource("b.io/v1", "Backup")]

    assert short(tied) == [set(), set()]
    assert [item.pinned[Verb.LIST] for item in root_names(tied)] == ["a_io_v1_backups", "b_io_v1_backups"]
    assert [item.lost[Verb.LIST] for item in root_names(tied)] == ["backups", "backups"]


def test_the_oldest_crd_has_the_short_name() -> None:
    cnpg, velero = resource("postgresql.cnpg.io/v1", "Backup"), resource("velero.io/v1", "Backup")

    for resources in ([cnpg, velero], [velero, cnpg]):
        names = dict(zip(resources, root_names(resources, installed=crds(cnpg, velero)), strict=True))
        assert names[cnpg].short[Verb.LIST] == "backups"
        assert not names[cnpg].lost
        assert names[velero].short == {}
        assert names[velero].lost[Verb.CREATE] == "createBackup"
    assert short([cnpg, velero], installed=crds(velero, cnpg)) == [set(), {"backups", "backup"}]


def test_of_crds_with_one_age_the_first_by_name_has_the_short_name() -> None:
    tied = [resource("b.io/v1", "Backup"), resource("a.io/v1", "Backup")]
    installed = InstalledAPIs(crds=dict.fromkeys(["backups.a.io", "backups.b.io"], "2026-01-01T00:00:00Z"))

    assert short(tied, installed=installed) == [set(), {"backups", "backup"}]


def test_a_crd_in_a_group_of_kubernetes_is_as_custom_as_any_other() -> None:
    gateway = resource("gateway.networking.k8s.io/v1", "Gateway")
    istio = resource("networking.istio.io/v1", "Gateway")
    both = [istio, gateway]

    assert short(both, both, crds(istio, gateway)) == [{"gateways", "gateway"}, set()]
    assert short(both, both, crds(gateway, istio)) == [set(), {"gateways", "gateway"}]
    assert short(both, both) == [set(), set()]


def test_a_builtin_resource_wins_over_every_crd() -> None:
    custom = resource("older.k8s.io/v1", "NetworkPolicy", "networkpolicies")
    builtin = resource("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")

    names = short([custom, builtin], [custom], crds(custom))
    assert names == [set(), {"networkPolicies", "networkPolicy"}]


def test_an_aggregated_api_is_as_old_as_its_api_service() -> None:
    metrics, custom = resource("metrics.k8s.io/v1", "Usage"), resource("a.io/v1", "Usage")
    both = [metrics, custom]

    def installed(created: str) -> InstalledAPIs:
        services = {
            "v1.metrics.k8s.io": APIService(created, Origin.AGGREGATED),
            "v1.a.io": APIService("2026-02-01T00:00:00Z", Origin.CRD),
        }
        return InstalledAPIs(crds={"usages.a.io": "2026-02-01T00:00:00Z"}, api_services=services)

    assert short(both, [custom], installed("2026-03-01T00:00:00Z")) == [set(), {"usages", "usage"}]
    assert short(both, [custom], installed("2026-01-01T00:00:00Z")) == [{"usages", "usage"}, set()]


def test_a_crd_that_is_being_deleted_takes_no_name_along() -> None:
    staying, leaving = resource("a.io/v1", "Backup"), resource("b.io/v1", "Backup")

    assert short([leaving, staying], [staying, leaving], crds(staying)) == [set(), {"backups", "backup"}]


def test_a_list_whose_plural_another_kind_has_is_named_after_its_singular() -> None:
    metrics = resource("metrics.k8s.io/v1beta1", "PodMetrics", "pods")
    names = root_names([*BUILTIN, metrics])[-1]

    assert names.short[Verb.LIST] == names.short[Verb.WATCH_LIST] == "podMetricsList"
    assert names.short[Verb.GET] == "podMetrics"
    assert names.pinned[Verb.LIST] == "metrics_k8s_io_v1beta1_pods"


def test_a_kind_that_is_named_as_the_list_of_another_kind_has_short_names() -> None:
    names = root_names([*BUILTIN, resource("x.io/v1", "PodList", "podlists")])

    assert names[0].short[Verb.LIST] == "pods"
    assert names[-1].short[Verb.GET] == "podList"
    assert names[-1].lost == {}


def test_a_kind_without_its_singular_takes_no_name_from_a_younger_kind() -> None:
    custom_pod, pod_list = resource("x.io/v1", "Pod", "pods"), resource("x.io/v1", "PodList", "podlists")
    kinds = [custom_pod, pod_list]

    for installed in (crds(custom_pod, pod_list), crds(pod_list, custom_pod), None):
        names = root_names([*BUILTIN, *kinds], {item.kind for item in kinds}, installed)[-1]
        assert (names.short[Verb.GET], names.lost) == ("podList", {})


def test_only_contested_names_depend_on_the_age_of_crds() -> None:
    backup = resource("a.io/v1", "Backup")

    assert not names_depend_on_age([*BUILTIN, backup])
    assert names_depend_on_age([*BUILTIN, backup, resource("b.io/v1", "Backup")])
    assert names_depend_on_age([resource("events.k8s.io/v1", "Event"), resource("x.k8s.io/v1", "Event")])
    assert names_depend_on_age(
        [resource(f"{group}/v1", "Foo", preferred=False) for group in ("a.b.c", "a-b.c")]
    )


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


def test_a_resource_has_one_mark_in_every_operation() -> None:
    alike = [resource("a.b.c/v1", "Foo", verbs=["list"]), resource("a-b.c/v1", "Foo")]
    marks = []
    for names in root_names(alike):
        assert all(name.endswith("_") for name in names.pinned.values())
        (mark,) = {name.rsplit("_", 2)[1] for name in names.pinned.values()}
        marks.append(mark)
        assert names.pinned[Verb.LIST] == f"a_b_c_v1_foos_{mark}_"
    assert len(set(marks)) == 2


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
    added = [item for item in new if item.gvr not in known]
    before = meanings([*BUILTIN, *old], old)
    after = meanings([*BUILTIN, *added, *old], old + added)

    shared = before.keys() & after.keys()
    assert {place: after[place] for place in shared} == {place: before[place] for place in shared}


@given(custom_resources, custom_resources)
def test_where_crds_are_listed_an_older_crd_keeps_every_name(
    old: list[Resource], new: list[Resource]
) -> None:
    names = {(item.gvr.group, item.gvr.resource) for item in old}
    added = [item for item in new if (item.gvr.group, item.gvr.resource) not in names]
    before = meanings([*BUILTIN, *old], old, crds(*old))
    after = meanings([*BUILTIN, *added, *old], old + added, crds(*old, *added))

    assert before.items() <= after.items()


@given(custom_resources)
def test_no_crd_takes_a_name_from_a_builtin_kind(custom: list[Resource]) -> None:
    alone = meanings(BUILTIN, [])

    assert alone.items() <= meanings([*custom, *BUILTIN], custom).items()
