"""Names are valid, distinct in their scope, and reversible."""

import pytest
from graphql import GraphQLError, assert_name
from hypothesis import given
from hypothesis import strategies as st

from schema.names import camel, escape, is_legal, legal, lower_camel, plural_noun, property_names, unescape

# keys that resemble an escape, beside arbitrary text
tricky = st.text(st.sampled_from("_-$.25fax09é")) | st.text()


def graphql_allows(name: str) -> bool:
    try:
        assert_name(name)
    except GraphQLError:
        return False
    return not name.startswith("__")


@given(tricky)
def test_legal_names_are_the_names_of_graphql(name: str) -> None:
    assert is_legal(name) == graphql_allows(name)


@given(tricky)
def test_escaping_any_key_is_reversible(key: str) -> None:
    assert graphql_allows(escape(key))
    assert unescape(escape(key)) == key


@given(st.sets(tricky))
def test_the_properties_of_an_object_have_valid_and_distinct_names(keys: set[str]) -> None:
    names = property_names(keys)

    assert names.keys() == keys
    assert len(set(names.values())) == len(keys)
    assert all(graphql_allows(name) for name in names.values())
    assert all(names[key] == key for key in keys if graphql_allows(key))


@given(st.sets(tricky, min_size=1), tricky)
def test_another_property_changes_no_name_unless_it_is_that_name(keys: set[str], added: str) -> None:
    before, after = property_names(keys), property_names({*keys, added})

    if added not in before.values():
        assert {key: after[key] for key in keys - {added}} == {key: before[key] for key in keys - {added}}


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("$ref", "_24_ref"),
        ("x-kubernetes-foo", "x__kubernetes__foo"),
        ("a.b", "a_2e_b"),
        ("a-b", "a__b"),
        ("a_b", "a_b"),
        ("__proto__", "_5f__proto_5f__"),
        ("__typename", "_5f__typename"),
        ("1st", "_31_st"),
        ("日", "_65e5_"),
        ("", "_00_"),
        ("class", "class"),
        ("from", "from"),
    ],
)
def test_property_names_that_graphql_forbids_are_spelled_out(key: str, name: str) -> None:
    assert property_names([key]) == {key: name}


@pytest.mark.parametrize(
    ("kind", "plural", "one", "many"),
    [
        ("Pod", "pods", "pod", "pods"),
        ("NetworkPolicy", "networkpolicies", "networkPolicy", "networkPolicies"),
        ("CSIDriver", "csidrivers", "csiDriver", "csiDrivers"),
        ("CSIStorageCapacity", "csistoragecapacities", "csiStorageCapacity", "csiStorageCapacities"),
        ("APIService", "apiservices", "apiService", "apiServices"),
        ("IPAddress", "ipaddresses", "ipAddress", "ipAddresses"),
        ("ServiceCIDR", "servicecidrs", "serviceCIDR", "serviceCIDRs"),
        (
            "PersistentVolumeClaim",
            "persistentvolumeclaims",
            "persistentVolumeClaim",
            "persistentVolumeClaims",
        ),
        ("Endpoints", "endpoints", "endpoints", "endpointsList"),
        ("Index", "indices", "index", "indices"),
        ("Person", "people", "person", "people"),
        ("PodMetrics", "pods", "podMetrics", "pods"),
        ("FooBar", "foo-bars", "fooBar", "fooBars"),
        ("EC2Instance", "ec2instances", "ec2Instance", "ec2Instances"),
    ],
)
def test_nouns_follow_the_capitals_of_the_kind(kind: str, plural: str, one: str, many: str) -> None:
    assert (lower_camel(kind), plural_noun(kind, plural)) == (one, many)


@given(st.text(), st.text())
def test_the_nouns_of_any_kind_are_valid_and_not_the_same(kind: str, plural: str) -> None:
    one, many = lower_camel(kind), plural_noun(kind, plural)

    assert graphql_allows(one)
    assert graphql_allows(many)
    assert one != many


@given(st.text())
def test_type_names_have_no_underscore_inside(text: str) -> None:
    assert graphql_allows(legal(camel(text)))
    assert "_" not in camel(text)
