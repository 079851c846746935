// The page: draws the application of the address from one `tree` subscription, and lists the others.

import { endpoint } from "../pods-dashboard/address.js";
import { Connection } from "../pods-dashboard/connection.js";
import { hashOf, isSame, readApplication } from "./address.js";
import { Applications, LISTS } from "./applications.js";
import { loadDagre } from "./dagre.js";
import { Details } from "./details.js";
import { countsOf, graphOf, sentenceOf, STATUSES } from "./graph.js";
import { Navigation } from "./navigation.js";
import { idOf, Picture } from "./picture.js";
import { NEIGHBOURS, TREE } from "./queries.js";

// a token is sent to the gateway that it was typed for, and to no other
const TOKEN = endpoint() === endpoint("") ? "kube-graphql.token" : `kube-graphql.token ${endpoint()}`;
const WORDS = { connecting: "connecting", waiting: "reconnecting", denied: "not signed in", stopped: "stopped", live: "live" };

const NEIGHBOURS_DELAY = 300; // milliseconds

const find = (id) => document.getElementById(id);
const namespace = new URLSearchParams(location.search).get("namespace")?.trim() || null;
const applications = new Applications();
const none = graphOf([]);

let picture = null;
let navigation = null;
let details = null;
let connection = null;
let application = null; // the chosen one
let stream = null; // of its tree
let neighbours = []; // the streams of what its pods lead to
let rows = null; // of the application's tree; null before the first answer
let isFirst = true; // whether the next rows are the first ones of the application
const listed = new Set(); // the fields whose workloads are known, or refused
let scrolledTo = null; // the address of the link that was scrolled into view

function showConnection(state, reason = "") {
  document.body.dataset.connection = find("connection").dataset.state = state;
  find("connection").textContent = WORDS[state];
  find("connection").title = reason;
}

function showFailure(errors) {
  const reason = [...new Set(errors.map(({ message }) => message))].join("; ");
  find("failure").textContent = reason;
  return reason;
}

// Draws the application of the address. One whose objects all vanish stays chosen: it may come back.
function choose() {
  const chosen = readApplication();
  if (isSame(chosen, application)) return;
  application = chosen;
  for (const each of [stream, ...neighbours]) each?.stop();
  stream = null;
  clearTimeout(readingTimer);
  details.hide();
  rows = null;
  isFirst = true;
  find("failure").textContent = "";
  draw();
  showList();
  document.title = application ? `${application.name}: topology` : "Topology";
  find("title").textContent = application ? `${application.kind} ${application.name}` : "Topology";
  if (application) read();
  neighbours = application?.namespace ? NEIGHBOURS.map(followNeighbours) : [];
}

function read() {
  stream?.stop();
  stream = connection.subscribe(treeOf(application));
}

function treeOf({ namespace, kind, apiVersion, name }) {
  return {
    query: TREE,
    variables: () => ({ namespace: namespace || null, kind, apiVersion, name }),
    start: () => rows ?? showConnection("connecting"),
    next(data, errors) {
      showFailure(errors);
      if (!data?.tree) return;
      rows = data.tree;
      showConnection("live");
      schedule();
    },
    waiting: (reason) => showConnection("waiting", reason),
    ended: (errors) => showConnection("stopped", showFailure(errors)),
  };
}

let isScheduled = false;

// Draws once for all events of a turn of the event loop.
function schedule() {
  if (isScheduled) return;
  isScheduled = true;
  setTimeout(() => {
    isScheduled = false;
    draw();
  });
}

function draw() {
  const before = picture.graph;
  const graph = rows ? graphOf(rows, { earlier: find("earlier").checked }) : none;
  picture.show(graph, { isMoving: !isFirst });
  navigation.refresh();
  details.refresh(graph);
  showCounts(graph);
  announce(isFirst ? "" : sentenceOf(before, graph));
  if (rows) isFirst = false;
}

// a screen reader may still be about to speak the sentence before
function announce(sentence) {
  if (sentence) find("announcement").textContent = sentence;
}

function showCounts(graph) {
  for (const [status, number] of Object.entries(countsOf(graph.objects))) {
    const chip = find("counts").querySelector(`[data-status=${status}]`);
    chip.querySelector(".number").textContent = number;
    chip.classList.toggle("none", number === 0);
  }
  find("earlier-choice").hidden = graph.earlier === 0;
  find("earlier-text").textContent = `${graph.earlier} earlier ${graph.earlier === 1 ? "revision" : "revisions"}`;
  const isEmpty = graph.objects.size === 0;
  find("empty").hidden = !isEmpty;
  find("empty").textContent = application === null ? "Choose an application." : rows ? "It does not exist." : "";
}

function showChips() {
  const template = find("object").content.querySelector(".shape");
  for (const [status, label] of Object.entries(STATUSES)) {
    const chip = document.createElement("li");
    chip.dataset.status = status;
    chip.append(shapeOf(template, status), ` ${label} `, Object.assign(document.createElement("span"), { className: "number" }));
    find("counts").append(chip);
  }
}

