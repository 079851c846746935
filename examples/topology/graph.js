// One application as a graph: the rows of the gateway's `tree` in, objects and edges out. No DOM.
//
// A row is { depth, parentUid, object, health }. The object of a pod has the answers of its relations, too:
// { node: object, services: { items: [object with ingresses { items }] } }.

export const STATUSES = {
  CURRENT: "Current",
  IN_PROGRESS: "In progress",
  FAILED: "Failed",
  TERMINATING: "Terminating",
  UNKNOWN: "Unknown",
};

// Returns { objects, edges, earlier }. `objects` maps a UID to { id, kind, name, label, …, stack }, in reading order; an
// edge is { id, from, to, kind }. Objects with the same `stack` are drawn as one pile. `earlier` counts the revisions
// that have no pods; they are left out unless `options.earlier`.
export function graphOf(rows, options = {}) {
  const graph = new Graph();
  const old = earlierRevisions(rows);
  const shown = options.earlier ? rows : rows.filter((row) => !old.has(row));
  for (const row of shown) graph.addRow(row);
  for (const { object } of shown) graph.addRelated(object);
  graph.stackLeaves();
  return { objects: graph.sorted(), edges: [...graph.edges.values()], earlier: old.size };
}

// What differs between two graphs: the UIDs of objects that came, went, or have another health.
export function differenceOf(before, after) {
  const isNew = (id) => !before.objects.has(id);
  const ids = [...after.objects.keys()];
  return {
    entered: ids.filter(isNew),
    left: [...before.objects.keys()].filter((id) => !after.objects.has(id)),
    changed: ids.filter((id) => !isNew(id) && before.objects.get(id).status !== after.objects.get(id).status),
  };
}

// The difference in a sentence for a screen reader, such as "2 Pods created, web Failed"; empty if nothing differs.
export function sentenceOf(before, after) {
  const { entered, left, changed } = differenceOf(before, after);
  const parts = [
    ...counted(entered.map((id) => after.objects.get(id)), "created"),
    ...counted(left.map((id) => before.objects.get(id)), "gone"),
  ];
  const byStatus = grouped(changed, (id) => after.objects.get(id).status);
  for (const [status, ids] of byStatus) {
    const word = STATUSES[status].toLowerCase();
    if (ids.length === 1) parts.push(`${nameOf(after.objects.get(ids[0]))} ${word}`);
    else parts.push(...counted(ids.map((id) => after.objects.get(id)), word));
  }
  return parts.join(", ");
}

export const nameOf = ({ kind, name }) => `${kind} ${name}`;

// The UIDs of everything that leads to an object, of the object, and of everything to which it leads.
export function pathThrough({ edges }, id) {
  const found = new Set([id]);
  for (const [near, far] of [["from", "to"], ["to", "from"]]) {
    const ends = grouped(edges, (edge) => edge[near]);
    const reached = [id];
    for (const at of reached) {
      for (const edge of ends.get(at) ?? []) if (!reached.includes(edge[far])) reached.push(edge[far]);
    }
    for (const at of reached) found.add(at);
  }
  return found;
}

// The number of objects of each status.
export function countsOf(objects) {
  const counts = Object.fromEntries(Object.keys(STATUSES).map((status) => [status, 0]));
  for (const { status } of objects.values()) counts[status]++;
  return counts;
}

