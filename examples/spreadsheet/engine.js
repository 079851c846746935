// The engine: events of the cluster and snapshots of the sheets in, changes of cells and patches out. No I/O.
//
// kubesheet/engine.py is the same engine in Python, and states its guarantees. The tests run both on the same
// generated histories.

import {
  cellOf, changedImages, COLUMNS, EDITABLE, Invalid, MARK, parseDeployment, parseReplicas, shortened, textOf,
} from "./cells.js";

const RENDERED = COLUMNS.slice(1, 5);
const NAME = 0;
const NOTE = 5;
const NEVER = 0n;

const byText = (left, right) => (left < right ? -1 : Number(left > right));
const areEqual = (left, right) => JSON.stringify(left) === JSON.stringify(right);
const cellKey = (key, column) => `${key} ${column}`;

export class Engine {
  synced = false;
  version = null; // where the next stream resumes
  deployments = new Map(); // key -> deployment
  bases = new Map(); // key -> Map(column -> the text that the engine last knew to be in the cell)
  replaced = new Map(); // cell -> its base before the last patch
  pending = new Set(); // cells with a patch in flight
  refusals = new Map(); // key -> message
  counts = new Map(); // key -> rows in the last snapshot
  #unseen = new Set();
  #begins = true;

  // The namespaces that have a sheet: those with deployments, now or earlier.
  get namespaces() {
    const keys = [...this.deployments.keys(), ...this.bases.keys()];
    return [...new Set(keys.map((key) => key.split("/")[0]))].sort(byText);
  }

  // A new stream of events begins, requested with `version` as its resourceVersion.
  restart() {
    this.#begins = true;
  }

  // One event of the subscription `deployments`.
  apply({ type, resourceVersion, object }) {
    if (this.#begins) {
      this.#begins = false;
      if (type !== "SYNCED" || resourceVersion !== this.version) {
        // not resumed: everything comes afresh, possibly from another cluster
        this.#unseen = new Set(this.deployments.keys());
        for (const deployment of this.deployments.values()) deployment.version = NEVER;
        this.version = null;
        this.synced = false;
      }
    }
    if (type === "SYNCED") {
      for (const key of this.#unseen) this.deployments.delete(key);
      this.#unseen.clear();
      this.synced = true;
    } else {
      this.#change(type, parseDeployment(object));
    }
    if (this.synced) this.version = resourceVersion;
  }

  #change(type, deployment) {
    const { key, version } = deployment;
    this.#unseen.delete(key);
    if (type === "DELETED") {
      this.deployments.delete(key);
      this.refusals.delete(key);
    } else if (version >= (this.deployments.get(key)?.version ?? NEVER)) {
      this.deployments.set(key, deployment);
    }
  }

  // The patch was stored; `version` is the resourceVersion of the deployment after it.
  accepted(patch, version) {
    this.#settle(patch);
    const current = this.deployments.get(patch.key);
    if (!current || BigInt(version) <= current.version) return;
    const images = new Map([...current.images, ...Object.entries(patch.images)]);
    const desired = patch.replicas ?? current.desired;
    this.deployments.set(patch.key, { ...current, version: BigInt(version), desired, images });
  }

  // The patch was refused: the message becomes the note, and the cell follows the cluster again.
  refused(patch, message) {
    this.#settle(patch);
    if (!this.deployments.has(patch.key)) return;
    this.refusals.set(patch.key, shortened(`${patch.column} ${patch.cell} refused: ${message}`));
  }

  // The patch was lost. Both patches can be repeated, so the next plan has it again.
  unanswered(patch) {
    this.pending.delete(cellKey(patch.key, patch.column));
  }

