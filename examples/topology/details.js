// The panel of one object: its health, its connections, its events.

import { hashOf } from "./address.js";
import { nameOf, STATUSES } from "./graph.js";
import { EVENTS } from "./queries.js";

const MOST_EVENTS = 20;
const time = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

export class Details {
  #id = null;
  #opener = null;
  #request = null; // of events

  // `find(id)` returns elements of the page, `go(id)` chooses another object, `closed()` is called after closing
  constructor(find, connection, { go, closed }) {
    Object.assign(this, { find, connection, go, closed, panel: find("details") });
    find("close").addEventListener("click", () => this.hide());
    addEventListener("keydown", ({ key }) => key === "Escape" && !find("sign-in").open && this.hide());
  }

  get id() {
    return this.#id;
  }

  show(object, graph, opener = null) {
    this.#id = object.id;
    this.#opener = opener ?? this.#opener;
    this.find("events").replaceChildren();
    this.panel.hidden = false;
    this.refresh(graph);
    this.find("details-title").focus();
    this.#fetchEvents(object);
  }

  // Shows the object as it is in the graph; closes the panel if it is gone.
  refresh(graph) {
    if (this.#id === null) return;
    const object = graph.objects.get(this.#id);
    if (!object) return this.hide();
    const { find } = this;
    find("details-title").textContent = nameOf(object);
    this.panel.dataset.status = object.status;
    write(find("verdict"), [STATUSES[object.status], object.reason].filter(Boolean).join(": "));
    find("facts").replaceChildren(
      ...fact("Message", object.message),
      ...fact("Namespace", object.namespace),
      ...fact("API version", object.apiVersion),
      ...fact("Created", object.creationTimestamp && time.format(new Date(object.creationTimestamp))),
    );
    this.#showConnected(object, graph);
    find("links").replaceChildren(...linksOf(object));
  }

  hide() {
    if (this.#id === null) return;
    const hadFocus = this.panel.contains(document.activeElement);
    this.#request?.stop();
    this.#id = null;
    this.panel.hidden = true;
    if (hadFocus && this.#opener?.isConnected) this.#opener.focus({ preventScroll: true });
    this.#opener = null;
    this.closed();
  }

  #showConnected(object, { edges, objects }) {
    const ends = edges.flatMap(({ from, to }) => (from === object.id ? [to] : to === object.id ? [from] : []));
    const list = this.find("connected");
    const shown = [...list.children].map((item) => item.firstElementChild.dataset.to);
    if (ends.join() !== shown.join()) list.replaceChildren(...ends.map((id) => this.#connectedItem(objects.get(id))));
    for (const item of list.children) item.dataset.status = objects.get(item.firstElementChild.dataset.to).status;
  }

  #connectedItem(object) {
    const item = document.createElement("li");
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: nameOf(object) });
    button.dataset.to = object.id;
    button.addEventListener("click", () => this.go(object.id));
    item.append(button);
    return item;
  }

  #fetchEvents({ apiVersion, kind, namespace, name }) {
    this.#request?.stop();
    const notice = this.find("events-notice");
    notice.textContent = "loading";
    this.#request = this.connection.subscribe({
      query: EVENTS,
      variables: () => ({ apiVersion, kind, namespace, name }),
      next: (data, errors) => {
        const events = data?.object?.events?.items ?? [];
        notice.textContent = errors.map(({ message }) => message).join("; ") || (events.length ? "" : "none");
        const newest = events.sort((one, other) => whenOf(other) - whenOf(one)).slice(0, MOST_EVENTS);
        this.find("events").replaceChildren(...newest.map(eventItem));
      },
      ended: (errors) => {
        if (errors.length) notice.textContent = errors.map(({ message }) => message).join("; ");
      },
    });
  }
}

function fact(term, text) {
  if (!text) return [];
  return [
    Object.assign(document.createElement("dt"), { textContent: term }),
    Object.assign(document.createElement("dd"), { textContent: text }),
  ];
}

function* linksOf(object) {
  const link = (textContent, href) => Object.assign(document.createElement("a"), { textContent, href });
  if (object.kind === "Pod") yield link("Logs in the pods dashboard", `../pods-dashboard/?pod=${object.namespace}/${object.name}`);
  else if (object.isOwned) yield link("Draw from here", hashOf(object));
}

const whenOf = ({ lastTimestamp, eventTime, metadata }) => new Date(lastTimestamp ?? eventTime ?? metadata.creationTimestamp);

function eventItem(event) {
  const item = document.createElement("li");
  const when = whenOf(event);
  const moment = Object.assign(document.createElement("time"), { dateTime: when.toISOString(), textContent: time.format(when) });
  item.dataset.type = event.type;
  const times = event.count > 1 ? ` (${event.count} times)` : "";
  item.append(moment, ` ${event.reason}: ${event.message}${times}`);
  return item;
}

// an equal text would be announced again
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
