// Changing numbers by hand: dragging in the picture, and the fields of the panel.
(() => {
  const { live } = page;
  const editable = [...live.nodes.values()].filter((node) => node.editable);
  let chosen = { node: editable[0], i: 0 };
  const slot = () => chosen.node.slots[chosen.i];
  const set = (x) => live.setSlots([slot()], [x]);

  // ---- Which number ----

  const option = (text, value) => make("option", text, { value });

  /** An entry's index, as it is written behind a name. */
  function place(shape, i) {
    const found = [];
    for (const size of [...shape].reverse()) {
      found.unshift(i % size);
      i = Math.floor(i / size);
    }
    return `[${found.join(", ")}]`;
  }

  const nameOf = ({ name }) => live.called[name] ?? name;
  const called = () => nameOf(chosen.node) + (chosen.node.shape.length ? place(chosen.node.shape, chosen.i) : "");

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
    tell("chosen");
  }

  /** The classes that the chosen target may have: all but the one that the loss ignores, which stays. */
  function choices() {
    const { classes, ignored } = chosen.node;
    if (live.ghosts.recorded.leaves[slot()] === ignored) return [ignored];
    return Array.from({ length: classes }, (_, k) => k).filter((k) => k !== ignored);
  }

  /** The slots of the row of the chosen number where it was recorded as one-hot, as an input symbol is; else none. */
  function row() {
    const { shape, slots, trained, classes } = chosen.node;
    const count = shape.at(-1) ?? 1;
    const start = chosen.i - (chosen.i % count);
    const found = slots.slice(start, start + count);
    const recorded = found.map((slot) => live.ghosts.recorded.leaves[slot]).sort();
    return !trained && !classes && count > 1 && recorded.at(-1) === 1 && recorded.slice(0, -1).every((x) => x === 0) ? found : [];
  }

  /** The knob reaches from the recorded number to twice and more as far, on both sides of 0. */
  function reach() {
    const [now, was] = [live.leaves[slot()], live.ghosts.recorded.leaves[slot()]];
    const far = 2 * Math.max(1, ...[now, was].filter(Number.isFinite).map(Math.abs));
    Object.assign(part("knob"), { min: -far, max: far, value: Number.isFinite(now) ? now : 0 });
  }

  // ---- What is reported ----

  /** Write the fields anew, where they are open. */
  function report() {
    if (!part("change").open) return;
    const now = live.leaves[slot()];
    if (document.activeElement !== part("number")) part("number").value = written.number(now).replace("−", "-");
    if (document.activeElement !== part("knob") && Number.isFinite(now)) {
      if (Math.abs(now) > Number(part("knob").max)) reach();
      part("knob").value = now;
    }
    const symbols = row();
    part("symbol").hidden = !symbols.length && !chosen.node.classes;
    part("symbol").value = chosen.node.classes ? now : symbols.findIndex((slot) => live.leaves[slot] === 1);
    part("knob").ariaValueText = `${called()} = ${written.number(now)}`;
    compare();
    part("nudge").textContent = chosen.node.classes ? "" : `difference quotient ${written.number(live.nudge(slot()))}`;
    part("undo").disabled = !live.canUndo();
    part("reset").disabled = !live.isChanged();
  }

  /** The chosen number, its gradient and the loss, beside what they were in each of the ghosts. */
  function compare() {
    const runs = [{ leaves: live.leaves, grads: live.grads, cells: live.cells }, live.ghosts.recorded, live.ghosts.pinned].filter(Boolean);
    const lines = [[called(), ({ leaves }) => leaves[slot()]]];
    if (chosen.node.grad) lines.push(["its gradient", ({ grads }) => grads[slot()]]);
    lines.push([live.rootName, ({ cells }) => live.loss(cells)]);
    part("beside").replaceChildren(
      ...lines.map(([head, of]) => {
        const row = make("tr");
        row.append(make("th", head), ...runs.map((run) => make("td", written.number(of(run)))));
        return row;
      }),
    );
    part("pinned").hidden = !live.ghosts.pinned;
  }

  on("change", "toggle", report);
  live.onChange((why) => {
    const [now, recorded] = [live.loss(), live.loss(live.ghosts.recorded.cells)].map(written.number);
    part("outcome").textContent = live.isChanged() ? `${live.rootName} = ${now}, recorded ${recorded}` : "";
    report();
    if (why === "step" || why === "pin") return;
    const odd = live.oddity();
    const was = written.number(live.ghosts.recorded.leaves[slot()]);
    if (why === "set") say("changed", `${called()} = ${written.number(live.leaves[slot()])}, recorded ${was}${odd}`, odd && "wrong");
    else say("changed", (why === "undo" ? "undone" : "as recorded") + odd, odd && "wrong");
  });

  // ---- The fields ----

  part("leaf").replaceChildren(...editable.map((node) => option(nameOf(node), node.name)));
  on("leaf", "change", () => choose(live.nodes.get(part("leaf").value), 0));
  on("entry", "change", () => choose(chosen.node, Number(part("entry").value)));
  on("symbol", "change", () => {
    const symbols = row();
    if (chosen.node.classes) return set(Number(part("symbol").value));
    live.setSlots(symbols, symbols.map((_, k) => Number(k === Number(part("symbol").value))));
  });
  on("knob", "pointerdown", () => live.hold());
  on("knob", "pointerup", () => live.release());
  on("knob", "input", () => set(Number(part("knob").value)));

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
      say("changed", `“${part("number").value}” is no number; ${called()} stays ${written.number(live.leaves[slot()])}`, "wrong");
      part("number").value = written.number(live.leaves[slot()]).replace("−", "-");
    } else set(x);
  }
  on("number", "change", take);
  on("number", "focus", () => part("number").select()); // typing replaces it
  for (const [name, factor] of [["half", 0.5], ["more", 1.5]])
    on(name, "click", () => live.scale(chosen.node, factor));

  // ---- Dragging a number in the picture ----

  /** The class that is nearest to a number. */
  const nearest = (x) => choices().reduce((best, k) => (Math.abs(k - x) < Math.abs(best - x) ? k : best));

  let drag;
  let swallow = false; // whether the click that follows is the end of a drag, or the choice of a number
  page.addEventListener(
    "pointerdown",
    (event) => {
      swallow = false;
      const { target } = event;
      const element = target.closest(".editable, .editable-cells") ?? target.closest(".distant .one-number")?.querySelector(".editable");
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
    page.classList.add("dragging");
    if (chosen.node.classes) return set(nearest(drag.from + by / 24));
    const unit = (Math.max(Math.abs(drag.from), 0.2) / 100) * (event.shiftKey ? 0.1 : 1);
    set(Number((drag.from + by * unit).toPrecision(4)));
  });
  for (const kind of ["pointerup", "pointercancel"])
    addEventListener(kind, () => {
      if (!drag) return;
      live.release();
      page.classList.remove("dragging");
      if (!drag.moved && swallow) {
        part("change").open = true;
        report();
        part(chosen.node.classes ? "symbol" : "number").focus();
      }
      drag = undefined;
    });
  page.addEventListener("click", (event) => swallow && event.target.closest(".canvas, .sums") && event.stopPropagation(), true);

  page.learn = { typed, chosen: () => chosen };

  // The first words that find too little room close the fields, unless a number has been changed; then nothing does.
  const told = page.querySelector(".told");
  const settle = () => page.removeEventListener("shown", makeRoom);
  function makeRoom() {
    if (told.matches(".all") || told.scrollHeight <= told.clientHeight) return;
    part("change").open = false;
    settle();
  }
  live.onChange(settle);
  if (matchMedia("(min-width: 760px)").matches) page.addEventListener("shown", makeRoom);
  const first = editable.find((node) => node.trained) ?? editable[0];
  choose(first, Math.max(first.slots.findIndex((slot) => live.grads[slot]), 0)); // of an entry without effect nothing is seen
})();
