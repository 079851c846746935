// The page's state in its address, so that a link shows the same pods and the same details.
//
// ?namespace=… and ?labels=… limit the pods, ?pod=NAMESPACE/NAME shows one of them, ?endpoint=… is another gateway.

export function readAddress() {
  const parameters = new URLSearchParams(location.search);
  const [namespace, name] = (parameters.get("pod") ?? "").split("/");
  return {
    namespace: parameters.get("namespace")?.trim() || null,
    labels: parameters.get("labels")?.trim() || null,
    pod: name ? { namespace, name } : null,
  };
}

// Adds an entry to the history if the state differs from the address.
export function writeAddress({ namespace, labels, pod }) {
  const url = new URL(location.href);
  const values = { namespace, labels, pod: pod && `${pod.namespace}/${pod.name}` };
  for (const [name, value] of Object.entries(values)) {
    if (value) url.searchParams.set(name, value);
    else url.searchParams.delete(name);
  }
  // readable links: these characters need no escaping in a query
  url.search = url.search.replaceAll("%2F", "/").replaceAll("%2C", ",");
  if (url.href !== location.href) history.pushState(null, "", url);
}

// The websocket address of the gateway; of the one that serves this page without `other`.
export function endpoint(other = new URLSearchParams(location.search).get("endpoint")) {
  const url = new URL(other || "../../graphql", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  return url.href;
}
