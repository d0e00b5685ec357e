// Changing numbers by hand and by descent: dragging in the picture, the fields and buttons of the panel, the loss curve.
(() => {
  const page = document.currentScript.closest(".page");
  const part = (name) => document.getElementById(page.dataset.prefix + name);
  const { live } = page;
  const editable = [...live.nodes.values()].filter((node) => node.editable);
  const say = (words, kind = "") => {
    part("changed").textContent = words;
    part("changed").className = `said ${kind}`;
  };
  let chosen = { node: editable[0], i: 0 };
  const slot = () => chosen.node.slots[chosen.i];
  const set = (x) => live.setSlots([slot()], [x]);

  // ---- Which number ----

  const option = (text, value) => Object.assign(document.createElement("option"), { textContent: text, value });

  /** An entry's index, as it is written behind a name. */
  function place(shape, i) {
    const found = [];
    for (const size of [...shape].reverse()) {
      found.unshift(i % size);
      i = Math.floor(i / size);
    }
    return `[${found.join(", ")}]`;
  }

  const called = () => chosen.node.name + (chosen.node.shape.length ? place(chosen.node.shape, chosen.i) : "");

  function choose(node, i) {
    const isOther = node !== chosen.node || !part("entry").options.length;
    chosen = { node, i };
    part("leaf").value = node.name;
    if (isOther) part("entry").replaceChildren(...node.slots.slice(0, 400).map((_, k) => option(place(node.shape, k), k)));
    part("entry").hidden = node.slots.length === 1;
    part("entry").value = i;
    const { classes } = node;
    const options = classes ? choices().map((k) => option(`class ${k}`, k)) : row().map((_, k) => option(`symbol ${k}`, k));
    part("symbol").replaceChildren(...options);
    for (const name of ["number", "half", "more", "knob"]) part(name).hidden = Boolean(classes);
    reach();
    report();
  }

  /** The classes that the chosen target may have: all but the one that the loss ignores, which stays. */
  function choices() {
    const { classes, ignored } = chosen.node;
    if (live.recordedLeaves[slot()] === ignored) return [ignored];
    return Array.from({ length: classes }, (_, k) => k).filter((k) => k !== ignored);
  }

  /** The slots of the row of the chosen number where it was recorded as one-hot, as an input symbol is; else none. */
  function row() {
    const { shape, slots, trained, classes } = chosen.node;
    const count = shape.at(-1) ?? 1;
    const start = chosen.i - (chosen.i % count);
    const found = slots.slice(start, start + count);
    const recorded = found.map((slot) => live.recordedLeaves[slot]).sort();
    return !trained && !classes && count > 1 && recorded.at(-1) === 1 && recorded.slice(0, -1).every((x) => x === 0) ? found : [];
  }

  /** The knob reaches from the recorded number to twice and more as far, on both sides of 0. */
  function reach() {
    const [now, was] = [live.leaves[slot()], live.recordedLeaves[slot()]];
    const far = 2 * Math.max(1, ...[now, was].filter(Number.isFinite).map(Math.abs));
    Object.assign(part("knob"), { min: -far, max: far, value: Number.isFinite(now) ? now : 0 });
  }

  // ---- What is reported ----

  function report() {
    const now = live.leaves[slot()];
    if (document.activeElement !== part("number")) part("number").value = written.number(now).replace("−", "-");
    if (document.activeElement !== part("knob") && Number.isFinite(now)) {
      if (Math.abs(now) > Number(part("knob").max)) reach();
      part("knob").value = now;
    }
    const symbols = row();
    part("symbol").hidden = !symbols.length && !chosen.node.classes;
    part("symbol").value = chosen.node.classes ? now : symbols.findIndex((slot) => live.leaves[slot] === 1);
    part("knob").setAttribute("aria-valuetext", `${called()} = ${written.number(now)}`);
    const [loss, before] = [live.loss(), live.recordedLoss];
    const was = (x, y) => (Object.is(x, y) ? "" : ` (was ${written.number(y)})`);
    part("loss").textContent = `${live.rootName} = ${written.number(loss)}${was(loss, before)}`;
    const grad = chosen.node.grad ? ` · grad ${written.number(live.grads[slot()])}` : "";
    part("nudge").textContent = chosen.node.classes ? "" : `difference quotient ${written.number(live.nudge(slot()))}${grad}`;
    part("undo").disabled = !live.canUndo();
    part("reset").disabled = part("compare").disabled = !live.isChanged();
    part("compare").hidden = !live.isChanged();
  }

  live.onChange((why) => {
    report();
    const loss = live.loss();
    if (why === "step") curve.push(loss);
    if (why === "reset") curve.length = 0;
    draw();
    drawFlow();
    const odd = Number.isFinite(loss) ? "" : `: ${live.rootName} is ${written.number(loss)}`;
    const was = written.number(live.recordedLeaves[slot()]);
    if (why === "set") say(`${called()} = ${written.number(live.leaves[slot()])}, recorded ${was}${odd}`, odd && "wrong");
    else say((why === "step" ? `${curve.length - 1} steps` : why === "undo" ? "undone" : "as recorded") + odd, odd && "wrong");
    if (!Number.isFinite(loss)) stop();
  });

  // ---- The fields ----

  part("leaf").replaceChildren(...editable.map(({ name }) => option(name, name)));
  part("leaf").addEventListener("change", () => choose(live.nodes.get(part("leaf").value), 0));
  part("entry").addEventListener("change", () => choose(chosen.node, Number(part("entry").value)));
  part("symbol").addEventListener("change", () => {
    const symbols = row();
    if (chosen.node.classes) return set(Number(part("symbol").value));
    live.setSlots(symbols, symbols.map((_, k) => Number(k === Number(part("symbol").value))));
  });
  part("knob").addEventListener("pointerdown", () => live.hold());
  part("knob").addEventListener("pointerup", () => live.release());
  part("knob").addEventListener("input", () => set(Number(part("knob").value)));

  /** A number as people type it; undefined for anything else. */
  function typed(text) {
    const bare = text.trim().replace("−", "-").toLowerCase();
    if (bare === "nan") return NaN;
    if (/^[+-]?(inf|infinity|∞)$/.test(bare)) return bare[0] === "-" ? -Infinity : Infinity;
    return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/.test(bare) ? Number(bare) : undefined;
  }

  function take() {
    const x = typed(part("number").value);
    if (x === undefined) {
      say(`“${part("number").value}” is no number; ${called()} stays ${written.number(live.leaves[slot()])}`, "wrong");
      part("number").value = written.number(live.leaves[slot()]).replace("−", "-");
    } else set(x);
  }
  part("number").addEventListener("change", take);

  function rate() {
    const x = typed(part("rate").value);
    if (x !== undefined && Number.isFinite(x)) return x;
    say(`“${part("rate").value}” is no rate; it stays 0.1`, "wrong");
    part("rate").value = "0.1";
    return 0.1;
  }

  // ---- Descent ----

  const curve = [];
  let playing;

  function descend() {
    if (!curve.length) curve.push(live.loss());
    live.descend(rate());
  }

  function stop() {
    clearInterval(playing);
    playing = undefined;
    part("play").setAttribute("aria-pressed", "false");
    part("play").textContent = "play";
  }

  function play() {
    if (playing) return stop();
    playing = setInterval(descend, 80);
    part("play").setAttribute("aria-pressed", "true");
    part("play").textContent = "pause";
  }

  /** The loss over the steps, and the recorded one as a line to compare with. */
  function draw() {
    const finite = curve.filter(Number.isFinite);
    part("curve").hidden = finite.length < 2;
    if (finite.length < 2) return;
    const [low, high] = [Math.min(...finite, live.recordedLoss), Math.max(...finite, live.recordedLoss)];
    const y = (loss) => 34 - (32 * (loss - low)) / (high - low || 1);
    const d = finite.map((loss, i) => `${i ? "L" : "M"}${(300 * i) / (finite.length - 1)},${y(loss)}`).join("");
    const ghost = written.element("path", { class: "ghost", d: `M0,${y(live.recordedLoss)}h300` });
    const [from, to] = [finite[0], finite.at(-1)].map(written.number);
    chart("curve", `${live.rootName} over ${finite.length - 1} steps: ${from} → ${to}`, ghost, written.element("path", { class: "loss", d }));
  }

  function chart(name, caption, ...drawn) {
    const svg = written.element("svg", { viewBox: "0 0 300 36", preserveAspectRatio: "none", "aria-hidden": "true" }, ...drawn);
    const said = Object.assign(document.createElement("figcaption"), { textContent: caption });
    part(name).replaceChildren(svg, said);
    part(name).hidden = false;
  }

  /** The norm of the gradient at the states of each time step, the recorded ones as outlines. */
  function drawFlow() {
    const norms = live.flow((run) => live.numbers(run));
    if (norms.length < 2) return;
    const before = live.flow((run) => live.recordedNumbers(run));
    const most = Math.max(...[...norms, ...before].map(([, x]) => x).filter(Number.isFinite)) || 1;
    const wide = 300 / norms.length;
    const bar = (look) => ([, x], i) => {
      const height = Number.isFinite(x) ? (34 * x) / most : 35;
      return written.element("path", { class: look, d: `M${i * wide + wide * 0.1},36v${-height}h${wide * 0.8}v${height}` });
    };
    const [first, last] = [norms[0], norms.at(-1)].map(([t, x]) => `${written.number(x)} at t = ${t}`);
    chart("flow", `‖gradient‖ at the states: ${first}, ${last}`, ...norms.map(bar("now")), ...before.map(bar("ghost")));
  }

  const scaled = (factor) => () => live.scale(chosen.node, factor);
  part("half").addEventListener("click", scaled(0.5));
  part("more").addEventListener("click", scaled(1.5));
  part("descend").addEventListener("click", descend);
  part("play").addEventListener("click", play);
  part("undo").addEventListener("click", () => live.undo());
  part("reset").addEventListener("click", () => (stop(), page.microgradrnn.reset()));
  part("compare").addEventListener("click", () => {
    const on = part("compare").getAttribute("aria-pressed") !== "true";
    part("compare").setAttribute("aria-pressed", String(on));
    live.compare(on);
  });
  live.onChange(() => {
    if (part("compare").getAttribute("aria-pressed") === "true") part("compare").click();
  });

  // ---- Dragging a number in the picture ----

  /** The class that is nearest to a number. */
  const nearest = (x) => choices().reduce((best, k) => (Math.abs(k - x) < Math.abs(best - x) ? k : best));

  let drag;
  let swallow = false; // whether the click that follows is the end of a drag, or the choice of a number
  page.addEventListener(
    "pointerdown",
    (event) => {
      swallow = false;
      const element = event.target.closest(".editable, .editable-cells");
      if (!element || event.button !== 0) return;
      event.stopPropagation();
      event.preventDefault();
      const isText = element.classList.contains("editable");
      swallow = isText;
      const found = live.editableSlots.get(isText ? Number(element.dataset.slot) : live.slotUnder(event, element));
      choose(found.node, found.i);
      const from = live.leaves[slot()];
      drag = { x: event.clientX, from: Number.isFinite(from) ? from : 0, id: event.pointerId, moved: false };
      live.hold();
    },
    true,
  );
  addEventListener("pointermove", (event) => {
    if (!drag || event.pointerId !== drag.id) return;
    const by = event.clientX - drag.x;
    drag.moved ||= Math.abs(by) > 2;
    if (!drag.moved) return;
    swallow = true;
    if (chosen.node.classes) return set(nearest(drag.from + by / 24));
    const unit = (Math.max(Math.abs(drag.from), 0.2) / 100) * (event.shiftKey ? 0.1 : 1);
    set(Number((drag.from + by * unit).toPrecision(4)));
  });
  for (const kind of ["pointerup", "pointercancel"])
    addEventListener(kind, () => {
      if (!drag) return;
      live.release();
      if (!drag.moved && swallow) chosen.node.classes ? part("symbol").focus() : part("number").select();
      drag = undefined;
    });
  page.addEventListener("click", (event) => swallow && event.target.closest(".canvas, .sums") && event.stopPropagation(), true);

  // On a low screen the words of the visit come first.
  if (matchMedia("(min-width: 760px) and (max-height: 719px)").matches) part("change").open = false;
  choose(editable.find((node) => node.trained) ?? editable[0], 0);
  drawFlow();
})();
