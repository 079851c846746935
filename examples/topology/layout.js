// Places a graph from left to right with dagre, which is passed in. No DOM; lengths are CSS pixels.

import { grouped } from "./graph.js";

export const BOX = { width: 140, height: 46 };
const TILE = 27; // an object of a large stack: only its shape is drawn
const GAP = 8;
const TILE_GAP = 3;
const LARGE = 10; // objects
const MARGIN = 12;
const COLUMN_GAP = 36;

// Returns { width, height, boxes }; `boxes` maps the id of an object to { x, y, width, height, small }, its upper left
// corner and its size, in the order of the graph. A stack is one node for dagre: a rollout moves little else.
export function layoutOf(graph, dagre) {
  const stacks = new Map(
    [...grouped(graph.objects.values(), ({ stack }) => stack)].map(([id, objects]) => [id, packed(objects)]),
  );
  const drawing = new dagre.graphlib.Graph();
  drawing.setGraph({ rankdir: "LR", nodesep: 2 * GAP, ranksep: COLUMN_GAP, marginx: MARGIN, marginy: MARGIN });
  for (const [id, { width, height }] of stacks) drawing.setNode(id, { width, height });
  for (const { from, to } of graph.edges) {
    const [source, target] = [from, to].map((id) => graph.objects.get(id).stack);
    if (source !== target) drawing.setEdge(source, target, {});
  }
  dagre.layout(drawing);
  const boxes = new Map();
  for (const [id, { width, height, places }] of stacks) {
    const { x, y } = drawing.node(id);
    for (const [object, place] of places) {
      boxes.set(object, { ...place, x: x - width / 2 + place.x, y: y - height / 2 + place.y });
    }
  }
  const { width, height } = drawing.graph();
  return { width: finite(width), height: finite(height), boxes };
}

const finite = (length) => (Number.isFinite(length) ? length : 0); // of a graph without objects

function packed(objects) {
  const small = objects.length > LARGE;
  const size = small ? { width: TILE, height: TILE } : BOX;
  const gap = small ? TILE_GAP : GAP;
  const columns = small ? Math.max(5, Math.ceil(Math.sqrt(objects.length / 2))) : 1;
  const rows = Math.ceil(objects.length / columns);
  const places = objects.map(({ id }, at) => {
    const [column, row] = [at % columns, Math.floor(at / columns)];
    return [id, { x: column * (size.width + gap), y: row * (size.height + gap), ...size, small }];
  });
  return { width: columns * (size.width + gap) - gap, height: rows * (size.height + gap) - gap, places };
}

// The path of an edge, as SVG path data, from the right side of a box to the left side of another one.
export function pathOf(from, to) {
  const [x1, y1] = [from.x + from.width, from.y + from.height / 2];
  const [x2, y2] = [to.x, to.y + to.height / 2];
  const bend = Math.max(20, (x2 - x1) / 2);
  const round = (value) => Math.round(value * 10) / 10;
  const points = [x1, y1, x1 + bend, y1, x2 - bend, y2, x2, y2].map(round);
  return `M${points[0]} ${points[1]}C${points.slice(2).join(" ")}`;
}