  #settle({ key, column, cell }) {
    this.pending.delete(cellKey(key, column));
    const bases = this.bases.get(key);
    if (!bases) return;
    this.replaced.set(cellKey(key, column), bases.get(column) ?? cell);
    bases.set(column, cell);
  }

  // Compares a snapshot, {sheets: {namespace: [[cell…]…]}, editing: [namespace, row] or null}, with the cluster.
  // Returns writes (in the order set, delete, append; `row` counts the rows of the snapshot) and patches. The patches
  // count as sent; the writes need `commit`.
  plan({ sheets, editing = null }) {
    const plan = { writes: [], patches: [], bases: new Map(), removed: [], counts: new Map() };
    if (this.synced) {
      const namespaces = new Set([...Object.keys(sheets), ...this.namespaces]);
      for (const namespace of [...namespaces].sort(byText)) {
        const held = editing?.[0] === namespace ? editing[1] : null;
        new Sheet(this, plan, namespace, sheets[namespace] ?? [], held).plan();
      }
    }
    const order = ["set", "delete", "append"];
    plan.writes.sort((left, right) => order.indexOf(left.op) - order.indexOf(right.op));
    return plan;
  }

  // The writes of the plan are in the sheet.
  commit({ bases, removed, counts }) {
    for (const [key, columns] of bases) {
      if (!this.bases.has(key)) this.bases.set(key, new Map());
      for (const [column, text] of columns) {
        this.bases.get(key).set(column, text);
        this.replaced.delete(cellKey(key, column));
      }
    }
    for (const key of removed) this.bases.delete(key);
    this.counts = counts;
  }
}

// Plans one sheet. `held` is the row that is being edited: it is neither read nor written.
class Sheet {
  constructor(engine, plan, namespace, rows, held) {
    Object.assign(this, { engine, result: plan, namespace, rows, held, prefix: `${namespace}/` });
    this.named = new Map(); // name -> row numbers
    rows.forEach((row, number) => {
      const name = textOf(row[NAME]);
      if (name) this.named.set(name, [...(this.named.get(name) ?? []), number]);
    });
    this.foreign = new Set([...rows.keys()].filter((number) => this.isForeign(number)));
  }

  plan() {
    const { engine, named, namespace } = this;
    const here = [...engine.deployments.values()].filter((deployment) => deployment.namespace === namespace);
    const present = new Map(here.map((deployment) => [deployment.name, deployment]));
    const exchanged = new Set(EDITABLE.filter((column) => this.isPermuted(column, present)));
    for (const name of [...new Set([...named.keys(), ...present.keys()])].sort(byText)) {
      if (present.has(name)) this.planDeployment(present.get(name), exchanged);
      else this.planAbsent(name);
    }
    for (const key of engine.bases.keys()) {
      const name = key.slice(this.prefix.length);
      const isHeld = this.named.get(name)?.includes(this.held);
      if (key.startsWith(this.prefix) && !present.has(name) && !isHeld) this.result.removed.push(key);
    }
    this.count();
  }

  // The rows of each name, for isForeign; a row that is still being edited adds none.
  count() {
    for (const [name, rows] of this.named) {
      const key = this.prefix + name;
      const isAdded = rows.includes(this.held) && rows.length > (this.engine.counts.get(key) ?? 0);
      this.result.counts.set(key, rows.length - Number(isAdded));
    }
  }

  planDeployment(deployment, exchanged) {
    const rows = this.named.get(deployment.name) ?? [];
    if (rows.includes(this.held)) return; // every copy of the row waits for the end of the edit
    const hints = EDITABLE.map((column) => this.planEdit(deployment, column, rows, exchanged.has(column)));
    for (const column of ["Actual", "Ready"]) this.render(deployment, column, rows);
    const message =
      hints.filter(Boolean).join("; ") || this.engine.refusals.get(deployment.key) || deployment.condition;
    const note = message ? MARK + message : "";
    this.writeNote(rows, note);
    if (rows.length === 0) {
      const cells = [...COLUMNS.slice(0, NOTE).map((column) => cellOf(deployment, column)), note || null];
      this.result.writes.push({ op: "append", namespace: this.namespace, cells });
    }
  }

  // Renders a cell without an edit, or turns the edit into a patch; returns a hint for the note.
  planEdit(deployment, column, rows, exchanged) {
    const { engine } = this;
    if (engine.pending.has(cellKey(deployment.key, column))) return "";
    const edits = this.edits(deployment.key, column, rows);
    if (edits.size > 0 && exchanged) {
      return `${column} looks sorted without the other columns: undo that, or edit one cell at a time`;
    }
    if (edits.size > 1) return `${column} has different values on rows of ${deployment.name}`;
    try {
      const patch = this.patch(deployment, column, edits);
      if (!patch) {
        this.render(deployment, column, rows);
      } else {
        engine.pending.add(cellKey(deployment.key, column));
        engine.refusals.delete(deployment.key);
        this.result.patches.push(patch);
      }
      return "";
    } catch (error) {
      if (!(error instanceof Invalid)) throw error;
      return error.message;
    }
  }

