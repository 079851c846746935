// The panel of one pod: its details, its events and its live logs, each from a subscription of its own.

import { Log } from "./log.js";
import { describe } from "./pods.js";

const POD = `
  subscription Details($namespace: String!, $name: String!) {
    pod(namespace: $namespace, name: $name) {
      type
      object {
        metadata {
          uid name namespace creationTimestamp deletionTimestamp labels
          ownerReferences { kind name }
        }
        spec { nodeName serviceAccountName containers { name image } }
        status {
          phase reason message podIP
          conditions { type status reason message }
          containerStatuses {
            name ready restartCount
            state { waiting { reason message } running { startedAt } terminated { reason exitCode } }
            lastState { terminated { reason exitCode finishedAt } }
          }
        }
      }
    }
  }
`;

const EVENTS = `
  subscription Events($namespace: String!, $of: String!) {
    events: core_v1_events(namespace: $namespace, fieldSelector: $of) {
      type
      object {
        metadata { uid creationTimestamp }
        type reason message count lastTimestamp eventTime
      }
    }
  }
`;

const LOGS = `
  subscription Logs($namespace: String!, $name: String!) {
    podLogs(namespace: $namespace, name: $name, tailLines: 100) { container time line }
  }
`;

const MOST_EVENTS = 50;

let format = null; // made when it is needed: it takes milliseconds
function timeText(time) {
  format ??= new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  return format.format(new Date(time));
}

export class Details {
  #streams = [];
  #opener = null;
  #log = null;
  pod = null; // {namespace, name}

  // `closed()` is called when the reader closes the panel, `filter(label)` when the reader chooses a label.
  constructor(element, connection, { closed, filter }) {
    Object.assign(this, { element, connection, filter });
    this.find("#close").addEventListener("click", closed);
    element.addEventListener("keydown", ({ key }) => key === "Escape" && closed());
  }

  find(selector) {
    return this.element.querySelector(selector);
  }

  show(pod, opener = null) {
    this.#stop();
    this.pod = pod;
    this.#opener = opener;
    this.#toggle(true);
    this.find("h2").textContent = pod.name;
    this.find("#where").textContent = `in ${pod.namespace}`;
    this.#streams = [this.#watchPod(pod), this.#watchEvents(pod), this.#followLogs(pod)];
    this.find("h2").focus();
  }

  // Hides the panel, and returns the focus to the tile that opened it.
  hide() {
    if (this.pod === null) return;
    this.#stop();
    this.pod = null;
    this.#toggle(false);
    if (this.#opener?.isConnected) this.#opener.focus();
  }

  // The attribute of the parent chooses the layout; a :has() of the panel would cost milliseconds per change of a tile.
  #toggle(shown) {
    this.element.hidden = !shown;
    this.element.parentElement.toggleAttribute("data-details", shown);
  }

  #stop() {
    for (const stream of this.#streams) stream.stop();
    this.#streams = [];
    this.#log?.stop();
  }

