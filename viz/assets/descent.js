// Descent, step by step; the curves of loss and gradient, and what is kept to compare with.
(() => {
  const { live } = page;
  const { say, typed } = page.learn;
  const steps = []; // after each one the loss, and the length of the gradient of all that is trained
  const counted = (n) => `${n} step${n === 1 ? "" : "s"}`;
  let playing;

  function rate() {
    const x = typed(part("rate").value);
    if (x !== undefined && Number.isFinite(x)) return x;
    say(`“${part("rate").value}” is no rate; it stays 0.1`, "wrong");
    part("rate").value = "0.1";
    return 0.1;
  }

  function descend() {
    if (!steps.length) steps.push([live.loss(), live.slope()]);
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

  // ---- Charts ----

  function chart(name, caption, ...drawn) {
    const svg = written.element("svg", { viewBox: "0 0 300 36", preserveAspectRatio: "none", "aria-hidden": "true" }, ...drawn);
    const said = Object.assign(document.createElement("figcaption"), { textContent: caption });
    part(name).replaceChildren(svg, said);
    part(name).hidden = false;
  }

  /** A number over the steps; each ghost's is a line across. */
  function curve(name, numbers, called, ghosts) {
    const finite = numbers.filter(Number.isFinite);
    part(name).hidden = finite.length < 2;
    if (finite.length < 2) return;
    const all = [...finite, ...ghosts.map(([, x]) => x).filter(Number.isFinite)];
    const [low, high] = [Math.min(...all), Math.max(...all)];
    const y = (x) => 34 - (32 * (x - low)) / (high - low || 1);
    const d = finite.map((x, i) => `${i ? "L" : "M"}${(300 * i) / (finite.length - 1)},${y(x)}`).join("");
    const lines = ghosts.filter(([, x]) => Number.isFinite(x)).map(([look, x]) => written.element("path", { class: `ghost ${look}`, d: `M0,${y(x)}h300` }));
    const [from, to] = [finite[0], finite.at(-1)].map(written.number);
    chart(name, `${called}, ${counted(finite.length - 1)}: ${from} → ${to}`, ...lines, written.element("path", { class: name, d }));
  }

  /** The norms of the gradient at the states of each time step; those of the ghosts are outlines. */
  function drawFlow() {
    const now = live.flow(live.cells);
    if (now.length < 2) return;
    const before = Object.entries(live.ghosts).map(([look, { cells }]) => [look, live.flow(cells)]);
    const most = Math.max(...[now, ...before.map(([, rows]) => rows)].flat().flatMap(([, ...norms]) => norms).filter(Number.isFinite)) || 1;
    const wide = 300 / now.length;
    const bars = (look) => ([, ...norms], i) =>
      norms.map((x, k) => {
        const height = Number.isFinite(x) ? (34 * x) / most : 35;
        const each = (0.8 * wide) / norms.length;
        return written.element("path", { class: `${look} k${k}`, d: `M${(i + 0.1) * wide + k * each},36v${-height}h${each}v${height}` });
      });
    const [first, last] = [now[0], now.at(-1)].map(([t, ...norms]) => `${norms.map(written.number).join(", ")} (t = ${t})`);
    const outlines = before.flatMap(([look, rows]) => rows.flatMap(bars(`ghost ${look}`)));
    const at = now[0].length > 2 ? "h, c (pale)" : "states";
    chart("flow", `‖gradient‖ at ${at}: ${first}, ${last}`, ...now.flatMap(bars("now")), ...outlines);
    part("flow").firstChild.after(timeSteps(now.map(([t]) => t)));
  }

  /** Under each bar its time step, or, where there is no room for all of them, under every so many. */
  function timeSteps(all) {
    const room = part("change").clientWidth / page.querySelectorAll(".charts figure:not([hidden])").length;
    const every = Math.ceil((18 * all.length) / room);
    const row = Object.assign(document.createElement("div"), { className: "times", ariaHidden: true });
    row.append(...all.map((t, i) => Object.assign(document.createElement("span"), { textContent: i % every ? "" : t })));
    return row;
  }

  function draw() {
    const ghosts = Object.entries(live.ghosts);
    curve("curve", steps.map(([loss]) => loss), live.rootName, ghosts.map(([look, { cells }]) => [look, live.loss(cells)]));
    curve("norms", steps.map(([, norm]) => norm), "‖gradient‖", []);
    drawFlow();
  }

  // ---- What the user does ----

  /** Show the numbers of one ghost, or, if it is shown already, the present ones. */
  function compare(name) {
    const on = part(name).getAttribute("aria-pressed") !== "true";
    for (const other of ["recorded", "pinned"]) part(other).setAttribute("aria-pressed", String(on && other === name));
    live.compare(on ? name : undefined);
  }

  live.onChange((why) => {
    for (const name of ["recorded", "pinned"]) if (part(name).getAttribute("aria-pressed") === "true") compare(name);
    if (why === "step") steps.push([live.loss(), live.slope()]);
    if (why === "reset") steps.length = 0;
    draw();
    const odd = live.oddity();
    if (why === "step") say(`${counted(steps.length - 1)}${odd}`, odd && "wrong");
    if (why === "pin") say("these numbers are kept to compare with");
    if (odd) stop();
  });
  for (const name of ["recorded", "pinned"]) part(name).addEventListener("click", () => compare(name));
  part("pin").addEventListener("click", () => live.pin());
  part("descend").addEventListener("click", descend);
  part("play").addEventListener("click", play);
  part("undo").addEventListener("click", () => live.undo());
  part("reset").addEventListener("click", () => (stop(), page.microgradrnn.reset()));
  drawFlow();
})();
