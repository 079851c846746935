// Keyboard navigation in the picture: one tab stop, from which the arrow keys follow the edges and the columns.
//
// Pattern: https://www.w3.org/WAI/ARIA/apg/practices/keyboard-interface/#kbd_roving_tabindex

import { idOf } from "./picture.js";

export class Navigation {
  #stop = null; // the button with the tab stop

  constructor(picture) {
    this.picture = picture;
    picture.list.addEventListener("keydown", (event) => this.#press(event));
    picture.list.addEventListener("focusin", ({ target }) => this.#stopAt(target));
  }

  // Gives the tab stop to another object if its object has disappeared, and the focus if it had that, too.
  refresh() {
    const { objects } = this.picture.graph;
    if (this.#stop && objects.has(this.#stop.dataset.id)) return;
    const hadFocus = this.#stop !== null && this.#stop === document.activeElement;
    const first = this.picture.list.querySelector("li:not([inert]) button");
    this.#stopAt(first);
    if (hadFocus) first?.focus({ preventScroll: true });
  }

  #stopAt(button) {
    if (this.#stop) this.#stop.tabIndex = -1;
    this.#stop = button;
    if (button) button.tabIndex = 0;
  }

  #press(event) {
    const id = idOf(event.target);
    const moves = {
      ArrowRight: () => this.#along("from", "to", id),
      ArrowLeft: () => this.#along("to", "from", id),
      ArrowDown: () => this.#beside(id, 1),
      ArrowUp: () => this.#beside(id, -1),
      Home: () => this.#buttons().at(0)?.dataset.id,
      End: () => this.#buttons().at(-1)?.dataset.id,
    };
    const move = moves[event.key];
    if (!move || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    this.picture.buttonOf(move())?.focus();
  }

  #buttons() {
    return [...this.picture.list.querySelectorAll("li:not([inert]) button")];
  }

  // The nearest of the objects at the other end of the edges.
  #along(near, far, id) {
    const here = this.picture.boxOf(id);
    const ends = this.picture.graph.edges.filter((edge) => edge[near] === id).map((edge) => edge[far]);
    const distance = (end) => Math.abs(this.picture.boxOf(end).y - here.y);
    return ends.sort((one, other) => distance(one) - distance(other))[0];
  }

  // The next object above or below that overlaps the same column.
  #beside(id, step) {
    const here = this.picture.boxOf(id);
    const isInColumn = ({ x, width }) => x < here.x + here.width && here.x < x + width;
    return [...this.picture.graph.objects.keys()]
      .map((other) => [other, this.picture.boxOf(other)])
      .filter(([, box]) => isInColumn(box) && (box.y - here.y) * step > 0)
      .sort(([, one], [, other]) => (one.y - other.y) * step || Math.abs(one.x - here.x) - Math.abs(other.x - here.x))
      .at(0)?.[0];
  }
}
