// A live GraphQL subscription over graphql-transport-ws, with reconnect; no dependencies.
//
// Protocol: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md

const FIRST_DELAY = 250; // milliseconds, doubled after every failure
const LONGEST_DELAY = 15_000;
const PING_EVERY = 10_000;
const UNAUTHORIZED = [4401, 4403];

// Runs `query` until the page is closed; `variables()` is called for every attempt. `on` has these callbacks:
//   start()              before a new stream is requested
//   next(data)           one event
//   state(name, detail)  "connecting", "live", "waiting" (for the next attempt) or "denied"
// `token()` returns the bearer token or null. Returns {retry}, which connects immediately.
export function subscribe({ url, query, variables, token, on }) {
  let socket = null;
  let failures = 0;
  let timer = 0;

  function connect() {
    clearTimeout(timer);
    on.state("connecting");
    const mine = new WebSocket(url, "graphql-transport-ws");
    socket = mine;
    let received = true;
    const send = (message) => mine.readyState === WebSocket.OPEN && mine.send(JSON.stringify(message));
    // a missing pong reveals a connection that was lost without a close event
    const pings = setInterval(() => {
      if (!received) return wait("the gateway went silent");
      received = false;
      send({ type: "ping" });
    }, PING_EVERY);

    mine.onopen = () => {
      const secret = token();
      send({ type: "connection_init", payload: secret ? { Authorization: `Bearer ${secret}` } : {} });
    };
    mine.onmessage = ({ data }) => {
      received = true;
      const message = JSON.parse(data);
      if (message.type === "connection_ack") {
        on.start();
        send({ id: "1", type: "subscribe", payload: { query, variables: variables() } });
      } else if (message.type === "next" && message.payload.data) {
        failures = 0;
        on.next(message.payload.data);
      } else if (message.type === "ping") {
        send({ type: "pong" });
      } else if (message.type === "error" || message.type === "next") {
        end(message.type === "error" ? message.payload : message.payload.errors);
      } else if (message.type === "complete") {
        end([]);
      }
    };
    mine.onclose = ({ code, reason }) =>
      UNAUTHORIZED.includes(code) ? deny(reason) : wait(reason || "the connection was lost");

    // the stream has ended on an open connection: close it with the reason of the server
    function end(errors) {
      const [error] = errors ?? [];
      const close = error?.extensions?.code === "UNAUTHENTICATED" ? deny : wait;
      close(error?.message ?? "the stream has ended");
    }
    function disconnect() {
      clearInterval(pings);
      mine.onclose = mine.onmessage = null;
      mine.close();
      socket = null;
    }
    function deny(reason) {
      disconnect();
      on.state("denied", reason);
    }
    function wait(reason) {
      disconnect();
      // half of the delay is jitter, so that many pages do not reconnect at the same time
      const delay = Math.min(FIRST_DELAY * 2 ** failures++, LONGEST_DELAY) * (0.5 + Math.random() / 2);
      on.state("waiting", reason);
      timer = setTimeout(connect, delay);
    }
  }

  function retry() {
    if (socket === null) connect();
  }
  addEventListener("online", retry);
  connect();
  return { retry };
}
