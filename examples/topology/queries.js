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

const SELECTED = "type object { metadata { uid }";

// What the pods' relations lead to. Services and ingresses are followed in the application's namespace only, so that
// rights in it suffice.
export const NEIGHBOURS = [
  {
    field: "services",
    query: `subscription Services($namespace: String) {
      services(namespace: $namespace) { ${SELECTED} spec { selector } health { status } } }
    }`,
  },
  {
    field: "ingresses",
    query: `subscription Ingresses($namespace: String) {
      ingresses(namespace: $namespace) { ${SELECTED} spec {
        defaultBackend { service { name } }
        rules { http { paths { backend { service { name } } } } }
      } } }
    }`,
  },
  { field: "nodes", query: `subscription Nodes { nodes { ${SELECTED} health { status } } } }` },
];

export const EVENTS = `
  query Events($apiVersion: String!, $kind: String!, $namespace: String, $name: String!) {
    object(apiVersion: $apiVersion, kind: $kind, namespace: $namespace, name: $name) {
      events { items { type reason message count lastTimestamp eventTime metadata { uid creationTimestamp } } }
    }
  }
`;
