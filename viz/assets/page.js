// Python has laid everything out and worked everything out: this shows and hides it.
// A position is how many visits of the list have been shown: 0 is the start of the pass.
"use strict";
(() => {
  const page = document.currentScript.closest(".page");
  const part = (name) => document.getElementById(page.dataset.prefix + name);
  const { steps, visitOf } = JSON.parse(part("data").textContent);
  const last = steps.length;
  const items = part("visits").children;
  const graph = page.querySelector(".graph");
  const told = page.querySelector(".told");
  const canvas = graph.firstElementChild;
  const picture = canvas.firstElementChild;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let now = 0;

  // ---- What is known, and what lights up ----

  // Every number that comes in stands there in all its states, each with the visit from which on it holds.
  const changing = [...page.querySelectorAll(".changing")].map(({ children }) => {
    const states = [...children];
    return { states, since: states.map((state) => +state.dataset.from), on: 0 };
  });

  function reveal(visit) {
    for (const number of changing) {
      let on = number.since.length - 1;
      while (on > 0 && number.since[on] > visit) on--;
      if (on === number.on) continue;
      number.states[number.on].classList.remove("on");
      number.states[on].classList.add("on");
      number.on = on;
    }
  }

  let lit = [];
  function light(step) {
    for (const element of lit) element.classList.remove("lit");
    const { boxes = [], sum, arrows = [] } = step ?? {};
    lit = [...boxes.map((i) => part("b" + i)), ...arrows.flatMap((i) => [part("a" + i), part("n" + i)])];
    if (sum !== undefined) lit.push(part("s" + sum));
    lit = lit.filter(Boolean);
    for (const element of lit) element.classList.add("lit");
    if (boxes.length === 1 || !step) bringIntoView(part("b" + (boxes[0] ?? steps[0].boxes[0])));
    if (sum !== undefined) part("s" + sum).scrollIntoView({ block: "nearest" });
  }

  let aim; // where the picture is moving to
  graph.addEventListener("scrollend", () => (aim = undefined));
  for (const event of ["wheel", "pointerdown"]) graph.addEventListener(event, () => (aim = undefined), { passive: true });

  function bringIntoView(box) {
    box.closest(".place").classList.add("near");
    const seen = graph.getBoundingClientRect();
    const { x, y, width, height } = box.getBoundingClientRect();
    const from = aim ?? { left: graph.scrollLeft, top: graph.scrollTop };
    const center = { left: x + width / 2 - seen.x + graph.scrollLeft, top: y + height / 2 - seen.y + graph.scrollTop };
    const reach = { left: (graph.clientWidth - width) / 2 - 50, top: (graph.clientHeight - height) / 2 - 30 };
    const middle = { left: graph.clientWidth / 2, top: graph.clientHeight / 2 };
    const most = { left: graph.scrollWidth - graph.clientWidth, top: graph.scrollHeight - graph.clientHeight };
    const to = {};
    for (const side of ["left", "top"]) {
      const off = center[side] - middle[side] - from[side];
      const wanted = Math.abs(off) > Math.max(reach[side], 0) ? from[side] + off : from[side];
      to[side] = Math.min(Math.max(wanted, 0), most[side]);
    }
    if (to.left === from.left && to.top === from.top) return;
    aim = to;
    const far = Math.hypot(to.left - from.left, to.top - from.top) > 2 * graph.clientWidth;
    graph.scrollTo({ ...to, behavior: far || calm.matches ? "instant" : "smooth" });
  }

  // ---- Going from visit to visit ----

  function show(position, typing = false) {
    items[now - 1]?.classList.remove("now");
    now = Math.min(Math.max(position, 0), last);
    const item = items[now - 1];
    const step = steps[now - 1];
    item?.classList.add("now");
    part("start").hidden = now > 0;
    const open = page.quiz.ask(now - 1, typing);
    const number = step ? step.visit : 0;
    reveal(open ? number - 1 : number);
    light(step);
    if (told.classList.contains("all")) (item ?? part("start")).scrollIntoView({ block: "nearest" });
    else told.scrollTop = 0;
    part("slider").value = now;
    part("first").disabled = part("back").disabled = now === 0;
    part("next").disabled = now === last;
    part("time").disabled = timeStep(1) === now;
    page.dispatchEvent(new Event("shown"));
    say(item, open);
  }
  page.addEventListener("go", (event) => show(event.detail));
  page.showAgain = (typing) => show(now, typing);
  page.toVisit = (visit, typing) => show(visit + 1, typing);

  function say(item, open) {
    if (!item) return void (part("live").textContent = "Before the first visit.");
    const edges = open ? [] : [...item.querySelectorAll(".edge")].map(spoken);
    const where = item.querySelector(".where").textContent.trim();
    part("slider").setAttribute("aria-valuetext", where);
    const about = page.live ? page.live.fill(item.dataset.say).replaceAll("‖", "") : item.dataset.say;
    part("live").textContent = [where + ".", about + ".", ...edges].join(" ");
  }

  /** What goes down an edge, for the ear: bars around a norm cannot be heard. */
  function spoken(edge) {
    const number = edge.querySelector(".far i").textContent.replace(/‖(.*)‖/, "norm $1").replace(/[()]/g, "");
    return `${edge.querySelector("h3").textContent}: ${number}.`;
  }

  /** Where the next visit in another time step is, or, backwards, where the time step before begins. */
  function timeStep(way) {
    const time = (position) => steps[position - 1]?.t;
    let at = now + way;
    while (at > 0 && at <= last && time(at) === time(now)) at += way;
    if (at < 0 || at > last) return now;
    while (way < 0 && at > 1 && time(at - 1) === time(at)) at--;
    return at;
  }

  // ---- Every entry of a box ----

  let boxes;
  function open(name) {
    boxes ??= JSON.parse(part("boxes").textContent);
    const box = boxes[name];
    if (!box) return;
    const dialog = part("details");
    const [title, ...about] = part(name).querySelector("title").textContent.split("\n");
    dialog.querySelector("h2").textContent = title;
    dialog.querySelector("pre").textContent = about.join("\n");
    const step = steps[now - 1];
    const visit = page.classList.contains("asking") ? step.visit - 1 : step?.visit ?? 0;
    const known = box.grad?.findLast(([since]) => since <= visit);
    const rows = [["value", box.value]];
    if (known) rows.push([known[1] === null ? "gradient: not known yet" : "gradient" + (known[2] ? "" : " so far"), known[1]]);
    dialog.querySelector(".numbers").replaceChildren(...rows.flatMap(([head, entries]) => numbersOf(head, entries, box)));
    dialog.showModal();
  }

  function numbersOf(head, entries, { columns, more = 0 }) {
    const title = make("h3", head);
    if (entries === null || entries === undefined) return [title];
    const listed = entries[0] === "=" ? page.live.numbers(entries.slice(1)).map(fourDigits) : entries.split(" ");
    const table = make("table");
    for (let i = 0; i < listed.length; i += columns) {
      const row = make("tr");
      if (listed.length > columns) row.append(make("th", `[${i / columns}]`));
      row.append(...listed.slice(i, i + columns).map((entry) => make("td", entry)));
      table.append(row);
    }
    return more ? [title, table, make("p", `and ${more.toLocaleString("en")} more`)] : [title, table];
  }

  function make(tag, text = "") {
    const element = document.createElement(tag);
    element.textContent = text;
    return element;
  }

  // ---- Finding ----

  const find = part("find");
  const found = part("found");
  let matches = [];
  let chosen = 0;

  function search() {
    const wanted = find.value.trim().toLowerCase();
    // The visit of that number, the node of that name, names that begin so, names that hold it.
    const rank = ({ name, visit }) => {
      const at = name.toLowerCase().indexOf(wanted);
      if (String(visit) === wanted) return 0;
      return at < 0 ? -1 : name.length === wanted.length ? 1 : at === 0 ? 2 : 3;
    };
    const ranks = steps.map((step) => (wanted ? rank(step) : -1));
    matches = steps.flatMap((_, i) => (ranks[i] < 0 ? [] : [i])).sort((a, b) => ranks[a] - ranks[b] || a - b);
    for (const element of graph.querySelectorAll(".found")) element.classList.remove("found");
    for (const i of matches) for (const box of steps[i].boxes ?? []) part("b" + box).classList.add("found");
    matches = matches.slice(0, 40);
    choose(0);
  }

  function choose(i) {
    chosen = Math.min(Math.max(i, 0), Math.max(matches.length - 1, 0));
    found.replaceChildren(
      ...matches.map((at, k) => {
        const { name, t, visit } = steps[at];
        const row = make("li", name + " ");
        row.append(make("small", `visit ${visit}${t === undefined ? "" : `, t = ${t}`}`));
        row.id = `${found.id}${k}`;
        row.setAttribute("role", "option");
        row.setAttribute("aria-selected", String(k === chosen));
        row.addEventListener("mousedown", () => goTo(k));
        return row;
      }),
    );
    found.hidden = !matches.length;
    find.setAttribute("aria-expanded", String(!found.hidden));
    find.setAttribute("aria-activedescendant", matches.length ? `${found.id}${chosen}` : "");
    found.children[chosen]?.scrollIntoView({ block: "nearest" });
  }

  function goTo(k) {
    const at = matches[k];
    leaveFind();
    if (at !== undefined) show(at + 1, true);
  }

  function leaveFind() {
    find.value = "";
    search();
    find.blur();
  }

  // ---- Moving and zooming the picture ----

  const natural = { width: picture.width.baseVal.value, height: picture.height.baseVal.value };
  let zoom = 1;

  function setZoom(wanted, x = graph.clientWidth / 2, y = graph.clientHeight / 2) {
    const before = zoom;
    zoom = Math.min(Math.max(wanted, 0.1), 6);
    const [left, top] = [graph.scrollLeft + x, graph.scrollTop + y];
    Object.assign(canvas.style, { width: `${natural.width * zoom}px`, height: `${natural.height * zoom}px` });
    picture.style.transform = `scale(${zoom})`; // texts need not be laid out anew
    graph.scrollTo({ left: (left * zoom) / before - x, top: (top * zoom) / before - y, behavior: "instant" });
    drawWhatIsNear();
  }

  // Columns that are a screen away are not drawn: a long network would be slow to paint.
  const columns = [...picture.querySelectorAll(".place[data-left]")].map((element) => {
    return { element, left: +element.dataset.left, right: +element.dataset.right };
  });

  function drawWhatIsNear() {
    const from = (graph.scrollLeft - graph.clientWidth) / zoom;
    const to = (graph.scrollLeft + 2 * graph.clientWidth) / zoom;
    for (const { element, left, right } of columns) element.classList.toggle("near", right > from && left < to);
  }
  graph.addEventListener("scroll", drawWhatIsNear, { passive: true });
  addEventListener("resize", drawWhatIsNear);

  const whole = () => Math.min(graph.clientWidth / natural.width, graph.clientHeight / natural.height, 1.7);

  let held;
  let dragged = false;
  graph.addEventListener("pointerdown", (event) => {
    dragged = false;
    if (event.button === 0 && event.pointerType === "mouse")
      held = { x: event.clientX, y: event.clientY, left: graph.scrollLeft, top: graph.scrollTop };
  });
  addEventListener("pointermove", (event) => {
    if (!held) return;
    const [x, y] = [event.clientX - held.x, event.clientY - held.y];
    dragged ||= Math.hypot(x, y) > 4;
    graph.classList.toggle("dragged", dragged);
    if (dragged) graph.scrollTo({ left: held.left - x, top: held.top - y, behavior: "instant" });
  });
  addEventListener("pointerup", () => {
    held = undefined;
    graph.classList.remove("dragged");
  });
  graph.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const { left, top } = graph.getBoundingClientRect();
      setZoom(zoom * Math.exp(-event.deltaY / 300), event.clientX - left, event.clientY - top);
    },
    { passive: false },
  );

  // ---- What the user does ----

  page.addEventListener("click", (event) => {
    const thing = event.target.closest(".node, .sum");
    if (!thing || dragged) return;
    const name = thing.id.slice(page.dataset.prefix.length);
    const at = steps.findIndex((step) => step.visit === visitOf[name]) + 1;
    if (!at || at === now || event.target.closest(".cells")) open(name);
    else show(at);
  });
  told.addEventListener("click", (event) => {
    const item = event.target.closest(".visits > li");
    if (item && told.classList.contains("all")) show([...items].indexOf(item) + 1);
  });

  function toggleAll() {
    const all = told.classList.toggle("all");
    part("all").setAttribute("aria-pressed", String(all));
    (items[now - 1] ?? part("start")).scrollIntoView({ block: "nearest" });
  }

  function toggleWeights() {
    part("weights").setAttribute("aria-pressed", String((part("sums").hidden = !part("sums").hidden) === false));
  }

  const actions = {
    first: () => show(0),
    back: () => show(now - 1),
    next: () => show(now + 1, true),
    end: () => show(last),
    time: () => show(timeStep(1)),
    timeBack: () => show(timeStep(-1)),
    asks: page.quiz.toggle,
    all: toggleAll,
    weights: toggleWeights,
    help: () => part("keys").showModal(),
    find: () => find.focus(),
    open: () => {
      const { boxes: own = [], sum } = steps[now - 1] ?? {};
      open(sum === undefined ? "b" + own[0] : "s" + sum);
    },
    in: () => setZoom(zoom * 1.25),
    out: () => setZoom(zoom / 1.25),
    fit: () => setZoom(whole()),
  };
  for (const name of ["first", "back", "next", "time", "asks", "all", "weights", "help", "in", "out", "fit"])
    part(name).addEventListener("click", actions[name]);
  part("slider").addEventListener("input", (event) => show(+event.target.value));
  find.addEventListener("input", search);
  find.addEventListener("blur", () => (found.hidden = true));
  find.closest("form").addEventListener("submit", (event) => event.preventDefault());

  const KEYS = {
    ArrowRight: "next", " ": "next", n: "next", ArrowLeft: "back", b: "back", Home: "first", End: "end",
    t: "time", T: "timeBack", g: "find", "/": "find", o: "open", q: "asks", l: "all", w: "weights", "?": "help",
    "+": "in", "=": "in", "-": "out", 0: "fit",
  };
  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (target === find) return findKey(event);
    if (target.matches("select")) return;
    if (target.matches("input[type=text]")) return void (key === "Escape" && target.blur());
    if (target.matches("input[type=range]") && (ARROWS[key] || key === "Home" || key === "End")) return;
    if (target.matches("button") && (key === " " || key === "Enter")) return;
    if (event.shiftKey && ARROWS[key]) {
      const [x, y] = ARROWS[key];
      graph.scrollBy({ left: x * 80, top: y * 80, behavior: "instant" });
    } else if (Object.hasOwn(KEYS, key)) actions[KEYS[key]]();
    else return;
    event.preventDefault();
  });

  function findKey(event) {
    const moves = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in moves) choose(chosen + moves[event.key]);
    else if (event.key === "Enter") goTo(chosen);
    else if (event.key === "Escape") leaveFind();
    else return;
    event.preventDefault();
  }

  if (!part("sums").children.length) part("weights").hidden = part("sums").hidden = true;
  else if (matchMedia("(max-width: 1199px)").matches) toggleWeights();
  // All of it, if that can be read; else as large as its height allows, and each visit is brought into view.
  setZoom(whole() < 0.9 ? Math.max(whole(), Math.min(Math.max(graph.clientHeight / natural.height, 0.8), 1)) : whole());
  show(0);
  if (page.dataset.quiz === "true") page.quiz.toggle();
})();
