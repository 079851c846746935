// Draws a graph: a button for each object, an SVG path for each edge, moved from layout to layout.

import { nameOf, pathThrough, STATUSES } from "./graph.js";
import { layoutOf, pathOf } from "./layout.js";
import { Motion } from "./motion.js";

const DURATION = 450; // milliseconds
const SMALLEST_SCALE = 0.6;
const SVG = "http://www.w3.org/2000/svg";

const isReduced = matchMedia("(prefers-reduced-motion: reduce)");

export class Picture {
  #graph = { objects: new Map(), edges: [] };
  #layout = { width: 0, height: 0, boxes: new Map() };
  #motion = new Motion(DURATION);
  #items = new Map(); // id -> li
  #paths = new Map(); // id of an edge -> path
  #edges = new Map(); // id of an edge -> edge, those of leaving objects, too
  #frame = 0;
  #lit = null; // the id of the object whose connections are highlighted

  // `find(id)` returns elements of the page; the picture fits into the width of #scene
  constructor(find, dagre) {
    Object.assign(this, { dagre, scene: find("scene"), canvas: find("canvas"), list: find("objects"), lines: find("edges") });
    this.template = find("object");
    this.list.addEventListener("pointerover", ({ target }) => this.#light(idOf(target)));
    this.list.addEventListener("pointerleave", () => this.#light(idOf(document.activeElement)));
    this.list.addEventListener("focusin", ({ target }) => this.#light(idOf(target)));
    this.list.addEventListener("focusout", () => this.#light(null));
    new ResizeObserver(() => this.#fit()).observe(this.scene);
  }

  get graph() {
    return this.#graph;
  }

  // The place of an object in the layout, in pixels of the picture; null if it is not in the graph.
  boxOf(id) {
    return this.#layout.boxes.get(id) ?? null;
  }

  buttonOf(id) {
    return this.#items.get(id)?.firstElementChild ?? null;
  }

  // Draws a graph. Without `isMoving` there is no transition, as for another application.
  show(graph, { isMoving = true } = {}) {
    this.#graph = graph;
    this.#layout = layoutOf(graph, this.dagre);
    this.#motion.duration = isMoving && !isReduced.matches ? DURATION : 0;
    const owner = (id) => graph.objects.get(id)?.parent ?? null;
    for (const edge of graph.edges) this.#edges.set(edge.id, edge);
    this.#motion.moveTo(this.#layout.boxes, performance.now(), owner);
    for (const object of graph.objects.values()) this.#fill(object);
    this.#order();
    this.#fit();
    this.#move();
    this.#light(this.#lit);
  }

  // Marks the object whose details are shown.
  choose(id) {
    for (const [other, item] of this.#items) {
      if (other === id) item.firstElementChild.setAttribute("aria-current", "true");
      else item.firstElementChild.removeAttribute("aria-current");
    }
  }

  #fill(object) {
    let item = this.#items.get(object.id);
    if (!item) {
      item = this.template.content.firstElementChild.cloneNode(true);
      item.firstElementChild.dataset.id = object.id;
      item.firstElementChild.tabIndex = -1;
      this.#items.set(object.id, item);
    }
    const [button] = item.children;
    const box = this.#layout.boxes.get(object.id);
    item.dataset.kind = object.kind;
    item.dataset.status = object.status;
    item.classList.toggle("small", box.small);
    item.style.width = `${box.width}px`;
    item.style.height = `${box.height}px`;
    const line = object.status === "CURRENT" ? object.message : (object.reason ?? object.message);
    button.querySelector("use").setAttribute("href", `#shape-${object.status}`);
    write(button.querySelector(".kind"), object.kind);
    write(button.querySelector(".name"), object.label);
    write(button.querySelector(".line"), (line ?? STATUSES[object.status]).replace(/\.$/, ""));
    const state = [STATUSES[object.status], object.reason, object.message].filter(Boolean).join(", ");
    write(button.querySelector(".spoken"), `${nameOf(object)}: ${state}`);
    button.title = `${nameOf(object)}\n${state}`;
  }

  // Reading order is from left to right, then down. An element that moves in the document would lose the focus.
  #order() {
    const boxes = this.#layout.boxes;
    const order = [...boxes].sort(([, one], [, other]) => one.x - other.x || one.y - other.y).map(([id]) => this.#items.get(id));
    const isOrdered = order.every((item, at) => item.isConnected && (at === 0 || follows(order[at - 1], item)));
    if (isOrdered) return;
    const focused = document.activeElement;
    this.list.append(...order);
    if (this.list.contains(focused)) focused.focus({ preventScroll: true });
  }

  #move() {
    cancelAnimationFrame(this.#frame);
    const { boxes, isDone } = this.#motion.frame(performance.now());
    this.#drop(boxes);
    for (const [id, { x, y, scale }] of boxes) {
      const { style } = this.#items.get(id);
      style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
      style.opacity = scale;
    }
    for (const [id, edge] of this.#edges) this.#draw(id, edge, boxes.get(edge.from), boxes.get(edge.to));
    if (!isDone) this.#frame = requestAnimationFrame(() => this.#move());
    this.list.dataset.moving = String(!isDone);
  }

  #draw(id, edge, from, to) {
    let path = this.#paths.get(id);
    if (!path) {
      path = document.createElementNS(SVG, "path");
      path.dataset.kind = edge.kind;
      this.lines.append(path);
      this.#paths.set(id, path);
    }
    path.classList.toggle("small", from.small || to.small);
    path.setAttribute("d", pathOf(from, to));
    path.style.opacity = Math.min(from.scale, to.scale);
  }

  // Removes the elements of objects and edges that are no longer drawn.
  #drop(boxes) {
    for (const [id, item] of this.#items) {
      if (boxes.has(id)) {
        item.inert = !this.#graph.objects.has(id);
        continue;
      }
      item.remove();
      this.#items.delete(id);
    }
    const present = new Set(this.#graph.edges.map(({ id }) => id));
    for (const [id, { from, to }] of this.#edges) {
      const isLeaving = !this.#graph.objects.has(from) || !this.#graph.objects.has(to);
      if (boxes.has(from) && boxes.has(to) && (present.has(id) || isLeaving)) continue;
      this.#paths.get(id)?.remove();
      this.#paths.delete(id);
      this.#edges.delete(id);
    }
  }

  // Highlights everything that an object depends on, and everything that depends on it.
  #light(id) {
    this.#lit = id;
    const lit = id && this.#graph.objects.has(id) ? pathThrough(this.#graph, id) : null;
    this.canvas.classList.toggle("lit", lit !== null);
    for (const [other, item] of this.#items) item.classList.toggle("on", lit?.has(other) ?? false);
    for (const [edge, path] of this.#paths) {
      const { from, to } = this.#edges.get(edge);
      path.classList.toggle("on", (lit?.has(from) && lit.has(to)) ?? false);
    }
  }

  #fit() {
    const { width, height } = this.#layout;
    const scale = Math.max(SMALLEST_SCALE, Math.min(1, this.scene.clientWidth / (width || 1)));
    this.canvas.style.width = `${width * scale}px`;
    this.canvas.style.height = `${height * scale}px`;
    this.canvas.style.setProperty("--scale", scale);
    this.lines.setAttribute("width", width);
    this.lines.setAttribute("height", height);
  }
}

export const idOf = (element) => element?.closest?.("#objects button")?.dataset.id ?? null;

const follows = (one, other) => Boolean(one.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING);

// an equal text would be laid out again, too
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
