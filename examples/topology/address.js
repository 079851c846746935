// The page's state in its address: #NAMESPACE/KIND/NAME is the application, ?namespace=… limits the list of them.

// The namespace of a cluster-scoped object is empty. A kind that several groups have is KIND.VERSION.GROUP, as in kubectl.
export function readApplication(hash = location.hash) {
  const parts = hash.replace(/^#/, "").split("/").map(decoded);
  if (parts.length !== 3) return null;
  const [namespace, type, name] = parts;
  const [kind, version, ...group] = type.split(".");
  const apiVersion = group.length > 0 ? `${group.join(".")}/${version}` : null;
  return kind && name ? { namespace, kind, apiVersion, name } : null;
}

export function hashOf({ namespace, kind, apiVersion = null, name }) {
  const [group, version] = apiVersion?.split("/") ?? [];
  const type = isBuiltIn(group ?? "") ? kind : [kind, version, group].join(".");
  return `#${[namespace ?? "", type, name].map(encodeURIComponent).join("/")}`;
}

export const isSame = (one, other) => one !== null && other !== null && hashOf(one) === hashOf(other);

const isBuiltIn = (group) => !group.includes(".") || group.endsWith(".k8s.io");

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
