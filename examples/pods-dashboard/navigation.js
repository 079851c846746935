// Keyboard navigation between tiles: one tab stop, from which arrow keys, Home and End move the focus.
//
// Pattern: https://www.w3.org/WAI/ARIA/apg/practices/keyboard-interface/#kbd_roving_tabindex

export class Navigation {
  #stop = null; // the button with the tab stop

  constructor(root) {
    this.root = root;
    root.addEventListener("keydown", (event) => this.#press(event));
    root.addEventListener("focusin", ({ target }) => this.#stopAt(target));
  }

  // Gives the tab stop to the first tile if its tile has disappeared.
  refresh() {
    if (!this.#stop?.isConnected) this.#stopAt(this.root.querySelector("button"));
  }

  #stopAt(button) {
    if (this.#stop) this.#stop.tabIndex = -1;
    this.#stop = button;
    if (button) button.tabIndex = 0;
  }

  #press(event) {
    const moves = {
      ArrowRight: (_, at) => at + 1,
      ArrowLeft: (_, at) => at - 1,
      ArrowDown: (buttons, at) => below(buttons[at]) ?? at,
      ArrowUp: (buttons, at) => above(buttons[at]) ?? at,
      Home: () => 0,
      End: (buttons) => buttons.length - 1,
    };
    const move = moves[event.key];
    if (!move || event.ctrlKey || event.altKey || event.metaKey) return;
    const buttons = [...this.root.querySelectorAll("button")];
    const target = move(buttons, buttons.indexOf(event.target));
    const button = typeof target === "number" ? buttons[target] : target;
    event.preventDefault();
    button?.focus();
  }
}

// The tile in the same column of the next row, which may belong to the next node.
function below(button) {
  const { tiles, at, columns } = locate(button);
  if (at + columns < tiles.length) return tiles[at + columns].firstElementChild;
  const next = button.closest("section").nextElementSibling;
  if (next === null) return null;
  const row = next.querySelector("ul").children;
  return row[Math.min(at % columns, row.length - 1)].firstElementChild;
}

function above(button) {
  const { tiles, at, columns } = locate(button);
  if (at >= columns) return tiles[at - columns].firstElementChild;
  const previous = button.closest("section").previousElementSibling;
  if (previous === null) return null;
  const others = previous.querySelector("ul").children;
  const last = Math.floor((others.length - 1) / columns) * columns;
  return others[Math.min(last + at, others.length - 1)].firstElementChild;
}

function locate(button) {
  const list = button.closest("ul");
  const tiles = [...list.children];
  const columns = getComputedStyle(list).gridTemplateColumns.split(" ").length;
  return { tiles, at: tiles.indexOf(button.parentElement), columns };
}