  #watchPod({ namespace, name }) {
    const [notice, facts] = [this.find("#pod-notice"), this.find("#facts")];
    facts.replaceChildren();
    notice.textContent = "loading";
    let found = false;
    return this.connection.subscribe({
      query: POD,
      variables: () => ({ namespace, name }),
      start: () => (found = false),
      next: (data, errors) => {
        if (!data?.pod) return void (notice.textContent = sentence(errors));
        const { type, object } = data.pod;
        if (type === "SYNCED") {
          if (!found) notice.textContent = "This pod does not exist any more.";
        } else if (type === "DELETED") {
          notice.textContent = "This pod has been deleted.";
        } else {
          found = true;
          notice.textContent = "";
          this.#fill(facts, object);
        }
      },
      ended: (errors) => (notice.textContent = sentence(errors)),
    });
  }

  #fill(facts, pod) {
    const { metadata, spec, status } = pod;
    const owners = (metadata.ownerReferences ?? []).map(({ kind, name }) => `${kind} ${name}`);
    const { state, reason } = describe(pod);
    this.element.dataset.state = state;
    facts.replaceChildren(
      ...fact("State", reason === status?.message ? reason : [reason, status?.message].filter(Boolean).join(": ")),
      ...fact("Node", spec?.nodeName ?? "not scheduled"),
      ...fact("Address", status?.podIP),
      ...fact("Owner", owners.join(", ")),
      ...fact("Account", spec?.serviceAccountName),
      ...fact("Created", metadata.creationTimestamp && timeText(metadata.creationTimestamp)),
      ...fact("Labels", ...this.#labels(metadata.labels ?? {})),
      ...(spec?.containers ?? []).flatMap((container) => fact(`Container ${container.name}`, ...containerLines(container, status))),
      ...fact("Conditions", ...(status?.conditions ?? []).map(conditionLine)),
    );
  }

  #labels(labels) {
    return Object.entries(labels).map(([key, value]) => {
      const button = element("button", `${key}=${value}`);
      button.type = "button";
      button.className = "label";
      button.title = "show the pods with this label";
      button.addEventListener("click", () => this.filter(`${key}=${value}`));
      return button;
    });
  }

  #watchEvents({ namespace, name }) {
    const [notice, list] = [this.find("#events-notice"), this.find("#events")];
    const events = new Map();
    let frame = 0;
    list.replaceChildren();
    notice.textContent = "loading";
    const draw = () => {
      frame = 0;
      const newest = [...events.values()].sort((a, b) => (timeOf(a) < timeOf(b) ? 1 : -1)).slice(0, MOST_EVENTS);
      list.replaceChildren(...newest.map(eventLine));
    };
    const stream = this.connection.subscribe({
      query: EVENTS,
      variables: () => ({ namespace, of: `involvedObject.kind=Pod,involvedObject.name=${name}` }),
      start: () => events.clear(),
      next: (data, errors) => {
        if (!data?.events) return void (notice.textContent = sentence(errors));
        const { type, object } = data.events;
        if (type === "DELETED") events.delete(object.metadata.uid);
        else if (type !== "SYNCED") events.set(object.metadata.uid, object);
        notice.textContent = events.size === 0 && type !== "SYNCED" ? notice.textContent : "";
        if (type === "SYNCED" && events.size === 0) notice.textContent = "no events";
        if (frame === 0) frame = requestAnimationFrame(draw);
      },
      ended: (errors) => (notice.textContent = sentence(errors)),
    });
    return {
      stop() {
        cancelAnimationFrame(frame); // the list may belong to the next pod by then
        stream.stop();
      },
    };
  }

  #followLogs({ namespace, name }) {
    const notice = this.find("#log-notice");
    const log = (this.#log = new Log(this.find("#log")));
    notice.textContent = "";
    return this.connection.subscribe({
      query: LOGS,
      variables: () => ({ namespace, name }),
      start: () => log.start(),
      next: (data, errors) => {
        notice.textContent = errors.length > 0 ? sentence(errors) : "";
        if (data?.podLogs) log.append(data.podLogs);
      },
      waiting: (reason) => (notice.textContent = `waiting: ${reason}`),
      ended: (errors) => (notice.textContent = sentence(errors)),
    });
  }
}

function containerLines({ name, image }, status) {
  const found = (status?.containerStatuses ?? []).find((container) => container.name === name);
  if (!found) return [image];
  const { waiting, running, terminated } = found.state ?? {};
  const last = found.lastState?.terminated;
  const now =
    (waiting && [waiting.reason, waiting.message].filter(Boolean).join(": ")) ||
    (terminated && `${terminated.reason ?? "terminated"}, exit code ${terminated.exitCode}`) ||
    (running && `running since ${timeText(running.startedAt)}`) ||
    "no state yet";
  const before = last && `before: ${last.reason ?? "terminated"}, exit code ${last.exitCode}`;
  return [image, now, `${found.restartCount} restarts`, ...(before ? [before] : [])];
}

function conditionLine({ type, status, reason, message }) {
  const detail = [reason, message].filter(Boolean).join(": ");
  return `${type}: ${status}${detail ? ` (${detail})` : ""}`;
}

// A term and its values, one a line; nothing without a value.
function fact(term, ...values) {
  const present = values.filter(Boolean);
  if (present.length === 0) return [];
  const description = document.createElement("dd");
  for (const value of present) {
    description.append(value instanceof Node ? value : element("span", value));
  }
  return [element("dt", term), description];
}

function eventLine(event) {
  const item = document.createElement("li");
  item.dataset.type = event.type ?? "Normal";
  const time = element("time", timeText(timeOf(event)));
  time.dateTime = timeOf(event);
  const count = event.count > 1 ? ` (${event.count} times)` : "";
  item.append(element("strong", event.reason ?? ""), ` ${event.message ?? ""}${count} `, time);
  return item;
}

const timeOf = (event) => event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp;

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

function sentence(errors) {
  return errors.map((error) => error.message).join("; ");
}
