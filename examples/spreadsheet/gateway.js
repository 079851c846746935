// The gateway's GraphQL API over HTTP: requests by POST, subscriptions as server-sent events.

const FIRST_DELAY = 250; // milliseconds, doubled after every failure
const LONGEST_DELAY = 15_000;
const SILENCE = 30_000; // the gateway sends a keep-alive more often
const PASSING = new Set([
  "UPSTREAM_UNAVAILABLE", "UPSTREAM_TIMEOUT", "TOO_MANY_REQUESTS", "SUBSCRIBER_TOO_SLOW", "OUTCOME_UNKNOWN",
]);

// `message` is the gateway's. A passing failure may succeed later, a denied one needs another token.
export class Failure extends Error {
  constructor(errors) {
    super(errors[0]?.message ?? "the stream has ended");
    this.code = errors[0]?.extensions?.code ?? "";
    this.isPassing = errors.length === 0 || PASSING.has(this.code);
    this.isDenied = this.code === "UNAUTHENTICATED";
  }
}

const interruption = (reason) =>
  new Failure([{ message: reason, extensions: { code: "UPSTREAM_UNAVAILABLE" } }]);

export class Gateway {
  // `token()` returns the bearer token or null
  constructor(url, token) {
    Object.assign(this, { url, token });
  }

  async #post(query, variables, accept, signal) {
    const headers = { "Content-Type": "application/json", Accept: accept };
    const secret = this.token();
    if (secret) headers.Authorization = `Bearer ${secret}`;
    const body = JSON.stringify({ query, variables });
    try {
      return await fetch(this.url, { method: "POST", headers, body, signal });
    } catch {
      throw interruption("the gateway does not answer");
    }
  }

  // Runs a query or mutation; returns its data.
  async execute(query, variables) {
    const signal = AbortSignal.timeout(SILENCE);
    const response = await this.#post(query, variables, "application/json", signal);
    const { data, errors = [] } = await answerOf(response);
    if (errors.length > 0) throw new Failure(errors);
    return data;
  }

  // Yields the data of each event, until the stream fails.
  async *#events(query, variables) {
    const watch = new AbortController();
    let timer = 0;
    const heard = () => {
      clearTimeout(timer);
      timer = setTimeout(() => watch.abort(), SILENCE);
    };
    heard();
    try {
      const response = await this.#post(query, variables, "text/event-stream", watch.signal);
      if (!response.headers.get("Content-Type")?.startsWith("text/event-stream")) {
        throw new Failure((await answerOf(response)).errors ?? []);
      }
      for await (const { event, data } of messages(response.body, heard)) {
        if (event === "complete") return;
        if (event !== "next") continue;
        if (!data.data) throw new Failure(data.errors ?? []);
        yield data.data;
      }
    } catch (error) {
      throw error instanceof Failure ? error : interruption("the connection was lost");
    } finally {
      clearTimeout(timer);
      watch.abort();
    }
  }

  // Follows a subscription, reconnecting after passing failures. `variables()` is called for each attempt, then
  // `on.start()`; `on.next(data)` for each event; `on.waiting(reason)` between attempts; `on.failed(failure)` at the end.
  async follow(query, variables, on) {
    for (let failures = 0; ; failures++) {
      try {
        const values = variables();
        on.start();
        for await (const data of this.#events(query, values)) {
          failures = 0;
          on.next(data);
        }
        on.waiting("the stream has ended");
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        if (!error.isPassing) return on.failed(error);
        on.waiting(error.message);
      }
      // half of the delay is jitter, so that many pages do not reconnect at the same time
      const delay = Math.min(FIRST_DELAY * 2 ** failures, LONGEST_DELAY) * (0.5 + Math.random() / 2);
      await new Promise((resolve) => setTimeout(resolve, delay));
    }
  }
}

async function answerOf(response) {
  if (response.status === 401) throw new Failure([{ message: "a token is needed", extensions: { code: "UNAUTHENTICATED" } }]);
  try {
    return await response.json();
  } catch {
    throw interruption(`the gateway answers with status ${response.status}`);
  }
}

// The server-sent events of a body; `heard()` is called for every chunk.
async function* messages(body, heard) {
  let rest = "";
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    heard();
    const blocks = (rest + value).replaceAll("\r\n", "\n").split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split("\n").map((line) => [line.split(":")[0], line.replace(/^[^:]*: ?/, "")]));
      if (fields.event) yield { event: fields.event, data: fields.data ? JSON.parse(fields.data) : null };
    }
  }
}
