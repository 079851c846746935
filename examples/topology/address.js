// The page's state in its address: #NAMESPACE/KIND/NAME is the application, ?namespace=… limits the list of them.

// The kind can have its group, as in Rollout.argoproj.io. The namespace of a cluster-scoped object is empty.
export function readApplication(hash = location.hash) {
  const parts = hash.replace(/^#/, "").split("/").map(decoded);
  const [namespace, kind, name] = parts;
  return parts.length === 3 && kind && name ? { namespace, kind, name } : null;
}

export const hashOf = ({ namespace, kind, name }) => `#${[namespace ?? "", kind, name].map(encodeURIComponent).join("/")}`;

export const isSame = (one, other) => one !== null && other !== null && hashOf(one) === hashOf(other);

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
