// Runs the spreadsheet example's engine. Reads one call per line from stdin, {"method": "plan", "args": […]}, and
// writes its result as a line of JSON. "new" starts afresh; "commit" takes the plan of the last "plan".
import { createInterface } from "node:readline";
import { Engine } from "../../examples/spreadsheet/engine.js";

let engine = new Engine();
let plan = null;
const calls = {
  new: () => void (engine = new Engine()),
  plan(snapshot) {
    plan = engine.plan(snapshot);
    return { writes: plan.writes, patches: plan.patches };
  },
  commit: () => engine.commit(plan),
  state: () => ({ synced: engine.synced, version: engine.version, namespaces: engine.namespaces }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { method, args } = JSON.parse(line);
  const result = method in calls ? calls[method](...args) : engine[method](...args);
  process.stdout.write(JSON.stringify(result ?? null) + "\n");
}