export function grouped(items, keyOf) {
  const groups = new Map();
  for (const item of items) {
    const key = keyOf(item);
    if (groups.has(key)) groups.get(key).push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

const numeric = new Intl.Collator("en", { numeric: true });

function counted(objects, word) {
  const kinds = grouped(objects, (object) => object.kind);
  return [...kinds].map(([kind, { length }]) => `${length} ${kind}${length === 1 ? "" : "s"} ${word}`);
}

// Deployments keep the ReplicaSets of earlier rollouts, stateful and daemon sets their ControllerRevisions. A
// deployment without pods keeps its newest ReplicaSet in the picture.
function earlierRevisions(rows) {
  const owners = new Set(rows.map((row) => row.parentUid));
  const isIdle = ({ object, health }) => health?.status === "CURRENT" && !owners.has(object.metadata.uid);
  const sets = rows.filter(({ object, depth }) => object.kind === "ReplicaSet" && depth > 0);
  const found = new Set(rows.filter(({ object }) => object.kind === "ControllerRevision"));
  for (const siblings of grouped(sets, (row) => row.parentUid).values()) {
    const idle = siblings.filter(isIdle);
    const newest = idle.reduce((one, other) => (createdAt(one) > createdAt(other) ? one : other), idle[0]);
    for (const row of idle) if (idle.length < siblings.length || row !== newest) found.add(row);
  }
  return found;
}

const createdAt = ({ object }) => object.metadata.creationTimestamp ?? "";

class Graph {
  objects = new Map();
  edges = new Map();
  parents = new Map(); // UID -> UID of the owner above it in the tree
  nodes = new Map(); // UID of a pod -> name of its node
  root = null;

  addRow({ parentUid, object, health }) {
    const id = this.#add(object, health);
    this.root ??= id;
    if (!this.objects.has(parentUid) || parentUid === id) return;
    this.parents.set(id, parentUid);
    this.#connect(parentUid, id, "owner");
  }

  addRelated({ metadata: { uid }, node, services }) {
    if (node) {
      this.#connect(uid, this.#add(node, node.health), "node");
      this.nodes.set(uid, node.metadata.name);
    }
    for (const service of services?.items ?? []) this.#addService(service, uid);
  }

  #addService(service, pod) {
    const id = this.#add(service, service.health);
    this.#connect(id, this.#targetOf(id, pod), "selector");
    for (const ingress of service.ingresses?.items ?? []) {
      this.#connect(this.#add(ingress, ingress.health), id, "backend");
    }
  }

  // A service leads to the topmost owner of its pods. If that owner owns the service, too, it leads to the one below.
  #targetOf(service, pod) {
    const owners = new Set(this.#chain(service));
    const chain = this.#chain(pod).reverse();
    return chain.find((id) => !owners.has(id)) ?? pod;
  }

  #chain(id) {
    const chain = [];
    for (let at = id; at !== undefined && !chain.includes(at); at = this.parents.get(at)) chain.push(at);
    return chain;
  }

  #add({ apiVersion, kind, metadata }, health) {
    const id = metadata.uid;
    const status = health?.status in STATUSES ? health.status : "UNKNOWN";
    const { name, namespace = null, creationTimestamp = null } = metadata;
    const { reason = null, message = null } = health ?? {};
    const known = this.objects.get(id);
    if (!known) this.objects.set(id, { id, apiVersion, kind, name, namespace, creationTimestamp, status, reason, message });
    return id;
  }

  #connect(from, to, kind) {
    const id = `${from} ${to}`;
    if (!this.edges.has(id)) this.edges.set(id, { id, from, to, kind });
  }

  // Leaves of one kind below one owner form a stack, and so do nodes.
  stackLeaves() {
    const owners = new Set(this.parents.values());
    for (const object of this.objects.values()) {
      const parent = this.parents.get(object.id);
      const parentName = this.objects.get(parent)?.name;
      object.label = parentName && object.name.startsWith(`${parentName}-`) ? `…${object.name.slice(parentName.length)}` : object.name;
      object.parent = parent ?? null;
      object.isOwned = parent !== undefined;
      if (object.kind === "Node" && object.id !== this.root) object.stack = "nodes";
      else object.stack = parent && !owners.has(object.id) ? `${parent} ${object.kind}` : object.id;
    }
  }

  // Pods in the order of their nodes, pods without node last; so few edges cross, and a new pod moves at most once.
  sorted() {
    const place = ({ id }) => this.nodes.get(id) ?? "\uffff";
    const stacks = grouped(this.objects.values(), ({ stack }) => stack);
    const order = (one, other) =>
      numeric.compare(place(one), place(other)) ||
      (one.creationTimestamp ?? "").localeCompare(other.creationTimestamp ?? "") ||
      numeric.compare(one.name, other.name);
    const byName = (one, other) => numeric.compare(one.name, other.name);
    return new Map(
      [...stacks].flatMap(([stack, objects]) =>
        objects.sort(stack === "nodes" ? byName : order).map((object) => [object.id, object]),
      ),
    );
  }
}
