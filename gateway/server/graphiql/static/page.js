// Starts GraphiQL on the endpoint that served this page.
//
// ?query=…&variables=…&headers=… in the address fills the editor, so that a query can be shared as a link.
// What is typed into "Headers" goes with every request, and into connection_init of a subscription.
"use strict";

const TABS = [
  {
    query: `# Every pod of the cluster. Run it: Ctrl-Enter.
#
# Fields have the names that the API itself gives them.
# Ctrl-Space completes them, the book on the left has all.
# node, workload and services are relations: other objects.
query Pods {
  pods {
    metadata { resourceVersion }
    items {
      metadata { name namespace labels }
      spec { nodeName containers { name image } }
      status { phase podIP }
      node { status { nodeInfo { kubeletVersion } } }
      workload { kind metadata { name } }
      services { items { metadata { name } } }
    }
  }
}
`,
  },
  {
    query: `# Live: what is there, then SYNCED, then every change.
#
# Keep it running, and scale a deployment in a second
# window (the next tab has the mutation for it).
subscription WatchPods {
  pods {
    type
    object {
      metadata { name namespace }
      status { phase }
    }
  }
}
`,
  },
  {
    query: `# A partial object is a patch: what it names is changed.
# Which deployment, and to what: see Variables, below.
mutation Scale(
  $name: String!
  $namespace: String!
  $replicas: Int!
) {
  patchDeployment(
    name: $name
    namespace: $namespace
    patch: { spec: { replicas: $replicas } }
  ) {
    metadata { name resourceVersion }
    spec { replicas }
  }
}
`,
    variables: `{
  "name": "web",
  "namespace": "shop",
  "replicas": 5
}
`,
  },
];

function start() {
  const address = new URL(window.location.href);
  const given = address.searchParams;
  const endpoint = address.origin + address.pathname;
  const fetcher = GraphiQL.createFetcher({
    url: endpoint,
    subscriptionUrl: endpoint.replace(/^http/, "ws"),
  });
  const gallery = document.querySelector("link[rel=help]"); // absent with --no-examples
  const props = {
    fetcher,
    plugins: [GraphiQLPluginExplorer.explorerPlugin()],
    defaultEditorToolsVisibility: "variables",
    inputValueDeprecation: true,
    isHeadersEditorEnabled: true,
    // a token typed into Headers stays in this tab's memory
    shouldPersistHeaders: false,
    children: React.createElement(
      GraphiQL.Logo,
      null,
      React.createElement("span", { className: "logo" }, "kube-graphql"),
      gallery && React.createElement("a", { className: "gallery", href: gallery.href }, "Examples"),
    ),
  };
  if (given.has("query")) {
    // a shared link shows its query, whatever this browser had open before
    props.storage = memoryStorage();
    for (const name of ["query", "variables", "headers"]) props[name] = given.get(name) ?? undefined;
  } else {
    props.defaultTabs = TABS;
  }
  ReactDOM.createRoot(document.getElementById("graphiql")).render(React.createElement(GraphiQL, props));
}

function memoryStorage() {
  const items = new Map();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => items.set(key, String(value)),
    removeItem: (key) => items.delete(key),
    clear: () => items.clear(),
    get length() {
      return items.size;
    },
  };
}

if (window.React && window.ReactDOM && window.GraphiQL && window.GraphiQLPluginExplorer) {
  start();
} else {
  document.getElementById("loading").textContent =
    "GraphiQL could not be loaded: its files are not installed here, and the CDN is out of reach. " +
    "In the gateway's checkout, run: npm ci --prefix gateway/server/graphiql";
}
