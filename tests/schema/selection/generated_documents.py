"""Hypothesis strategies for valid documents: fields, aliases, fragments, directives, ``__typename``."""

from graphql import GraphQLObjectType, GraphQLSchema, get_named_type
from hypothesis import strategies as st

from tests.schema.selection.generated_models import Draw, Vocabulary

DIRECTIVES = st.sampled_from(
    ["", "", "", "", " @include(if: $yes)", " @skip(if: $no)", " @include(if: $no)", " @skip(if: false)"]
)
TYPENAMES = st.sampled_from(["__typename", "ofType: __typename", "name: __typename"])


class Documents:
    """Draws selections; a response name always has one meaning, so that fields can be merged."""

    def __init__(self, draw: Draw, vocabulary: Vocabulary, schema: GraphQLSchema) -> None:
        self._draw = draw
        self._vocabulary = vocabulary
        self._schema = schema
        self._fragments: dict[str, str] = {}

    def document(self, root_field: str) -> str:
        """An operation with that root field; needs the variables ``yes`` and ``key``, may have ``no``."""
        assert self._schema.query_type is not None
        selection = self._selection(self._type(self._schema.query_type, root_field), 5)
        variables = "$yes: Boolean!, $no: Boolean! = false, $key: String!"
        operation = f"query ({variables}) {{ {root_field} {selection} }}"
        return "\n".join([operation, *self._fragments.values()])

    def _selection(self, type_: GraphQLObjectType, depth: int) -> str:
        parts = [self._part(type_, depth) for _ in range(self._draw(st.integers(1, 4)))]
        return "{ " + " ".join(parts) + " }"

    def _part(self, type_: GraphQLObjectType, depth: int) -> str:
        kind = self._draw(st.integers(0, 9)) if depth > 0 else 9
        directive = self._draw(DIRECTIVES)
        if kind == 0:
            condition = self._draw(st.sampled_from([f" on {type_}", ""]))
            return f"...{condition}{directive} {self._selection(type_, depth - 1)}"
        if kind == 1 and type_.interfaces:
            return f"... on KubernetesObject{directive} {self._of_interface(type_, depth)}"
        if kind in (1, 2):
            return self._spread(type_, directive, depth)
        if kind == 3:
            return str(self._draw(TYPENAMES))
        return self._field(type_, directive, depth)

    def _of_interface(self, type_: GraphQLObjectType, depth: int) -> str:
        metadata = self._selection(self._type(type_, "metadata"), depth - 1)
        selections = ["{ kind }", "{ apiVersion a: kind }", f"{{ metadata {metadata} }}"]
        return str(self._draw(st.sampled_from(selections)))

    def _spread(self, type_: GraphQLObjectType, directive: str, depth: int) -> str:
        name = f"Of{type_}{self._draw(st.integers(0, 1))}"
        if name not in self._fragments:
            self._fragments[name] = ""  # being written: one that spread itself would not be valid
            self._fragments[name] = f"fragment {name} on {type_} {self._selection(type_, depth - 2)}"
        return f"...{name}{directive}" if self._fragments[name] else "__typename"

    def _field(self, type_: GraphQLObjectType, directive: str, depth: int) -> str:
        name = self._draw(st.sampled_from(self._names(type_)))
        if name in ("label", "annotation"):
            key, alias = self._draw(st.sampled_from([('"app"', "app"), ('"none"', "none"), ("$key", "key")]))
            return f"{alias}_{name}: {name}(key: {key}){directive}"
        alias = self._draw(st.sampled_from(["", "", "", f"a_{name}: ", f"b_{name}: "]))
        below = get_named_type(type_.fields[name].type) if name in type_.fields else None
        if not isinstance(below, GraphQLObjectType):
            return f"{alias}{name}{directive}"
        if depth <= 0:
            return "__typename"
        return f"{alias}{name}{directive} {self._selection(below, depth - 1)}"

    def _names(self, type_: GraphQLObjectType) -> list[str]:
        definition = type_.extensions.get("definition")
        if definition is None:
            return sorted(type_.fields)
        computed = [name for name in ("label", "annotation") if "entries_of" in _extensions(type_, name)]
        return [*(item.name for item in self._vocabulary.of(definition)), *computed] or ["__typename"]

    def _type(self, parent: GraphQLObjectType, field: str) -> GraphQLObjectType:
        type_ = get_named_type(parent.fields[field].type)
        assert isinstance(type_, GraphQLObjectType)
        return type_


def _extensions(type_: GraphQLObjectType, field: str) -> dict[str, object]:
    return type_.fields[field].extensions if field in type_.fields else {}
