// Runs one operation with graphql-sse, the reference client of GraphQL over server-sent events.
// argv: URL, query, "distinct" or "single" (connection mode), headers as JSON. Prints one result per
// line, then "complete".
import { createClient } from "graphql-sse";

const [url, query, mode, headers] = process.argv.slice(2);

// the client reports a refusal without the body of the response
let refusal;
async function fetchFn(...request) {
  const response = await fetch(...request);
  if (!response.ok) refusal = await response.clone().text();
  return response;
}

const client = createClient({
  url,
  headers: JSON.parse(headers ?? "{}"),
  singleConnection: mode === "single",
  retryAttempts: 0,
  fetchFn,
});
try {
  for await (const result of client.iterate({ query })) console.log(JSON.stringify(result));
  console.log("complete");
} catch (error) {
  console.log(JSON.stringify({ status: error.response?.status, message: error.message, refusal }));
  process.exitCode = 1;
} finally {
  client.dispose();
}
