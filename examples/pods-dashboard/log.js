// A bounded view of log lines, updated once per frame; it scrolls along while the reader is at its end.

const MOST_LINES = 500;

export class Log {
  #waiting = [];
  #frame = 0;
  #last = new Map(); // container -> {time, lines}: the lines of the newest time, to recognise repeated ones
  #containers = new Set();

  constructor(element) {
    this.element = element;
    element.replaceChildren();
  }

  // A new stream begins: it repeats lines that the previous one has sent.
  start() {
    for (const last of this.#last.values()) last.resuming = true;
  }

  append({ container, time, line }) {
    if (this.#isRepeated(container, time, line)) return;
    this.#containers.add(container);
    this.#waiting.push({ container, line });
    // a burst larger than the view needs no DOM nodes for lines that scroll out at once
    if (this.#waiting.length > MOST_LINES) this.#waiting.shift();
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  stop() {
    cancelAnimationFrame(this.#frame);
  }

  #isRepeated(container, time, line) {
    if (!time) return false;
    const last = this.#last.get(container);
    if (last?.resuming && (time < last.time || (time === last.time && last.lines.has(line)))) return true;
    if (last?.time === time) {
      last.lines.add(line);
      last.resuming = false;
    } else {
      this.#last.set(container, { time, lines: new Set([line]), resuming: false });
    }
    return false;
  }

  #draw() {
    this.#frame = 0;
    const { element } = this;
    const atEnd = element.scrollTop + element.clientHeight >= element.scrollHeight - 4;
    element.append(...this.#waiting.map((entry) => this.#line(entry)));
    this.#waiting = [];
    while (element.childElementCount > MOST_LINES) element.firstElementChild.remove();
    if (atEnd) element.scrollTop = element.scrollHeight;
  }

  #line({ container, line }) {
    const row = document.createElement("div");
    if (this.#containers.size > 1) {
      const name = document.createElement("span");
      name.className = "container";
      name.textContent = `${container} `;
      row.append(name);
    }
    row.append(line);
    return row;
  }
}
