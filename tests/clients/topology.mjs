// Runs the modules of the topology example that need no browser. Reads one call per line from stdin,
// {"method": "draw", "args": […]}, and writes its result as a line of JSON.
import { createInterface } from "node:readline";
import dagre from "../../examples/topology/node_modules/@dagrejs/dagre/dist/dagre.esm.js";
import { hashOf, readApplication } from "../../examples/topology/address.js";
import { Applications } from "../../examples/topology/applications.js";
import { countsOf, graphOf, pathThrough, sentenceOf } from "../../examples/topology/graph.js";
import { layoutOf } from "../../examples/topology/layout.js";
import { Motion } from "../../examples/topology/motion.js";

const calls = {
  draw(rows, options) {
    const graph = graphOf(rows, options);
    const { width, height, boxes } = layoutOf(graph, dagre);
    return { ...graph, objects: [...graph.objects.values()], counts: countsOf(graph.objects), width, height, boxes: Object.fromEntries(boxes) };
  },
  path: (rows, id) => [...pathThrough(graphOf(rows), id)],
  sentence: (before, after) => sentenceOf(graphOf(before), graphOf(after)),
  // the frames at these times of a movement between the layouts of two trees, which starts at 0
  move(before, after, duration, times) {
    const [first, second] = [before, after].map((rows) => graphOf(rows));
    const motion = new Motion(duration);
    motion.moveTo(layoutOf(first, dagre).boxes, -duration);
    motion.moveTo(layoutOf(second, dagre).boxes, 0, (id) => second.objects.get(id)?.parent ?? null);
    return times.map((time) => Object.fromEntries(motion.frame(time).boxes));
  },
  // the names after these steps, each ["start", field] or ["apply", field, event]
  applications(steps, text) {
    const applications = new Applications();
    for (const [method, ...args] of steps) applications[method](...args);
    return applications.matching(text).map(({ namespace, kind, name }) => `${namespace}/${kind}/${name}`);
  },
  hash: (application) => hashOf(application),
  application: (hash) => readApplication(hash),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { method, args } = JSON.parse(line);
  process.stdout.write(JSON.stringify(calls[method](...args) ?? null) + "\n");
}
