// The tiles: one sorted list per node, updated once per frame.

import { STATES } from "./pods.js";

const BUDGET = 4; // milliseconds per frame, which leaves time for layout and paint
const LONG_FRAME = 40; // milliseconds, with layout and paint: the next frames have fewer tiles
const FEWEST_TILES = 5; // per frame
const MOST_TILES = 60; // each new tile costs more in layout and paint than in this script
const collator = new Intl.Collator("en", { numeric: true });

export class Tiles {
  #nodes = new Map(); // node name -> {name, section, list, number, tiles}
  #shown = new Map(); // uid -> {element, parts, pod, node}
  #pending = new Set(); // uids
  #frame = 0;
  #most = MOST_TILES; // in the next frame
  #settled = false;
  #highlight = false;

  // `lookup(uid)` returns the current pod or null; `drawn()` is called after every frame with updates.
  constructor(root, lookup, drawn) {
    this.root = root;
    this.lookup = lookup;
    this.drawn = drawn;
  }

  // Whether the stream is past its initial events; later changes are highlighted.
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
    const begin = performance.now();
    const end = begin + BUDGET;
    let drawn = 0;
    for (const uid of this.#pending) {
      if (drawn++ >= this.#most || performance.now() > end) break;
      this.#pending.delete(uid);
      this.#show(uid, this.lookup(uid));
    }
    if (this.#pending.size > 0) this.#frame = requestAnimationFrame(() => this.#draw());
    else this.#highlight = this.#settled;
    this.drawn();
    afterPaint(() => this.#adapt(performance.now() - begin));
  }

  // Halves the number of tiles after a long frame; a slow or busy machine then still answers its user.
  #adapt(elapsed) {
    const most = elapsed > LONG_FRAME ? this.#most / 2 : this.#most * 1.5;
    this.#most = Math.max(FEWEST_TILES, Math.min(most, MOST_TILES));
  }

  #show(uid, pod) {
    let tile = this.#shown.get(uid);
    if (pod === null) {
      if (tile) this.#remove(tile);
      return;
    }
    if (tile === undefined) {
      tile = { ...newTile(), pod, node: this.#node(pod.node) };
      this.#shown.set(uid, tile);
      fill(tile, pod);
      place(tile);
    } else if (pod.node !== tile.pod.node) {
      this.#move(tile, pod);
    } else if (fill(tile, pod) === 0) {
      return;
    }
    if (this.#highlight) flash(tile.element);
  }

  #move(tile, pod) {
    const focused = tile.button === document.activeElement;
    const from = tile.node;
    this.#take(tile);
    tile.node = this.#node(pod.node);
    fill(tile, pod);
    place(tile);
    this.#drop(from);
    if (focused) tile.button.focus();
  }

  #remove(tile) {
    const { node, element, button } = tile;
    const neighbour = element.nextElementSibling ?? element.previousElementSibling;
    if (button === document.activeElement) neighbour?.firstElementChild.focus();
    this.#shown.delete(tile.pod.uid);
    this.#take(tile);
    element.remove();
    this.#drop(node);
  }

  #take({ node, ...tile }) {
    node.tiles.splice(node.tiles.findIndex((other) => other.element === tile.element), 1);
  }

  #drop(node) {
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
        .filter((other) => compareNodes(other.name, name) > 0)
        .sort((a, b) => compareNodes(a.name, b.name))[0];
      this.root.insertBefore(node.section, after?.section ?? null);
    }
    return node;
  }
}

// Calls back in the next task, which the browser runs after layout and paint of this frame.
const { port1, port2 } = new MessageChannel();
const waiting = [];
port1.onmessage = () => waiting.shift()();
function afterPaint(callback) {
  waiting.push(callback);
  port2.postMessage(null);
}

function newNode(name) {
  const section = document.createElement("section");
  const heading = document.createElement("h2");
  const number = document.createElement("span");
  const list = document.createElement("ul");
  number.className = "number";
  heading.append(name || "not scheduled", " ", number);
  list.ariaLabel = `Pods ${name ? `on ${name}` : "that are not scheduled"}`;
  section.append(heading, list);
  section.dataset.node = name;
  return { name, section, list, number, tiles: [] };
}

function newTile() {
  const element = document.createElement("li");
  const button = document.createElement("button");
  const parts = {};
  button.type = "button";
  button.tabIndex = -1; // Navigation moves the one tab stop of the page's tiles
  element.append(button);
  for (const name of ["mark", "name", "namespace", "ready", "restarts"]) {
    parts[name] = document.createElement("span");
    parts[name].className = name;
    button.append(parts[name], " "); // words also for a screen reader
  }
  parts.mark.role = "img";
  return { element, button, parts };
}

// Writes the changed properties only; returns their number.
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
  write(parts.mark, "ariaLabel", pod.reason);
  write(parts.name, "textContent", pod.name);
  write(parts.namespace, "textContent", pod.namespace);
  write(parts.ready, "textContent", pod.ready);
  write(parts.restarts, "textContent", pod.restarts ? String(pod.restarts) : "");
  return changes;
}

// Inserts the tile into its node's list, sorted by namespace and name (binary search).
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

// Pods without a node come first.
function compareNodes(a, b) {
  return (a !== "") - (b !== "") || collator.compare(a, b);
}

function flash(element) {
  element.classList.add("fresh");
  element.addEventListener("animationend", () => element.classList.remove("fresh"), { once: true });
}
