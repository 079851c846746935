import { StrictMode, useMemo, useState } from "react";
import { createRoot } from "react-dom/client";
import { Provider } from "urql";

import { Deployments } from "./Deployments";
import { createClient, signIn } from "./client";

function App() {
  const client = useMemo(() => createClient(new URL("../../../graphql", location.href)), []);
  const [asks, ask] = useState(false);
  return (
    <Provider value={client}>
      <h1>Deployments</h1>
      {asks ? (
        <form action={(data) => signIn(String(data.get("token")))}>
          <label>Bearer token <input name="token" type="password" autoComplete="off" required /></label>
          <button type="submit">Connect</button>
        </form>
      ) : (
        <Deployments onDenied={() => ask(true)} />
      )}
    </Provider>
  );
}

const root = document.getElementById("root");
if (root) createRoot(root).render(<StrictMode><App /></StrictMode>);
