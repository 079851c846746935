// Moves boxes from layout to layout: new ones grow out of their owner, removed ones shrink. No DOM, no clock.

const eased = (share) => 1 - (1 - share) ** 3;

export class Motion {
  #from = new Map(); // id -> box with scale, at the start of the movement
  #to = new Map();
  #start = 0;

  // `duration` in milliseconds; 0 moves at once
  constructor(duration) {
    this.duration = duration;
  }

  // Starts a movement from the present frame. `ownerOf(id)` is the id of the box that a new one grows out of, or null.
  moveTo(boxes, now, ownerOf = () => null) {
    const present = this.frame(now).boxes;
    const from = new Map();
    const to = new Map();
    for (const [id, box] of boxes) {
      to.set(id, { ...box, scale: 1 });
      from.set(id, present.get(id) ?? { ...(present.size ? bornAt(box, present.get(ownerOf(id))) : box), scale: 0 });
    }
    for (const [id, box] of present) {
      if (boxes.has(id)) continue;
      from.set(id, box);
      to.set(id, { ...box, scale: 0 });
    }
    this.#from = from;
    this.#to = to;
    this.#start = now;
  }

  // Returns { boxes, isDone }: each box with its place and its `scale`, 0 to 1. When done, removed boxes are missing.
  frame(now) {
    const share = this.duration > 0 ? Math.min(1, (now - this.#start) / this.duration) : 1;
    const boxes = new Map();
    for (const [id, target] of this.#to) {
      if (share === 1 && target.scale === 0) continue;
      const origin = this.#from.get(id);
      const between = (key) => origin[key] + (target[key] - origin[key]) * eased(share);
      boxes.set(id, { ...target, x: between("x"), y: between("y"), scale: between("scale") });
    }
    return { boxes, isDone: share === 1 };
  }
}

// the box with its centre on the right side of its owner
function bornAt(box, owner) {
  if (!owner) return box;
  return { ...box, x: owner.x + owner.width - box.width / 2, y: owner.y + (owner.height - box.height) / 2 };
}
