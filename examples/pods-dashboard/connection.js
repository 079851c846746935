// GraphQL subscriptions that share one websocket (graphql-transport-ws), with reconnect; no dependencies.
//
// Protocol: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md

const FIRST_DELAY = 250; // milliseconds, doubled after every failure
const LONGEST_DELAY = 15_000;
const PING_EVERY = 10_000;
const UNAUTHORIZED = [4401, 4403];
const PASSING = ["UPSTREAM_UNAVAILABLE", "UPSTREAM_TIMEOUT", "TOO_MANY_REQUESTS", "SUBSCRIBER_TOO_SLOW"];

// half of the delay is jitter, so that many pages do not reconnect at the same time
const delayAfter = (failures) => Math.min(FIRST_DELAY * 2 ** failures, LONGEST_DELAY) * (0.5 + Math.random() / 2);

// Stays connected until the page is closed. `token()` returns the bearer token or null; `denied(reason)` is called when
// the gateway refuses it, and `retry()` connects again.
export class Connection {
  #socket = null;
  #ready = false; // acknowledged
  #streams = new Map(); // id -> Stream
  #failures = 0;
  #timer = 0;
  #next = 1;

  constructor({ url, token, denied }) {
    Object.assign(this, { url, token, denied });
    addEventListener("online", () => this.retry());
    this.#connect();
  }

  // Runs a subscription until `stop()` is called, with these callbacks:
  //   start()          before each request; `variables()` is called after it
  //   next(data, errors)
  //   waiting(reason)  the stream is interrupted, and will be requested again
  //   ended(errors)    the stream is over; no errors if the server completed it
  subscribe(callbacks) {
    const id = String(this.#next++);
    const stream = { id, failures: 0, timer: 0, ...callbacks };
    this.#streams.set(id, stream);
    if (this.#ready) this.#request(stream);
    return {
      stop: () => {
        clearTimeout(stream.timer);
        if (this.#streams.delete(id) && this.#ready) this.#send({ id, type: "complete" });
      },
    };
  }

  retry() {
    if (this.#socket === null) this.#connect();
  }

  #connect() {
    clearTimeout(this.#timer);
    const socket = new WebSocket(this.url, "graphql-transport-ws");
    this.#socket = socket;
    let received = true;
    // a missing pong reveals a connection that was lost without a close event
    this.pings = setInterval(() => {
      if (!received) return this.#interrupt("the gateway went silent");
      received = false;
      this.#send({ type: "ping" });
    }, PING_EVERY);
    socket.onopen = () => {
      const secret = this.token();
      this.#send({ type: "connection_init", payload: secret ? { Authorization: `Bearer ${secret}` } : {} });
    };
    socket.onmessage = ({ data }) => {
      received = true;
      this.#receive(JSON.parse(data));
    };
    socket.onclose = ({ code, reason }) =>
      UNAUTHORIZED.includes(code) ? this.#deny(reason) : this.#interrupt(reason || "the connection was lost");
  }

  #receive({ id, type, payload }) {
    const stream = this.#streams.get(id);
    if (type === "connection_ack") {
      this.#ready = true;
      for (const each of this.#streams.values()) this.#request(each);
    } else if (type === "ping") {
      this.#send({ type: "pong" });
    } else if (type === "next") {
      this.#failures = 0;
      if (!stream) return; // stopped, while this event was on its way
      stream.failures = 0;
      stream.next(payload.data, payload.errors ?? []);
    } else if (type === "error" || type === "complete") {
      if (stream) this.#end(stream, payload ?? []);
    }
  }

  #request(stream) {
    stream.start?.();
    const payload = { query: stream.query, variables: stream.variables() };
    this.#send({ id: stream.id, type: "subscribe", payload });
  }

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #end(stream, errors) {
    const [error] = errors;
    const code = error?.extensions?.code;
    if (code === "UNAUTHENTICATED") return this.#deny(error.message);
    if (PASSING.includes(code)) {
      stream.waiting?.(error.message);
      stream.timer = setTimeout(() => this.#ready && this.#request(stream), delayAfter(stream.failures++));
      return;
    }
    this.#streams.delete(stream.id);
    stream.ended?.(errors);
  }

  #disconnect(reason) {
    clearInterval(this.pings);
    this.#socket.onclose = this.#socket.onmessage = null;
    this.#socket.close();
    this.#socket = null;
    this.#ready = false;
    for (const stream of this.#streams.values()) {
      clearTimeout(stream.timer);
      stream.waiting?.(reason);
    }
  }

  #deny(reason) {
    this.#disconnect(reason);
    this.denied(reason);
  }

  #interrupt(reason) {
    this.#disconnect(reason);
    this.#timer = setTimeout(() => this.retry(), delayAfter(this.#failures++));
  }
}
