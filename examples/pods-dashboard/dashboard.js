// The page: renders one `pods` subscription as tiles and counts, and one pod's details on demand.

import { endpoint, readAddress, writeAddress } from "./address.js";
import { Connection } from "./connection.js";
import { Details } from "./details.js";
import { Navigation } from "./navigation.js";
import { PodSet, QUERY, STATES } from "./pods.js";
import { Tiles } from "./tiles.js";
import { Tooltip } from "./tooltip.js";

// a token is sent to the gateway that it was typed for, and to no other
const TOKEN = endpoint() === endpoint("") ? "kube-graphql.token" : `kube-graphql.token ${endpoint()}`;
const WORDS = {
  connecting: "connecting",
  waiting: "reconnecting",
  denied: "not signed in",
  stopped: "stopped",
  live: "live",
};

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
const lookup = (uid) => pods.get(uid);
const tooltip = new Tooltip(find("tooltip"), find("nodes"), lookup);
const navigation = new Navigation(find("nodes"));
const tiles = new Tiles(find("nodes"), lookup, () => {
  showCounts();
  tooltip.refresh();
  navigation.refresh();
});

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
  write(find("total"), number.format(pods.size));
  for (const [state, chip] of Object.entries(chips)) {
    write(chip.querySelector(".number"), number.format(counts[state]));
    chip.classList.toggle("none", counts[state] === 0);
  }
  find("empty").hidden = pods.size > 0 || !pods.synced;
}

// an equal text would be laid out again, too
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

let liveUntil = null; // since when the page is stale

function showConnection(state, reason = "") {
  if (document.body.dataset.connection === "live" && state !== "live") liveUntil = new Date();
  if (state === "live") liveUntil = null;
  document.body.dataset.connection = find("connection").dataset.state = state;
  find("connection").textContent = WORDS[state];
  const isStale = liveUntil !== null;
  document.body.toggleAttribute("data-stale", isStale);
  find("stale").hidden = !isStale;
  if (reason) find("reason").textContent = reason;
  if (isStale) find("since").textContent = liveUntil.toLocaleTimeString(undefined, { timeStyle: "medium" });
}

const connection = new Connection({
  url: endpoint(),
  token: () => sessionStorage.getItem(TOKEN),
  denied(reason) {
    showConnection("denied", reason);
    sessionStorage.removeItem(TOKEN);
    if (!find("sign-in").open) find("sign-in").showModal();
  },
});

let address = readAddress();
let stream = null;

function watch() {
  stream?.stop();
  stream = connection.subscribe({
    query: QUERY,
    variables: () => ({
      namespace: address.namespace,
      labelSelector: address.labels,
      resourceVersion: pods.resourceVersion,
    }),
    start() {
      pods.start();
      tiles.settle(false);
      showConnection("connecting");
    },
    next(data, errors) {
      if (!data) return showFailure(errors);
      pods.apply(data.pods);
      if (data.pods.type === "SYNCED") {
        tiles.settle(true);
        showConnection("live");
        showCounts();
        find("announcement").textContent = `${number.format(pods.size)} pods`;
      }
    },
    waiting: (reason) => showConnection("waiting", reason),
    ended: (errors) => showFailure(errors),
  });
}

function showFailure(errors) {
  const reason = errors.map((error) => error.message).join("; ") || "the gateway has ended the stream";
  showConnection("stopped", reason);
  find("failure").textContent = reason;
  find("labels").ariaInvalid = String(errors.some((error) => error.extensions?.code === "BAD_REQUEST"));
}

function showAddress() {
  find("namespace").value = address.namespace ?? "";
  find("labels").value = address.labels ?? "";
  document.title = address.namespace ? `Pods in ${address.namespace}` : "Pods";
}

// Shows another selection of pods, or the details of another pod.
function go(next, opener = null) {
  const isOther = next.namespace !== address.namespace || next.labels !== address.labels;
  const before = details.pod;
  address = next;
  showAddress();
  if (isOther) {
    find("failure").textContent = "";
    find("labels").ariaInvalid = "false";
    pods.reset();
    watch();
  }
  if (next.pod === null) details.hide();
  else if (before?.name !== next.pod.name || before.namespace !== next.pod.namespace) details.show(next.pod, opener);
}

function visit(change, opener = null) {
  writeAddress({ ...address, ...change });
  go(readAddress(), opener);
}

const details = new Details(find("details"), connection, {
  closed: () => visit({ pod: null }),
  filter: (label) => visit({ labels: label }),
});

find("filter").addEventListener("submit", (event) => {
  event.preventDefault();
  visit({ namespace: find("namespace").value.trim(), labels: find("labels").value.trim() });
});

find("nodes").addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  const pod = button && pods.get(button.parentElement.dataset.uid);
  if (pod) visit({ pod: { namespace: pod.namespace, name: pod.name } }, button);
});

find("sign-in").addEventListener("close", () => {
  const token = find("token").value.trim();
  if (token) sessionStorage.setItem(TOKEN, token);
  find("token").value = "";
  connection.retry();
});

addEventListener("popstate", () => go(readAddress()));

showAddress();
watch();
if (address.pod) details.show(address.pod);
