// The page: connects the engine with the gateway and with the sheets.
//
// ?namespace=… limits the page to one namespace; ?endpoint=… connects to another gateway.

import { Engine } from "./engine.js";
import { Failure, Gateway } from "./gateway.js";
import { loadTabulator, Sheets } from "./grid.js";
import { DEPLOYMENTS, mutationOf, versionOf } from "./queries.js";

const TOKEN = "kube-graphql.token";
const REPEAT = 2_000; // milliseconds until a lost patch is sent again
const parameters = new URLSearchParams(location.search);
const namespace = parameters.get("namespace") || null;
const endpoint = new URL(parameters.get("endpoint") || "../../graphql", location.href);
const find = (id) => document.getElementById(id);

const gateway = new Gateway(endpoint.href, () => sessionStorage.getItem(TOKEN));
const engine = new Engine();
let sheets = null;
let planned = false;

// Plans once for all events and edits of a turn of the event loop.
function schedule() {
  if (planned) return;
  planned = true;
  setTimeout(synchronise);
}

function synchronise() {
  planned = false;
  const plan = engine.plan(sheets.snapshot());
  if (sheets.write(plan.writes)) engine.commit(plan);
  plan.patches.forEach(send);
  showTabs();
}

async function send(patch) {
  try {
    const data = await gateway.execute(...mutationOf(patch));
    engine.accepted(patch, versionOf(data));
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.isDenied) askForToken();
    if (error.isPassing || error.isDenied) {
      engine.unanswered(patch);
      return setTimeout(schedule, REPEAT);
    }
    engine.refused(patch, error.message);
  }
  schedule();
}

function showTabs() {
  const names = sheets.namespaces.sort();
  const tabs = find("tabs");
  const shown = [...tabs.children].map((tab) => tab.dataset.namespace);
  if (names.join() !== shown.join()) tabs.replaceChildren(...names.map(tabOf));
  if (sheets.shown === null && names.length > 0) choose(names.includes("default") ? "default" : names[0]);
  for (const tab of tabs.children) {
    const isShown = tab.dataset.namespace === sheets.shown;
    tab.setAttribute("aria-selected", isShown);
    tab.tabIndex = isShown ? 0 : -1;
  }
  find("empty").hidden = names.length > 0 || !engine.synced;
}

function tabOf(name) {
  const tab = document.createElement("button");
  Object.assign(tab, { type: "button", role: "tab", textContent: name });
  tab.setAttribute("aria-controls", "sheet");
  tab.dataset.namespace = name;
  tab.addEventListener("click", () => choose(name));
  return tab;
}

async function choose(name) {
  await sheets.show(name);
  showTabs();
  schedule();
}

find("tabs").addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const tabs = [...find("tabs").children];
  const tab = tabs[tabs.indexOf(document.activeElement) + step];
  if (!tab) return;
  tab.focus();
  tab.click();
});

function showConnection(state, detail = "") {
  const words = { connecting: "connecting", waiting: "reconnecting", failed: "stopped", denied: "not signed in", live: "live" };
  find("connection").dataset.state = document.body.dataset.connection = state;
  find("connection").textContent = words[state];
  find("failure").textContent = state === "failed" ? detail : "";
  find("connection").title = detail;
}

function follow() {
  showConnection("connecting");
  gateway.follow(DEPLOYMENTS, () => ({ namespace, resourceVersion: engine.version }), {
    start: () => engine.restart(),
    next({ deployments }) {
      engine.apply(deployments);
      if (engine.synced) {
        showConnection("live", `as of resourceVersion ${engine.version}`);
        schedule();
      }
    },
    waiting: (reason) => showConnection("waiting", reason),
    failed(failure) {
      showConnection(failure.isDenied ? "denied" : "failed", failure.message);
      if (failure.isDenied) askForToken();
    },
  });
}

function askForToken() {
  sessionStorage.removeItem(TOKEN);
  if (!find("sign-in").open) find("sign-in").showModal();
}

find("sign-in").addEventListener("close", () => {
  const token = find("token").value.trim();
  if (token) sessionStorage.setItem(TOKEN, token);
  find("token").value = "";
  if (document.body.dataset.connection !== "live") follow();
});

try {
  sheets = new Sheets(await loadTabulator(), find("grid"), schedule);
  for (const action of ["insert", "duplicate", "delete"]) find(action).addEventListener("click", () => sheets[action]());
  follow();
} catch (error) {
  showConnection("failed", error.message);
}
