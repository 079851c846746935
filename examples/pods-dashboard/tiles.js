// The tiles: one list per node, kept in order, changed once per frame however many events came.

import { STATES } from "./pods.js";

const BUDGET = 8; // milliseconds of a frame; the browser needs the rest for layout and paint
const collator = new Intl.Collator("en", { numeric: true });

export class Tiles {
  #nodes = new Map(); // node name -> {name, section, list, number, tiles}
  #shown = new Map(); // uid -> {element, parts, pod, node}
  #pending = new Set(); // uids
  #frame = 0;
  #settled = false;
  #highlight = false;

  // `lookup(uid)` is the pod as it is now, or null; `drawn()` is called after every frame that drew.
  constructor(root, lookup, drawn) {
    this.root = root;
    this.lookup = lookup;
    this.drawn = drawn;
  }

  // Whether what comes from now on is news, and calls for attention, or only the beginning.
  settle(settled) {
    this.#settled = settled;
    this.#highlight = settled && this.#pending.size === 0;
  }

  change(uid) {
    this.#pending.add(uid);
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#frame = 0;
    const end = performance.now() + BUDGET;
    for (const uid of this.#pending) {
      if (performance.now() > end) break;
      this.#pending.delete(uid);
      this.#show(uid, this.lookup(uid));
    }
    if (this.#pending.size > 0) this.#frame = requestAnimationFrame(() => this.#draw());
    else this.#highlight = this.#settled;
    this.drawn();
  }

  #show(uid, pod) {
    let tile = this.#shown.get(uid);
    if (tile && (pod === null || pod.node !== tile.pod.node)) {
      this.#take(tile);
      tile = undefined;
    }
    if (pod === null) return;
    if (tile === undefined) {
      tile = { ...newTile(), pod, node: this.#node(pod.node) };
      this.#shown.set(uid, tile);
      fill(tile, pod);
      place(tile);
    } else if (fill(tile, pod) === 0) {
      return;
    }
    if (this.#highlight) flash(tile.element);
  }

  #take(tile) {
    const { node } = tile;
    this.#shown.delete(tile.pod.uid);
    node.tiles.splice(node.tiles.indexOf(tile), 1);
    tile.element.remove();
    if (node.tiles.length === 0) {
      node.section.remove();
      this.#nodes.delete(node.name);
    } else {
      node.number.textContent = node.tiles.length;
    }
  }

  #node(name) {
    let node = this.#nodes.get(name);
    if (node === undefined) {
      node = newNode(name);
      this.#nodes.set(name, node);
      const after = [...this.#nodes.values()]
        .filter((each) => compareNodes(each.name, name) > 0)
        .sort((a, b) => compareNodes(a.name, b.name))[0];
      this.root.insertBefore(node.section, after?.section ?? null);
    }
    return node;
  }
}

function newNode(name) {
  const section = document.createElement("section");
  const heading = document.createElement("h2");
  const number = document.createElement("span");
  const list = document.createElement("ul");
  number.className = "number";
  heading.append(name || "not scheduled", " ", number);
  section.append(heading, list);
  section.dataset.node = name;
  return { name, section, list, number, tiles: [] };
}

function newTile() {
  const element = document.createElement("li");
  const parts = {};
  for (const name of ["mark", "name", "namespace", "ready", "restarts"]) {
    parts[name] = document.createElement("span");
    parts[name].className = name;
    element.append(parts[name]);
  }
  parts.mark.setAttribute("aria-hidden", "true");
  return { element, parts };
}

// Writes what has changed, and nothing else; returns how much that was.
function fill(tile, pod) {
  const { element, parts } = tile;
  tile.pod = pod;
  let changes = 0;
  const write = (target, property, value) => {
    if (target[property] === value) return;
    target[property] = value;
    changes++;
  };
  write(element.dataset, "state", pod.state);
  write(element.dataset, "uid", pod.uid);
  write(parts.mark, "textContent", STATES[pod.state].mark);
  write(parts.name, "textContent", pod.name);
  write(parts.namespace, "textContent", pod.namespace);
  write(parts.ready, "textContent", pod.ready);
  write(parts.restarts, "textContent", pod.restarts ? `↻${pod.restarts}` : "");
  write(element, "title", `${pod.namespace}/${pod.name}\n${pod.reason}, ${pod.ready} ready, ${pod.restarts} restarts`);
  write(element, "ariaLabel", `${pod.name} in ${pod.namespace}: ${pod.reason}, ${pod.ready} ready, ${pod.restarts} restarts`);
  return changes;
}

// Into its node's list, by namespace and name: a search by halves, one insertion.
function place(tile) {
  const { tiles, list, number } = tile.node;
  let low = 0;
  let high = tiles.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (comparePods(tiles[middle].pod, tile.pod) < 0) low = middle + 1;
    else high = middle;
  }
  list.insertBefore(tile.element, tiles[low]?.element ?? null);
  tiles.splice(low, 0, tile);
  number.textContent = tiles.length;
}

function comparePods(a, b) {
  return collator.compare(a.namespace, b.namespace) || collator.compare(a.name, b.name);
}

// Pods without a node come first: they wait for one.
function compareNodes(a, b) {
  return (a !== "") - (b !== "") || collator.compare(a, b);
}

function flash(element) {
  element.classList.add("fresh");
  element.addEventListener("animationend", () => element.classList.remove("fresh"), { once: true });
}
