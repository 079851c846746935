// The page: renders one `pods` subscription as tiles and counts.
//
// ?namespace=… limits the page to one namespace; ?endpoint=… connects to another gateway.

import { PodSet, QUERY, STATES } from "./pods.js";
import { subscribe } from "./subscription.js";
import { Tiles } from "./tiles.js";

const TOKEN = "kube-graphql.token";
const parameters = new URLSearchParams(location.search);
const namespace = parameters.get("namespace") || null;
const endpoint = new URL(parameters.get("endpoint") || "../../graphql", location.href);
endpoint.protocol = endpoint.protocol.replace("http", "ws");

const find = (id) => document.getElementById(id);
const number = new Intl.NumberFormat();
const counts = Object.fromEntries(Object.keys(STATES).map((state) => [state, 0]));
const counted = new Map(); // uid -> state

const pods = new PodSet((uid, pod) => {
  const before = counted.get(uid);
  if (before) counts[before]--;
  if (pod) {
    counts[pod.state]++;
    counted.set(uid, pod.state);
  } else {
    counted.delete(uid);
  }
  tiles.change(uid);
});
const tiles = new Tiles(find("nodes"), (uid) => pods.get(uid), showCounts);

const chips = Object.fromEntries(
  Object.entries(STATES).map(([state, { label, mark }]) => {
    const chip = document.createElement("li");
    chip.dataset.state = state;
    chip.innerHTML = `<span class="mark" aria-hidden="true">${mark}</span> ${label} <span class="number">0</span>`;
    find("counts").append(chip);
    return [state, chip];
  }),
);

function showCounts() {
  find("total").textContent = number.format(pods.size);
  for (const [state, chip] of Object.entries(chips)) {
    chip.querySelector(".number").textContent = number.format(counts[state]);
    chip.classList.toggle("none", counts[state] === 0);
  }
  find("empty").hidden = pods.size > 0 || !pods.synced;
}

function showConnection(state, detail = "") {
  const words = { connecting: "connecting", waiting: "reconnecting", denied: "not signed in", live: "live" };
  find("connection").dataset.state = document.body.dataset.connection = state;
  find("connection").textContent = words[state];
  find("connection").title = detail;
}

const subscription = subscribe({
  url: endpoint.href,
  query: QUERY,
  variables: () => ({ namespace, resourceVersion: pods.resourceVersion }),
  token: () => sessionStorage.getItem(TOKEN),
  on: {
    start() {
      pods.start();
      tiles.settle(false);
    },
    next(data) {
      pods.apply(data.pods);
      if (data.pods.type === "SYNCED") {
        tiles.settle(true);
        showConnection("live");
        showCounts();
      }
    },
    state(state, detail) {
      showConnection(state, detail);
      if (state === "denied") askForToken();
    },
  },
});

function askForToken() {
  sessionStorage.removeItem(TOKEN);
  const dialog = find("sign-in");
  if (!dialog.open) dialog.showModal();
}

find("sign-in").addEventListener("close", () => {
  const token = find("token").value.trim();
  if (token) sessionStorage.setItem(TOKEN, token);
  find("token").value = "";
  subscription.retry();
});

find("namespace").value = namespace ?? "";
document.title = namespace ? `Pods in ${namespace}` : "Pods";
