// The workloads of which one can be chosen, folded from subscriptions. No DOM.

const list = (field) => `
  subscription Applications($namespace: String) {
    ${field}(namespace: $namespace) {
      type
      object { apiVersion kind metadata { uid namespace name } health { status reason } }
    }
  }
`;

export const LISTS = ["deployments", "statefulSets", "daemonSets"].map((field) => ({ field, query: list(field) }));

const numeric = new Intl.Collator("en", { numeric: true });

export class Applications {
  #found = new Map(); // field -> Map of UID -> application
  #stale = new Map(); // field -> the UIDs that a repeated stream has not named yet

  // The stream of that field begins, perhaps again: its events until SYNCED name everything that exists.
  start(field) {
    this.#stale.set(field, new Set(this.#of(field).keys()));
  }

  apply(field, { type, object }) {
    const found = this.#of(field);
    const stale = this.#stale.get(field);
    if (type === "SYNCED") {
      for (const uid of stale ?? []) found.delete(uid);
      this.#stale.delete(field);
      return;
    }
    const { uid, namespace, name } = object.metadata;
    stale?.delete(uid);
    if (type === "DELETED") found.delete(uid);
    else found.set(uid, { kind: object.kind, namespace, name, status: object.health?.status ?? "UNKNOWN" });
  }

  // Sorted by namespace, name and kind; those that match every word of the text.
  matching(text = "") {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    return [...this.#found.values()]
      .flatMap((found) => [...found.values()])
      .filter((one) => words.every((word) => textOf(one).includes(word)))
      .sort((one, other) => numeric.compare(sortKey(one), sortKey(other)));
  }

  #of(field) {
    if (!this.#found.has(field)) this.#found.set(field, new Map());
    return this.#found.get(field);
  }
}

const textOf = ({ namespace, kind, name }) => `${namespace}/${kind}/${name}`.toLowerCase();
const sortKey = ({ namespace, kind, name }) => [namespace, name, kind].join("\u0000");
