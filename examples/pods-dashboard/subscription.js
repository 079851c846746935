// A live GraphQL subscription over graphql-transport-ws, with reconnect; no dependencies.
//
// https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md has the protocol.

const FIRST_DELAY = 250; // milliseconds, doubled with every failure
const LONGEST_DELAY = 15_000;
const PING_EVERY = 10_000;
const UNAUTHORIZED = [4401, 4403];

// Runs `query` for as long as the page lives, each time with what `variables()` says. `on` has these callbacks:
//   start()        a new stream is about to be asked for
//   next(data)     one event
//   state(name, detail)  "connecting", "live", "waiting" (until the next attempt) or "denied"
// `token()` gives the bearer token to connect with, or null. Returns {retry}: connect now.
export function subscribe({ url, query, variables, token, on }) {
  let socket = null;
  let failures = 0;
  let timer = 0;

  function connect() {
    clearTimeout(timer);
    on.state("connecting");
    const mine = new WebSocket(url, "graphql-transport-ws");
    socket = mine;
    let heard = true;
    const send = (message) => mine.readyState === WebSocket.OPEN && mine.send(JSON.stringify(message));
    // a connection that died without a word is noticed by the pong that never comes
    const pings = setInterval(() => {
      if (!heard) return wait("the gateway went silent");
      heard = false;
      send({ type: "ping" });
    }, PING_EVERY);

    mine.onopen = () => {
      const secret = token();
      send({ type: "connection_init", payload: secret ? { Authorization: `Bearer ${secret}` } : {} });
    };
    mine.onmessage = ({ data }) => {
      heard = true;
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

    // the stream is over, the connection is not: leave it with the reason that the server gave
    function end(errors) {
      const [error] = errors ?? [];
      const close = error?.extensions?.code === "UNAUTHENTICATED" ? deny : wait;
      close(error?.message ?? "the stream has ended");
    }
    function leave() {
      clearInterval(pings);
      mine.onclose = mine.onmessage = null;
      mine.close();
      socket = null;
    }
    function deny(reason) {
      leave();
      on.state("denied", reason);
    }
    function wait(reason) {
      leave();
      // half of the delay is random, so that a thousand pages don't come back in the same instant
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
