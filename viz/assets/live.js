// The live page: when a leaf changes, the program runs again and all that is shown follows.
// What is shown stands in one vector of numbers, its cells: the program's values, contributions and local gradients,
// then sums of those. Each number on the page says from which cells it comes; a run of them is first.count.distance.
(() => {
  const source = JSON.parse(part("cells").textContent);
  const { at, start } = forwardBackward;
  const [nodeCount, edgeCount] = [start.length - 1, at.length];

  // ---- The numbers ----

  const sums = source.sums.map((parts) => (typeof parts === "number" ? [parts] : parts)); // of one cell, a copy
  const cells = new Float64Array(nodeCount + 2 * edgeCount + source.sums.length);
  const values = cells.subarray(0, nodeCount);
  const contributions = cells.subarray(nodeCount, nodeCount + edgeCount);
  const locals = cells.subarray(nodeCount + edgeCount, nodeCount + 2 * edgeCount);
  const grads = new Float64Array(nodeCount);
  const parse = (x) => Number(String(x).replace("inf", "Infinity").replace("nan", "NaN"));
  const recordedLeaves = Float64Array.from(source.leaves, parse);
  const leaves = Float64Array.from(recordedLeaves);

  function compute() {
    forwardBackward(leaves, values, grads, contributions, locals);
    let k = nodeCount + 2 * edgeCount;
    for (const parts of sums) {
      let sum = parts.length ? cells[parts[0]] : 0;
      for (let i = 1; i < parts.length; i++) sum += cells[parts[i]];
      cells[k++] = sum;
    }
  }
  compute();
  const recorded = cells.slice();

  const parsedRuns = new Map();
  function indices(run) {
    if (!parsedRuns.has(run)) {
      const [first, count = 1, distance = 1] = run.split(".").map(Number);
      parsedRuns.set(run, Array.from({ length: count }, (_, i) => first + i * distance));
    }
    return parsedRuns.get(run);
  }

  let shown = cells; // or those of a ghost, while these are shown for comparison
  // What the present numbers are compared with: the run as it was recorded, and the one that was pinned last.
  const ghosts = { recorded: { leaves: recordedLeaves, cells: recorded, grads: grads.slice() } };
  const numbers = (run) => indices(run).map((i) => shown[i]);

  // ---- The nodes ----

  const nodes = new Map(
    source.nodes.map(([name, shape, value, grad, editable, trained, classes, ignored]) => [
      name,
      { name, shape, editable: Boolean(editable), trained: Boolean(trained), slots: indices(value), value, grad, classes, ignored },
    ]),
  );
  const editableSlots = new Map();
  for (const node of nodes.values()) if (node.editable) node.slots.forEach((slot, i) => editableSlots.set(slot, { node, i }));

  // ---- What is shown ----

  const HOW = {
    l: (run) => `[${numbers(run).map(written.number).join(", ")}]`,
    m: (run) => written.norm(numbers(run)),
    r: (what) => padded(/(\d+)\.(.*)/.exec(what)),
    s: (cell) => written.signed(shown[cell]),
    // A long sum breaks between its products.
    w: (which) => written.products(terms(...which.split(".").map(Number))).replaceAll(" × ", "\u00a0×\u00a0"),
    g: () => written.number(scale),
  };
  const padded = ([, width, run]) => numbers(run).map((x) => written.number(x).padStart(width, "\u00a0")).join("");

  /** A source as text, as it stands now: a letter for how, and which cells; a number alone is its cell. */
  const write = (text) => (text[0] in HOW ? HOW[text[0]](text.slice(1)) : written.number(shown[text]));

  /** A text with its blanks filled in from sources. */
  const fill = (text, ...sources) => text.replaceAll("\ue201\ue203", () => write(sources.shift()));

  /** The products that make an entry of what an edge contributes: upstream and local for each entry of its node. */
  function terms(edge, entry) {
    const [slot, from, to, read, node, upstream] = source.edges[edge];
    const [input, outputs] = [indices(read)[entry], indices(node)];
    const above = upstream ? numbers(upstream) : [1];
    const localsShown = shown.subarray(nodeCount + edgeCount, nodeCount + 2 * edgeCount);
    const pairs = [];
    if (slot >= 0) {
      outputs.forEach((n, k) => {
        if (at[start[n] + slot] === input) pairs.push([above[k], localsShown[start[n] + slot]]);
      });
      const counting = pairs.filter(([, local]) => local !== 0);
      return counting.length ? counting : pairs;
    }
    // Of a structural op: how far each entry moves when the input moves by 1.
    const tangents = new Map([[input, 1]]);
    for (let n = from; n < to; n++) {
      let sum = tangents.get(n) ?? 0;
      for (let k = start[n]; k < start[n + 1]; k++) {
        const tangent = tangents.get(at[k]);
        if (tangent !== undefined && localsShown[k] !== 0) sum += localsShown[k] * tangent;
      }
      if (sum !== 0) tangents.set(n, sum);
    }
    outputs.forEach((n, k) => {
      const local = tangents.get(n) ?? 0;
      if (local !== 0) pairs.push([above[k], local]);
    });
    return pairs;
  }

  // What is not seen is left as it is: it is written anew when it comes into view.
  const gather = (attribute, make) =>
    [...page.querySelectorAll(`[data-${attribute}]`)].map((element) => ({
      ...make(element, element.dataset[attribute]),
      element,
      run: 0,
      state: element.closest(".changing > g"),
      column: element.closest(".column"),
      item: element.closest(".visits > li"),
      inCanvas: Boolean(element.closest(".canvas")),
      isDigits: Boolean(element.closest(".digits:not(.end)")),
      isStrip: attribute === "heat",
      contribution: element.closest(".contribution"),
    }));
  const texts = gather("n", (element, source) => {
    const now = element.textContent;
    return { source, now, room: element.closest("text") && Math.max(now.length, 8) };
  });
  const strips = gather("heat", (element, source) => {
    const [run, columns, kind, x, y, wide] = source.split(" ");
    const count = indices(run).length;
    return { source: run, kind, cells: written.grid(count, +columns), painted: written.heat(count, +columns, kind, +x, +y, +wide) };
  });
  const reasons = gather("zero", (element, source) => ({ runs: source.split(" ") })); // sentences that hold while these are 0
  const charts = gather("bars", (element, source) => ({ source: source.split(" "), how: element.dataset.at.split(" ").map(Number) }));
  for (const { element, source } of strips) element.classList.toggle("editable-cells", editableSlots.has(indices(source)[0]));

  /** The slot of the cell of a leaf's strip that a pointer is on. */
  function slotUnder({ clientX, clientY }, strip) {
    const { source, cells } = strips.find(({ element }) => element === strip);
    const { left, top, width, height } = strip.getBoundingClientRect();
    const at = (share, count) => Math.min(Math.max(Math.floor(share * count), 0), count - 1);
    const row = cells[at((clientY - top) / height, cells.length)];
    return indices(source)[written.furthest(numbers(source), row[at((clientX - left) / width, row.length)])];
  }

  for (const { element, source, room } of texts) {
    const slot = Number(source[0] === "r" ? source.split(".")[1] : source);
    if (!room || !editableSlots.has(slot)) continue;
    element.classList.add("editable");
    element.dataset.slot = slot;
  }
  // From far away the number may not be seen; then its box takes its place.
  for (const node of page.querySelectorAll(".canvas .node"))
    node.classList.toggle("one-number", node.querySelectorAll(".editable").length === 1);

  /** A text that is longer than what was laid out for it is pressed together. */
  function fit({ element, room, now }) {
    if (now.length <= room) {
      element.removeAttribute("textLength");
      return;
    }
    element.setAttribute("lengthAdjust", "spacingAndGlyphs");
    element.setAttribute("textLength", room * 0.602 * (element.closest(".digits") ? 9 : 8)); // the sizes in viz/paint/pen.py
  }

  const gradients = strips.filter(({ kind, item }) => kind === "g" && !item).map(({ source }) => source);
  const scaled = [...gradients, ...source.scales].flatMap(indices); // all gradients are on one scale
  const largestGrad = () => written.largest(scaled.map((i) => shown[i]));
  let scale = largestGrad();
  const told = page.querySelector(".told");
  const canvas = page.querySelector(".canvas");
  let onPaper = false;

  /** Tells what is seen now. From far away most of the picture is hidden; see page.css. */
  function sight() {
    const [isFar, isTiny, isNumbered] = ["distant", "tiny", "numbered"].map((look) => !onPaper && canvas.classList.contains(look));
    const isSeenFromFar = ({ contribution, isStrip, isDigits }) => {
      if (contribution) return !isStrip && contribution.classList.contains("lit");
      return isStrip ? !isTiny : isNumbered && isDigits;
    };
    const items = itemsInSight();
    const isOn = (element, name) => !element || element.classList.contains(name);
    return (thing) => {
      if (isFar && thing.inCanvas && !isSeenFromFar(thing)) return false;
      return isOn(thing.state, "on") && isOn(thing.column, "near") && (!thing.item || items.has(thing.item));
    };
  }

  /** The step that is told, or of the list of all those that the browser does not skip. */
  function itemsInSight() {
    if (!told.matches(".all")) return new Set(told.querySelectorAll(".now"));
    const isIn = (item) => onPaper || item.firstElementChild.checkVisibility?.({ contentVisibilityAuto: true }) !== false;
    return new Set([...part("visits").children].filter(isIn));
  }

  let seen; // the texts, strips, sentences and charts that are
  let latest = 1; // how often numbers have changed; each thing knows which change it was last written for

  /** Something else is seen now. */
  function refresh() {
    const isSeen = sight();
    seen = [texts, strips, reasons, charts].map((things) => things.filter(isSeen));
    writeSeen();
  }

  /** Write what is seen and was not written since the last change; what stands there already is left as it is. */
  function writeSeen() {
    const due = (thing) => thing.run !== latest && (thing.run = latest);
    const [texts, strips, reasons, charts] = seen.map((things) => things.filter(due));
    for (const text of texts) {
      const now = write(text.source);
      if (text.now === now) continue;
      text.element.firstChild.data = text.now = now;
      if (text.room) fit(text);
    }
    tell("written");
    for (const { element, source, kind, painted } of strips) {
      const data = numbers(source);
      const paths = painted(data, kind === "g" ? scale : written.largest(data));
      if (paths) written.repaint(element, paths);
    }
    for (const { element, runs } of reasons) element.hidden = runs.flatMap(numbers).some((x) => x !== 0);
    for (const { element, source, how } of charts) {
      const norms = source.map((run) => Math.sqrt(numbers(run).reduce((sum, x) => sum + x * x, 0)));
      written.match(element, 0, written.bars(norms, ...how));
    }
  }

  /** Numbers have changed: the scale of all gradients, and all that is seen. */
  function rewrite() {
    latest++;
    scale = largestGrad();
    writeSeen();
    page.classList.toggle("changed", isChanged());
  }

  /** The answer to a question now, and the wrong answers that people come to, each with its place among those of its kind. */
  function asked({ known, uses, cells: from, at: [edge, entry] }) {
    const [total, before = NaN, after = total, value = NaN] = from.map((cell) => (cell < 0 ? NaN : cells[cell]));
    const [slot, , , read, node] = source.edges[edge];
    const pairs = terms(edge, entry);
    const [[upstream, local] = [NaN, NaN]] = pairs;
    const products = pairs.map(([u, l]) => u * l);
    const add = (numbers) => numbers.reduce((sum, x) => sum + x, 0);
    const input = indices(read)[entry];
    const reads = (n) => start[n + 1] - start[n];
    const output = slot >= 0 ? indices(node).find((n) => reads(n) === 1 && at[start[n]] === input) : undefined;
    // By their names in viz/words/mistakes.py.
    const wrong = {
      locals: () => [add(pairs.map(([, l]) => l))],
      upstreams: () => [add(pairs.map(([u]) => u))],
      "times x": () => [upstream * values[input]],
      taken: () => [output === undefined ? NaN : upstream * forwardBackward.slope(values, output, values[input])],
      plus: () => [upstream + local],
      sizes: () => [add(products.map(Math.abs))],
      products: () => products.sort((a, b) => Math.abs(b) - Math.abs(a)).slice(0, 4),
      negative: () => [-total],
      after: () => [after],
      before: () => [before],
      value: () => [value],
      this: () => [total],
      difference: () => [before - total],
      mean: () => [after / uses],
    };
    return { answer: uses > 1 ? after : total, mistakes: known.flatMap((name, k) => wrong[name]().map((x) => [x, k])).filter(([x]) => x) };
  }

  const isChanged = () => leaves.some((x, i) => !Object.is(x, recordedLeaves[i]));

  // ---- Changing a leaf ----

  const past = [];
  let held = false; // while a number is dragged, all its changes are one
  const listeners = [];

  function keep() {
    if (held) return;
    past.push(leaves.slice());
    if (past.length > 200) past.shift();
  }

  function update(why) {
    compute();
    rewrite();
    for (const listener of listeners) listener(why);
  }

  function restore(to, why) {
    leaves.set(to);
    update(why);
  }

  function setSlots(slots, numbers) {
    keep();
    slots.forEach((slot, i) => (leaves[slot] = numbers[i]));
    update("set");
  }

  /** All entries of a leaf times a factor. */
  function times(node, factor) {
    setSlots(node.slots, node.slots.map((slot) => leaves[slot] * factor));
  }

  /** Follow the slope downhill: each number that is trained minus rate times its gradient. */
  function descend(rate) {
    keep();
    for (const { trained, slots } of nodes.values())
      if (trained) for (const slot of slots) leaves[slot] -= rate * grads[slot];
    update("step");
  }

  /** The slope at a leaf as a difference quotient, from two runs beside the present numbers; nothing is shown. */
  function nudge(slot) {
    const epsilon = 1e-6 * Math.max(1, Math.abs(leaves[slot]));
    const scratch = [new Float64Array(nodeCount), new Float64Array(nodeCount), new Float64Array(edgeCount), new Float64Array(edgeCount)];
    const loss = (x) => forwardBackward(Object.assign(leaves.slice(), { [slot]: x }), ...scratch);
    return (loss(leaves[slot] + epsilon) - loss(leaves[slot] - epsilon)) / (2 * epsilon);
  }

  /** The length of the gradient of all that is trained. */
  const slope = () => Math.hypot(...[...nodes.values()].filter(({ trained }) => trained).flatMap(({ slots }) => slots.map((slot) => grads[slot])));

  // ---- For a lecturer's own script, and for tests ----

  const known = () => [...nodes.keys()].slice(0, 40).join(", ");

  function find(name) {
    const node = nodes.get(name);
    if (!node) throw new Error(`no node is called ${JSON.stringify(name)}; there are ${known()}`);
    return node;
  }

  function nested(numbers, shape) {
    if (!shape.length) return numbers[0];
    const size = numbers.length / shape[0];
    return Array.from({ length: shape[0] }, (_, i) => nested(numbers.slice(i * size, (i + 1) * size), shape.slice(1)));
  }

  /** The numbers of nested arrays, row by row; an error says where they are not of that shape. */
  function flattened(given, shape, name) {
    if (!shape.length) {
      if (typeof given !== "number") throw new Error(`${name} takes numbers, not ${typeof given} ${String(given)}`);
      return [given];
    }
    if (!Array.isArray(given) && !ArrayBuffer.isView(given))
      throw new Error(`${name} takes an array of ${shape[0]} here, not ${typeof given} ${String(given)}`);
    if (given.length !== shape[0]) throw new Error(`${name} takes ${shape[0]} entries here, not ${given.length}`);
    return Array.from(given).flatMap((entry) => flattened(entry, shape.slice(1), name));
  }

  /** Throws where a target takes no such classes. */
  function checkClasses({ name, slots, classes, ignored }, numbers) {
    numbers.forEach((k, i) => {
      const isIgnored = recordedLeaves[slots[i]] === ignored;
      if (isIgnored && k !== ignored) throw new Error(`the loss ignores entry ${i} of ${name}: it stays ${ignored}`);
      if (isIgnored) return;
      if (!Number.isInteger(k) || k < 0 || k >= classes)
        throw new Error(`${name} takes classes, whole numbers from 0 to ${classes - 1}, not ${k}`);
      if (k === ignored) throw new Error(`${name} takes no class ${k}: it is what the loss ignores`);
    });
  }

  const script = {
    /** Give a leaf a number, or nested arrays of its shape. */
    set(name, given) {
      const node = find(name);
      if (!node.editable) {
        const leaves = [...nodes.values()].filter(({ editable }) => editable).map(({ name }) => name);
        throw new Error(`${name} is no leaf that can be set; these are: ${leaves.join(", ")}`);
      }
      const numbers = flattened(given, node.shape, name);
      if (node.classes) checkClasses(node, numbers);
      setSlots(node.slots, numbers);
    },
    /** What a node's value is: a number, or nested arrays. */
    value: (name) => nested(find(name).slots.map((slot) => values[slot]), find(name).shape),
    /** What a node's grad is at the end of the pass. */
    grad(name) {
      const node = find(name);
      if (!node.grad && name !== rootName) throw new Error(`${name} gets no gradient`);
      return nested(node.grad ? indices(node.grad).map((i) => cells[i]) : [1], node.shape);
    },
    /** The numbers of all leaves that can be set, by their names. */
    values: () => Object.fromEntries([...nodes.values()].filter(({ editable }) => editable).map(({ name }) => [name, script.value(name)])),
    /** Show a position of the pass: 0 is before the first. */
    go(position) {
      const last = Number(part("slider").max);
      if (!Number.isInteger(position) || position < 0 || position > last)
        throw new Error(`a position is a whole number from 0 to ${last}, not ${String(position)}`);
      page.dispatchEvent(new CustomEvent("go", { detail: position }));
    },
    /** Back to the numbers that were recorded. */
    reset() {
      keep();
      restore(recordedLeaves, "reset");
    },
  };
  page.microgradrnn = Object.freeze(script);
  const rootName = source.nodes.at(-1)[0];

  // ---- For the page's other scripts ----

  page.live = {
    nodes, leaves, grads, cells, asked, editableSlots, numbers, write, fill, setSlots, descend, nudge,
    called: source.called,
    scale: times,
    ghosts,
    slope,
    /** Keep the present numbers to compare later ones with. */
    pin() {
      ghosts.pinned = { leaves: leaves.slice(), cells: cells.slice(), grads: grads.slice() };
      update("pin");
    },
    /** Of each time step the norm of the gradient at its states h, and at its cell states c, of a run with these cells. */
    flow: (of) => source.flow.map(([t, ...kinds]) => [t, ...kinds.map((runs) => Math.hypot(...runs.flatMap(indices).map((i) => of[i])))]),
    /** What there is to say of a loss that is no usual number. */
    oddity: () => (Number.isFinite(page.live.loss()) ? "" : `: ${rootName} is ${written.number(page.live.loss())}`),
    loss: (of = cells) => of[find(rootName).slots[0]],
    rootName,
    isChanged,
    slotUnder,
    onChange: (listener) => listeners.push(listener),
    undo() {
      if (past.length) restore(past.pop(), "undo");
    },
    canUndo: () => past.length > 0,
    hold() {
      keep();
      held = true;
    },
    release() {
      if (held && past.at(-1).every((x, i) => Object.is(x, leaves[i]))) past.pop();
      held = false;
    },
    /** Show a ghost's numbers in place of the present ones, or, without one, these again. */
    compare(ghost) {
      shown = ghosts[ghost]?.cells ?? cells;
      rewrite();
    },
  };
  page.addEventListener("shown", refresh);
  addEventListener("beforeprint", () => (onPaper = true));
  addEventListener("afterprint", () => (onPaper = false));
  told.addEventListener("contentvisibilityautostatechange", () => requestAnimationFrame(refresh));
})();
