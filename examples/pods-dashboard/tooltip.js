// The tooltip of the tile that the pointer is over or that has the focus: restarts and image of each container.
//
// It stays while the pointer is over it, and Escape hides it (WCAG 2.2, 1.4.13).

const GAP = 6; // pixels

export class Tooltip {
  #button = null;

  // `lookup(uid)` returns the current pod or null.
  constructor(element, root, lookup) {
    this.element = element;
    this.lookup = lookup;
    for (const [name, area] of Object.entries({ pointerover: root, focusin: root })) {
      area.addEventListener(name, ({ target }) => this.#show(target.closest("button")));
    }
    const leave = ({ relatedTarget }) => {
      if (!element.contains(relatedTarget) && !this.#button?.contains(relatedTarget)) this.hide();
    };
    root.addEventListener("pointerout", leave);
    element.addEventListener("pointerleave", leave);
    root.addEventListener("focusout", () => this.hide());
    addEventListener("keydown", ({ key }) => key === "Escape" && this.hide());
    addEventListener("scroll", () => this.hide(), { passive: true });
  }

  hide() {
    this.#button?.removeAttribute("aria-describedby");
    this.#button = null;
    this.element.hidden = true;
  }

  // Shows the current state of the tile's pod; hides the tooltip if the pod is gone.
  refresh() {
    if (this.#button === null) return;
    const pod = this.#button.isConnected ? this.lookup(this.#button.parentElement.dataset.uid) : null;
    if (pod === null) this.hide();
    else this.#fill(pod);
  }

  #show(button) {
    if (button === this.#button) return;
    this.hide();
    if (button === null) return;
    this.#button = button;
    this.refresh();
    if (this.#button === null) return;
    this.element.hidden = false;
    button.setAttribute("aria-describedby", this.element.id);
    this.#place(button.getBoundingClientRect());
  }

  #fill(pod) {
    const lines = pod.containers.map(({ name, image, restarts }) => {
      const line = document.createElement("li");
      const restarted = document.createElement("span");
      restarted.className = "restarts";
      restarted.textContent = restarts === 1 ? "1 restart" : `${restarts} restarts`;
      line.append(`${name}: ${image}, `, restarted);
      return line;
    });
    const title = document.createElement("strong");
    title.textContent = `${pod.namespace}/${pod.name}`;
    const state = document.createElement("p");
    state.textContent = `${pod.reason}, ${pod.ready} ready`;
    const list = document.createElement("ul");
    list.append(...lines);
    this.element.replaceChildren(title, state, list);
  }

  #place(tile) {
    const { style, offsetWidth, offsetHeight } = this.element;
    const fits = tile.bottom + GAP + offsetHeight < innerHeight;
    style.top = `${fits ? tile.bottom + GAP : Math.max(GAP, tile.top - GAP - offsetHeight)}px`;
    style.left = `${Math.max(GAP, Math.min(tile.left, innerWidth - offsetWidth - GAP))}px`;
  }
}