  // The patch of an edit; null without one, or if it asks for the cluster's state.
  patch(deployment, column, edits) {
    const { key, namespace, name, uid } = deployment;
    const [[text, cell] = [""]] = edits;
    if (edits.size === 0 || text === textOf(cellOf(deployment, column))) return null;
    const patch = { key, namespace, name, uid, column, cell: text, replicas: null, images: {} };
    if (column === "Desired") {
      const replicas = parseReplicas(cell);
      return replicas === deployment.desired ? null : { ...patch, replicas };
    }
    const changed = changedImages(cell, deployment.images);
    return changed.length === 0 ? null : { ...patch, images: Object.fromEntries(changed) };
  }

  // The contents that differ from the base, by their text.
  edits(key, column, rows) {
    const base = this.engine.bases.get(key)?.get(column);
    if (base === undefined) return new Map();
    const readable = rows.filter((number) => !this.foreign.has(number) && this.values(number).some(Boolean));
    const cells = readable.map((number) => this.rows[number][COLUMNS.indexOf(column)]);
    const contents = new Map(cells.map((cell) => [textOf(cell), cell]));
    // A copy of the row still has the value from before the last patch.
    if (contents.has(base)) contents.delete(this.engine.replaced.get(cellKey(key, column)));
    contents.delete(base);
    return contents;
  }

  values(number) {
    return this.rows[number].slice(1, NOTE).map(textOf);
  }

  committed(key) {
    const base = this.engine.bases.get(key);
    return base && RENDERED.every((column) => base.has(column)) ? RENDERED.map((column) => base.get(column)) : null;
  }

  // Whether the values of a row belong to another name. The engine alone writes Actual and Ready, so other contents
  // there have come with another row. If they happen to agree, all values are exactly another deployment's, and its
  // own row is gone or this row is a new one.
  isForeign(number) {
    const { engine, named, prefix } = this;
    const name = textOf(this.rows[number][NAME]);
    const values = this.values(number);
    const key = prefix + name;
    const own = this.committed(key);
    if (!name || own === null || areEqual(values, own)) return false;
    if (!areEqual(values.slice(1, 3), own.slice(1, 3))) return true;
    const isNew = named.get(name).length > (engine.counts.get(key) ?? 0);
    return [...engine.bases.keys()].some((other) => {
      if (other === key || !other.startsWith(prefix) || !areEqual(values, this.committed(other))) return false;
      const kept = named.get(other.slice(prefix.length)) ?? [];
      return isNew || !kept.some((row) => areEqual(this.values(row), values));
    });
  }

  // Whether the edits of a column are its own values in another order.
  isPermuted(column, present) {
    const before = [];
    const after = [];
    for (const [name, rows] of this.named) {
      const key = this.prefix + name;
      if (!present.has(name) || this.engine.pending.has(cellKey(key, column))) continue;
      for (const text of this.edits(key, column, rows).keys()) {
        before.push(this.engine.bases.get(key).get(column));
        after.push(text);
      }
    }
    return before.length > 1 && areEqual(before.sort(byText), after.sort(byText));
  }

  render(deployment, column, rows) {
    const value = cellOf(deployment, column);
    const index = COLUMNS.indexOf(column);
    for (const row of rows) {
      if (textOf(this.rows[row][index]) !== textOf(value)) this.set(row, column, value);
    }
    const { bases } = this.result;
    if (!bases.has(deployment.key)) bases.set(deployment.key, new Map());
    bases.get(deployment.key).set(column, textOf(value));
  }

  writeNote(rows, note) {
    for (const row of rows) {
      const cell = textOf(this.rows[row][NOTE]);
      const isOurs = !cell || cell.startsWith(MARK.trim());
      if (cell !== note && (note || isOurs)) this.set(row, "Note", note || null);
    }
  }

  // Rows without a deployment: deleted if it existed and the row has no edit, else only noted.
  planAbsent(name) {
    const base = this.engine.bases.get(this.prefix + name);
    for (const row of this.named.get(name)) {
      if (row === this.held) continue;
      const isEdited = EDITABLE.some(
        (column) => textOf(this.rows[row][COLUMNS.indexOf(column)]) !== base?.get(column),
      );
      if (base && !isEdited) {
        this.result.writes.push({ op: "delete", namespace: this.namespace, row });
      } else {
        this.writeNote([row], MARK + shortened(`there is no deployment ${name} in ${this.namespace}`));
      }
    }
  }

  set(row, column, value) {
    this.result.writes.push({ op: "set", namespace: this.namespace, row, column, value });
  }
}
