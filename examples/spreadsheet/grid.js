// The sheets of the page: one per namespace, the chosen one in a Tabulator grid.

import { COLUMNS } from "./cells.js";

const CDN = "https://unpkg.com/tabulator-tables@6.5.3/";
const LOCAL = "node_modules/tabulator-tables/";
const SCRIPT = ["dist/js/tabulator.min.js", "sha384-EkhU9cev+ElsgIMdydD5ATwDGjsuvXqtFIqiQn5DXO+xrp52n7Zm407kP4NvBMr/"];
const STYLE = [
  "dist/css/tabulator_simple.min.css",
  "sha384-nWVAfJNKm8k+btHNSMIAcUT836V1w7ph3tH2N3Fm1RDSY6iHZCGAVlwpVP3YTGwX",
];
const WIDTHS = { Deployment: 2, Desired: 1, Actual: 1, Ready: 1, Image: 4, Note: 5 };

// Loads Tabulator from this gateway or, where `npm ci` has not run, from the CDN, which the hashes check.
export async function loadTabulator() {
  await load([LOCAL, CDN], STYLE, (address) =>
    Object.assign(document.createElement("link"), { rel: "stylesheet", href: address }),
  );
  await load([LOCAL, CDN], SCRIPT, (address) => Object.assign(document.createElement("script"), { src: address }));
  return globalThis.Tabulator;
}

async function load(bases, [path, integrity], build) {
  for (const base of bases) {
    const element = Object.assign(build(base + path), { integrity, crossOrigin: "anonymous" });
    const loaded = new Promise((resolve) => {
      element.onload = () => resolve(true);
      element.onerror = () => resolve(false);
    });
    // before the page's own style, which overrides it
    document.head.prepend(element);
    if (await loaded) return;
    element.remove();
  }
  throw new Error("The grid is not installed, and the CDN cannot be reached: run `npm ci` in examples/spreadsheet.");
}

export class Sheets {
  #stored = new Map(); // namespace -> the rows of a sheet that is not shown
  #table = null;
  #shown = null;
  #editing = null; // the cell whose editor is open
  #applying = false;
  #next = 1;

  // `changed()` is called after every change by the user
  constructor(Tabulator, element, changed) {
    Object.assign(this, { Tabulator, element, changed });
  }

  get namespaces() {
    return [...this.#stored.keys()];
  }

  get shown() {
    return this.#shown;
  }

  async show(namespace) {
    this.#leave();
    this.#shown = namespace;
    const rows = this.#stored.get(namespace) ?? [];
    if (!this.#table) await this.#build(rows);
    else await this.#apply(() => this.#table.replaceData(rows));
  }

  #leave() {
    if (!this.#shown) return;
    this.#editing?.cancelEdit();
    this.#editing = null;
    this.#stored.set(this.#shown, this.#table.getData());
  }

  #build(rows) {
    const field = (column) => ({
      title: column,
      field: column,
      editor: "input",
      editorParams: { elementAttributes: { "aria-label": column } },
      widthGrow: WIDTHS[column],
      hozAlign: ["Desired", "Actual", "Ready"].includes(column) ? "right" : "left",
      cssClass: `column-${column.toLowerCase()}`,
      tooltip: column === "Note" ? (_, cell) => cell.getValue() ?? "" : false,
    });
    this.#table = new this.Tabulator(this.element, {
      data: rows,
      index: "id",
      layout: "fitColumns",
      height: "100%",
      placeholder: "No deployments here.",
      columnDefaults: { headerWordWrap: true, minWidth: 96, resizable: true },
      columns: COLUMNS.map(field),
      rowHeader: { title: "Row", formatter: "rownum", width: 44, minWidth: 44, hozAlign: "center", headerSort: false, resizable: false },
      selectableRange: 1,
      selectableRangeAutoFocus: false,
      selectableRangeColumns: true,
      headerSortClickElement: "icon",
      selectableRangeRows: true,
      selectableRangeClearCells: true,
      editTriggerEvent: "dblclick",
      keybindings: { navNext: false, navPrev: false },
      clipboard: true,
      clipboardCopyStyled: false,
      clipboardCopyRowRange: "range",
      clipboardCopyConfig: { rowHeaders: false, columnHeaders: false },
      clipboardPasteParser: "range",
      clipboardPasteAction: "range",
      rowContextMenu: [
        { label: "Insert a row above", action: (_, row) => this.#insert(row, true) },
        { label: "Insert a row below", action: (_, row) => this.#insert(row, false) },
        { label: "Duplicate the row", action: (_, row) => this.#duplicate(row) },
        { label: "Delete the row", action: (_, row) => row.delete() },
      ],
    });
    this.#table.on("cellEditing", (cell) => (this.#editing = cell));
    this.#table.on("cellEditCancelled", () => this.#edited());
    this.#table.on("cellEdited", () => this.#edited());
    this.#table.on("dataChanged", () => this.#notify());
    this.#table.on("clipboardPasted", () => this.#notify());
    return new Promise((resolve) =>
      this.#table.on("tableBuilt", () => {
        this.#correctRoles();
        this.#leaveWithTab();
        resolve();
      }),
    );
  }

