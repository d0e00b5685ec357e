// Descent, step by step; the curves of loss and gradient, and what is kept to compare with.
(() => {
  const { live } = page;
  const { typed } = page.learn;
  const steps = []; // after each one the loss, and the length of the gradient of all that is trained
  const counted = (n) => `${n} step${n === 1 ? "" : "s"}`;
  let playing;

  function rate() {
    const x = typed(part("rate").value);
    if (x !== undefined && Number.isFinite(x)) return x;
    say("changed", `“${part("rate").value}” is no rate; it stays 0.1`, "wrong");
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
    part("play").ariaPressed = false;
    part("play").textContent = "play";
  }

  function play() {
    if (playing) return stop();
    playing = setInterval(descend, 80);
    part("play").ariaPressed = true;
    part("play").textContent = "pause";
  }

  // ---- Charts ----

  const charts = new Map(); // of each figure its picture and its words
  /** Draw paths, each with its class, and say what they are. */
  function chart(name, caption, paths) {
    if (!charts.has(name)) {
      const svg = drawn("svg", { viewBox: "0 0 300 36", preserveAspectRatio: "none", "aria-hidden": "true" });
      charts.set(name, { svg, said: make("figcaption") });
      part(name).prepend(svg);
      part(name).append(charts.get(name).said);
    }
    const { svg, said } = charts.get(name);
    written.match(svg, 0, paths);
    said.textContent = caption;
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
    const lines = ghosts.filter(([, x]) => Number.isFinite(x)).map(([look, x]) => [`ghost ${look}`, `M0,${y(x)}h300`]);
    const [from, to] = [finite[0], finite.at(-1)].map(written.number);
    chart(name, `${called}, ${counted(finite.length - 1)}: ${from} → ${to}`, [...lines, [name, d]]);
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
        return [`${look} k${k}`, `M${(i + 0.1) * wide + k * each},36v${-height}h${each}v${height}`];
      });
    const [first, last] = [now[0], now.at(-1)].map(([t, ...norms]) => `${norms.map(written.number).join(", ")} (t = ${t})`);
    const outlines = before.flatMap(([look, rows]) => rows.flatMap(bars(`ghost ${look}`)));
    const at = now[0].length > 2 ? "h, c (pale)" : "states";
    chart("flow", `‖gradient‖ at ${at}: ${first}, ${last}`, [...now.flatMap(bars("now")), ...outlines]);
  }

  // Under each bar its time step, or, where there is no room for all of them, under every so many.
  const times = make("div", "", { className: "times", ariaHidden: true });
  times.append(...live.flow(live.cells).map(() => make("span")));
  part("flow").append(times);
  new ResizeObserver(([{ contentRect }]) => {
    const every = Math.ceil((18 * times.children.length) / contentRect.width);
    live.flow(live.cells).forEach(([t], i) => (times.children[i].textContent = i % every ? "" : t));
  }).observe(times);

  /** Draw all charts anew, where the fields are open. */
  function draw() {
    if (!part("change").open) return;
    const ghosts = Object.entries(live.ghosts);
    curve("curve", steps.map(([loss]) => loss), live.rootName, ghosts.map(([look, { cells }]) => [look, live.loss(cells)]));
    curve("norms", steps.map(([, norm]) => norm), "‖gradient‖", []);
    drawFlow();
  }

  // ---- What the user does ----

  /** Show the numbers of one ghost, or, if it is shown already, the present ones. */
  function compare(name) {
    const isOn = part(name).ariaPressed !== "true";
    for (const other of ["recorded", "pinned"]) part(other).ariaPressed = isOn && other === name;
    live.compare(isOn ? name : undefined);
  }

  live.onChange((why) => {
    for (const name of ["recorded", "pinned"]) if (part(name).ariaPressed === "true") compare(name);
    if (why === "step") steps.push([live.loss(), live.slope()]);
    if (why === "reset") steps.length = 0;
    draw();
    const odd = live.oddity();
    if (why === "step") say("changed", `${counted(steps.length - 1)}${odd}`, odd && "wrong");
    if (why === "pin") say("changed", "these numbers are kept to compare with");
    if (odd) stop();
  });
  for (const name of ["recorded", "pinned"]) on(name, "click", () => compare(name));
  on("pin", "click", () => live.pin());
  on("descend", "click", descend);
  on("play", "click", play);
  on("undo", "click", () => live.undo());
  on("reset", "click", () => (stop(), page.microgradrnn.reset()));
  on("change", "toggle", draw);
  draw();
})();
