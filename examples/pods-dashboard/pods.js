// From a pod, as the API server describes it, to what a tile says. No DOM in here.

export const QUERY = `
  subscription Pods($namespace: String, $resourceVersion: String) {
    pods(namespace: $namespace, resourceVersion: $resourceVersion) {
      type
      resourceVersion
      object {
        metadata { uid name namespace deletionTimestamp }
        spec { nodeName containers { name } }
        status {
          phase
          reason
          containerStatuses { ready restartCount state { waiting { reason } } }
        }
      }
    }
  }
`;

// In the order of the header. The marks say what the colours say.
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
  const ready = containers.filter((each) => each.ready).length;
  const waiting = containers.map((each) => each.state?.waiting?.reason).find(Boolean);
  const state = stateOf(metadata, status, waiting, ready === total);
  return {
    uid: metadata.uid,
    name: metadata.name,
    namespace: metadata.namespace,
    node: spec?.nodeName ?? "",
    state,
    reason: waiting ?? status?.reason ?? STATES[state].label,
    ready: `${ready}/${total}`,
    restarts: containers.reduce((sum, each) => sum + (each.restartCount ?? 0), 0),
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

// The set of pods that streams of events describe, one after the other. `resourceVersion` is where the next one
// should go on. One that begins with SYNCED at just that version does. Any other tells everything from the
// beginning: what an earlier one knew, and it has not named when it says SYNCED, is gone.
export class PodSet {
  #pods = new Map();
  #unseen = new Set();
  #begins = false;
  synced = false;
  resourceVersion = null;

  constructor(changed) {
    this.changed = changed; // called with (uid, pod or null) whenever a pod is new, different or gone
  }

  get size() {
    return this.#pods.size;
  }

  get(uid) {
    return this.#pods.get(uid) ?? null;
  }

  start() {
    this.synced = false;
    this.#begins = true;
    this.#unseen = new Set(this.#pods.keys());
  }

  apply({ type, object, resourceVersion }) {
    if (this.#begins && type === "SYNCED" && resourceVersion === this.resourceVersion) this.#unseen.clear();
    this.#begins = false;
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
    // a stream that breaks off in the middle of its beginning is no place to go on from
    if (this.synced) this.resourceVersion = resourceVersion;
  }

  #remove(uid) {
    this.#unseen.delete(uid);
    if (this.#pods.delete(uid)) this.changed(uid, null);
  }
}
