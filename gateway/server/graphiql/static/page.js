// Starts GraphiQL on the endpoint that served this page.
//
// ?query=…&variables=…&headers=… in the address fills the editor, so that a query can be shared as a link.
// What is typed into "Headers" goes with every request, and into connection_init of a subscription.
"use strict";

const TABS = [
  {
    query: `# Every pod of the cluster, as kubectl shows them. Run it: Ctrl-Enter.
# Fields have the API's own names; Ctrl-Space completes them, the book on the left explains them.
query Pods {
  pods {
    metadata { resourceVersion }
    items {
      metadata { name namespace labels }
      spec { nodeName containers { name image } }
      status { phase podIP }
    }
  }
}
`,
  },
  {
    query: `# Live: first everything that is there, then SYNCED, then every change.
# Keep it running and scale a deployment in the next tab.
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
    query: `# Deployments with their replicas; then change one: put in its name and namespace.
query Deployments {
  deployments {
    items {
      metadata { name namespace }
      spec { replicas }
      status { readyReplicas }
    }
  }
}

mutation Scale($name: String!, $namespace: String!, $replicas: Int!) {
  patchDeployment(name: $name, namespace: $namespace, patch: { spec: { replicas: $replicas } }) {
    metadata { name resourceVersion }
    spec { replicas }
  }
}
`,
    variables: `{
  "name": "web",
  "namespace": "shop",
  "replicas": 3
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
  const shared = given.has("query")
    ? [{ query: given.get("query"), variables: given.get("variables"), headers: given.get("headers") }]
    : TABS;
  const props = {
    fetcher,
    plugins: [GraphiQLPluginExplorer.explorerPlugin()],
    defaultTabs: shared,
    defaultEditorToolsVisibility: false,
    inputValueDeprecation: true,
    isHeadersEditorEnabled: true,
    // a token typed into Headers stays in this tab's memory
    shouldPersistHeaders: false,
    children: React.createElement(
      GraphiQL.Logo,
      null,
      React.createElement("span", { className: "logo" }, "kube-graphql"),
    ),
  };
  // a shared link shows its query, whatever this browser had open before
  if (given.has("query")) props.storage = memoryStorage();
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