  // Tab enters and leaves the grid, and arrow keys move in it (ARIA's grid pattern); Tabulator makes every cell a tab
  // stop. The browser moves the focus on from the edge that has it.
  #leaveWithTab() {
    const [before, after] = [document.createElement("span"), document.createElement("span")];
    before.tabIndex = after.tabIndex = -1;
    this.element.before(before);
    this.element.after(after);
    this.element.addEventListener("keydown", ({ key, shiftKey }) => {
      if (key === "Tab" && !this.#editing) (shiftKey ? before : after).focus();
    });
  }

  // A grid may have row groups only as its children, but Tabulator puts a focusable element in between.
  #correctRoles() {
    this.element.ariaLabel = "Deployments";
    this.element.querySelector(".tabulator-header").removeAttribute("tabindex");
    const holder = this.element.querySelector(".tabulator-tableholder");
    holder.role = "rowgroup";
    holder.ariaLabel = "Rows";
    holder.firstElementChild.role = "presentation";
  }

  #edited() {
    this.#editing = null;
    this.#notify();
  }

  #notify() {
    if (!this.#applying) queueMicrotask(this.changed);
  }

  // The buttons above the grid act on the row of the selected cell.
  insert() {
    const row = this.#selected();
    if (row) this.#insert(row, false);
    else this.#table?.addRow({ id: this.#next++ });
  }

  duplicate() {
    const row = this.#selected();
    if (row) this.#duplicate(row);
  }

  delete() {
    this.#selected()?.delete();
  }

  #selected() {
    return this.#table?.getRanges()[0]?.getRows()[0] ?? null;
  }

  #insert(row, above) {
    return this.#table.addRow({ id: this.#next++ }, above, row);
  }

  #duplicate(row) {
    return this.#table.addRow({ ...row.getData(), id: this.#next++ }, false, row);
  }

  // The rows of all sheets as the engine takes them.
  snapshot() {
    if (this.#shown) this.#stored.set(this.#shown, this.#table.getData());
    const sheets = Object.fromEntries(
      [...this.#stored].map(([namespace, rows]) => [
        namespace,
        rows.map((row) => COLUMNS.map((column) => row[column] ?? null)),
      ]),
    );
    const edited = this.#editing?.getData().id;
    const rows = this.#stored.get(this.#shown) ?? [];
    const editing = this.#editing ? [this.#shown, rows.findIndex(({ id }) => id === edited)] : null;
    return { sheets, editing };
  }

  // Carries out the writes of a plan on the rows of the last snapshot. Returns false, and does nothing, if rows would
  // come or go while an editor is open: Tabulator then rebuilds the rows, and would take the half-typed content.
  write(writes) {
    const moves = ({ op, namespace }) => op !== "set" && namespace === this.#shown;
    if (this.#editing && writes.some(moves)) return false;
    return this.#apply(() => {
      const targets = writes.map((write) => ({ ...write, id: this.#stored.get(write.namespace)?.[write.row]?.id }));
      this.#writeShown(targets.filter(({ namespace }) => namespace === this.#shown));
      for (const target of targets) if (target.namespace !== this.#shown) this.#writeStored(target);
      return true;
    });
  }

  #writeStored({ op, namespace, id, column, value, cells }) {
    if (!this.#stored.has(namespace)) this.#stored.set(namespace, []);
    const rows = this.#stored.get(namespace);
    const index = rows.findIndex((row) => row.id === id);
    if (op === "set") rows[index][column] = value;
    else if (op === "delete") rows.splice(index, 1);
    else rows.push(this.#rowOf(cells));
  }

  #writeShown(writes) {
    const changes = new Map();
    for (const { op, id, column, value } of writes) {
      if (op === "set") changes.set(id, { ...(changes.get(id) ?? { id }), [column]: value });
    }
    if (changes.size > 0) this.#table.updateData([...changes.values()]);
    const deleted = writes.filter(({ op }) => op === "delete").map(({ id }) => id);
    if (deleted.length > 0) this.#table.deleteRow(deleted);
    const added = writes.filter(({ op }) => op === "append").map(({ cells }) => this.#rowOf(cells));
    if (added.length > 0) this.#table.addData(added);
  }

  #rowOf(cells) {
    return { id: this.#next++, ...Object.fromEntries(COLUMNS.map((column, index) => [column, cells[index]])) };
  }

  #apply(change) {
    this.#applying = true;
    try {
      return change();
    } finally {
      this.#applying = false;
    }
  }
}