function shapeOf(template, status) {
  const shape = template.cloneNode(true);
  shape.querySelector("use").setAttribute("href", `#shape-${status}`);
  return shape;
}

function showList() {
  const template = find("object").content.querySelector(".shape");
  const found = applications.matching(find("search").value);
  const list = find("applications");
  const known = new Map([...list.children].map((item) => [item.firstElementChild.getAttribute("href"), item]));
  const items = found.map((each) => {
    const item = known.get(hashOf(each)) ?? listItem(template, each);
    const link = item.firstElementChild;
    item.dataset.status = each.status;
    link.querySelector("use").setAttribute("href", `#shape-${each.status}`);
    link.querySelector(".unseen").textContent = `${each.kind}, ${STATUSES[each.status]}`;
    if (isSame(each, application)) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    return item;
  });
  if (items.length !== list.children.length || items.some((item, at) => list.children[at] !== item)) {
    const focused = document.activeElement;
    list.replaceChildren(...items);
    if (list.contains(focused)) focused.focus({ preventScroll: true });
  }
  const current = list.querySelector("[aria-current]");
  if (current && current.href !== scrolledTo) current.scrollIntoView({ block: "nearest" });
  scrolledTo = current?.href ?? null;
  find("no-applications").hidden = found.length > 0 || listed.size < LISTS.length;
}

function listItem(template, { kind, namespace, name, status }) {
  const item = document.createElement("li");
  const link = Object.assign(document.createElement("a"), { href: hashOf({ kind, namespace, name }) });
  const place = Object.assign(document.createElement("span"), { className: "place", textContent: kind === "Deployment" ? namespace : `${namespace} · ${kind}` });
  const title = Object.assign(document.createElement("span"), { textContent: name });
  const spoken = Object.assign(document.createElement("span"), { className: "unseen" });
  link.append(shapeOf(template, status), title, " ", place, " ", spoken);
  item.append(link);
  return item;
}

function follow({ field, query }) {
  connection.subscribe({
    query,
    variables: () => ({ namespace }),
    start() {
      applications.start(field);
      if (application === null) showConnection("connecting");
    },
    next(data, errors) {
      if (!data) return showFailure(errors);
      applications.apply(field, data[field]);
      if (data[field].type === "SYNCED") listed.add(field);
      if (application === null) showConnection("live");
      scheduleList();
    },
    waiting: (reason) => showConnection("waiting", reason),
    ended(errors) {
      listed.add(field);
      showFailure(errors);
      scheduleList();
    },
  });
}

// A change of an object beside the tree causes no event of the tree: its relations are read anew.
function followNeighbours({ field, query }) {
  let isSynced = false;
  const isNamespaced = field !== "nodes";
  return connection.subscribe({
    query,
    variables: () => (isNamespaced ? { namespace: application.namespace } : {}),
    start() {
      isSynced = false;
    },
    next(data) {
      const { type, object } = data?.[field] ?? {};
      if (type === "SYNCED") isSynced = true;
      else if (isSynced && object && (isNamespaced || picture.graph.objects.has(object.metadata.uid))) scheduleReading();
    },
  });
}

let readingTimer = 0;

function scheduleReading() {
  clearTimeout(readingTimer);
  readingTimer = setTimeout(read, NEIGHBOURS_DELAY);
}

let isListScheduled = false;

function scheduleList() {
  if (isListScheduled) return;
  isListScheduled = true;
  setTimeout(() => {
    isListScheduled = false;
    showList();
  }, 50);
}

function showDetails(id, opener = null) {
  const object = picture.graph.objects.get(id);
  if (!object) return;
  picture.choose(id);
  details.show(object, picture.graph, opener);
}

function start(dagre) {
  picture = new Picture(find, dagre);
  navigation = new Navigation(picture);
  connection = new Connection({
    url: endpoint(),
    token: () => sessionStorage.getItem(TOKEN),
    denied(reason) {
      showConnection("denied", reason);
      sessionStorage.removeItem(TOKEN);
      if (!find("sign-in").open) find("sign-in").showModal();
    },
  });
  details = new Details(find, connection, { go: showDetails, closed: () => picture.choose(null) });
  showChips();
  LISTS.forEach(follow);
  choose();
  draw();
  addEventListener("hashchange", choose);
}

find("objects").addEventListener("click", ({ target }) => {
  const id = idOf(target);
  if (id) showDetails(id, target.closest("button"));
});

find("search").addEventListener("input", showList);
find("earlier").addEventListener("change", draw);

find("sign-in").addEventListener("close", () => {
  const token = find("token").value.trim();
  if (token) sessionStorage.setItem(TOKEN, token);
  find("token").value = "";
  connection.retry();
});

try {
  start(await loadDagre());
} catch (error) {
  showConnection("stopped", error.message);
  showFailure([error]);
}
