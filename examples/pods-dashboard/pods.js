// Folds subscription events into a set of pods, and derives the content of a tile from a pod. Independent of the DOM.

export const QUERY = `
  subscription Pods($namespace: String, $labelSelector: String, $resourceVersion: String) {
    pods(namespace: $namespace, labelSelector: $labelSelector, resourceVersion: $resourceVersion) {
      type
      resourceVersion
      object {
        metadata { uid name namespace deletionTimestamp }
        spec { nodeName containers { name image } }
        status {
          phase
          reason
          containerStatuses { name ready restartCount state { waiting { reason } } }
        }
      }
    }
  }
`;

// In the order of the header. A mark shows the same state as the colour.
export const STATES = {
  running: { label: "Running", mark: "●" },
  unready: { label: "Not ready", mark: "◐" },
  pending: { label: "Pending", mark: "○" },
  failed: { label: "Failed", mark: "✕" },
  succeeded: { label: "Succeeded", mark: "✓" },
  terminating: { label: "Terminating", mark: "◌" },
};

export function describe(pod) {
  const { metadata, spec, status } = pod;
  const containers = status?.containerStatuses ?? [];
  const total = spec?.containers?.length ?? 0;
  const ready = containers.filter((container) => container.ready).length;
  const waiting = containers.map((container) => container.state?.waiting?.reason).find(Boolean);
  const state = stateOf(metadata, status, waiting, ready === total);
  return {
    uid: metadata.uid,
    name: metadata.name,
    namespace: metadata.namespace,
    node: spec?.nodeName ?? "",
    state,
    reason: waiting ?? status?.reason ?? STATES[state].label,
    ready: `${ready}/${total}`,
    restarts: containers.reduce((sum, container) => sum + (container.restartCount ?? 0), 0),
    containers: (spec?.containers ?? []).map(({ name, image }) => ({
      name,
      image: image ?? "no image",
      restarts: containers.find((container) => container.name === name)?.restartCount ?? 0,
    })),
  };
}

function stateOf(metadata, status, waiting, ready) {
  if (metadata.deletionTimestamp) return "terminating";
  if (status?.phase === "Succeeded") return "succeeded";
  if (status?.phase === "Failed") return "failed";
  if (/BackOff|Err|Invalid/.test(waiting ?? "")) return "failed";
  if (status?.phase !== "Running") return "pending";
  return ready ? "running" : "unready";
}

// The set of pods, folded from consecutive streams of events. The next stream should resume at `resourceVersion`.
// A resumed stream begins with SYNCED at exactly that version. Any other stream repeats the initial events: pods
// that it has not named before SYNCED no longer exist.
export class PodSet {
  #pods = new Map();
  #unseen = new Set();
  #isFirstEvent = false;
  synced = false;
  resourceVersion = null;

  constructor(changed) {
    this.changed = changed; // called with (uid, pod or null) for every new, changed or deleted pod
  }

  get size() {
    return this.#pods.size;
  }

  get(uid) {
    return this.#pods.get(uid) ?? null;
  }

  // The next stream shows another selection of pods, so that it cannot be resumed.
  reset() {
    this.resourceVersion = null;
  }

  start() {
    this.synced = false;
    this.#isFirstEvent = true;
    this.#unseen = new Set(this.#pods.keys());
  }

  apply({ type, object, resourceVersion }) {
    if (this.#isFirstEvent && type === "SYNCED" && resourceVersion === this.resourceVersion) this.#unseen.clear();
    this.#isFirstEvent = false;
    if (type === "SYNCED") {
      for (const uid of this.#unseen) this.#remove(uid);
      this.#unseen.clear();
      this.synced = true;
    } else if (type === "DELETED") {
      this.#remove(object.metadata.uid);
    } else {
      const pod = describe(object);
      this.#unseen.delete(pod.uid);
      this.#pods.set(pod.uid, pod);
      this.changed(pod.uid, pod);
    }
    // an interrupted stream without SYNCED cannot be resumed
    if (this.synced) this.resourceVersion = resourceVersion;
  }

  #remove(uid) {
    this.#unseen.delete(uid);
    if (this.#pods.delete(uid)) this.changed(uid, null);
  }
}
