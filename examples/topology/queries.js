// The operations of the example. The tree has what the workload owns; the relations of its pods lead to the rest.

const OBJECT = "apiVersion kind metadata { uid namespace name creationTimestamp } health { status reason message }";

export const TREE = `
  subscription Tree($namespace: String, $kind: String!, $apiVersion: String, $name: String!) {
    tree(namespace: $namespace, kind: $kind, apiVersion: $apiVersion, name: $name) {
      depth
      parentUid
      health { status reason message }
      object {
        apiVersion
        kind
        metadata { uid namespace name creationTimestamp }
        ... on Pod {
          node { ${OBJECT} }
          services { items { ${OBJECT} ingresses { items { ${OBJECT} } } } }
        }
      }
    }
  }
`;

// What the pods' relations lead to.
const neighbours = (field, selection) => ({
  field,
  query: `subscription Neighbours { ${field} { type object { metadata { uid namespace } ${selection} } } }`,
});

export const NEIGHBOURS = [
  neighbours("services", "spec { selector } health { status }"),
  neighbours("ingresses", "spec { defaultBackend { service { name } } rules { http { paths { backend { service { name } } } } } }"),
  neighbours("nodes", "health { status }"),
];

export const EVENTS = `
  query Events($apiVersion: String!, $kind: String!, $namespace: String, $name: String!) {
    object(apiVersion: $apiVersion, kind: $kind, namespace: $namespace, name: $name) {
      events { items { type reason message count lastTimestamp eventTime metadata { uid creationTimestamp } } }
    }
  }
`;
