// Python has laid everything out and worked everything out: this shows and hides it.
// A position is how many steps of the list have been shown: first forward steps, then visits; 0 is the start.
// A moment is what steps are numbered by: forward steps end with 0, visits begin with 1.
(() => {
  const { steps, momentsOf } = JSON.parse(part("data").textContent);
  steps.forEach((step, i) => (step.at ??= steps[i - 1].at + 1));
  const last = steps.length;
  const turn = steps.findIndex((step) => step.at > 0); // the position before the first visit
  const items = part("visits").children;
  const graph = page.querySelector(".graph");
  const told = page.querySelector(".told");
  let now = 0;

  // ---- What is known, and what lights up ----

  // Every number that comes in stands there in all its states, each with the moment from which on it holds.
  const changing = [...page.querySelectorAll(".changing")].map(({ children }) => {
    const states = [...children];
    return { states, since: states.map((state) => +state.dataset.from), on: 0 };
  });

  function reveal(moment) {
    for (const number of changing) {
      let on = number.since.length - 1;
      while (on > 0 && number.since[on] > moment) on--;
      if (on === number.on) continue;
      number.states[number.on].classList.remove("on");
      number.states[on].classList.add("on");
      number.on = on;
    }
  }

  // Not every screen reader reads formulas.
  for (const item of items) item.querySelector("h2").ariaLabel = item.dataset.say.split(/\. (?=value|upstream|grad)/)[0];

  let lit = [];
  let turned = []; // tips and numbers of arrows that point back: what was changed, and how it was before
  function light(step) {
    for (const element of lit) element.classList.remove("lit");
    for (const [element, name, before] of turned) element.setAttribute(name, before);
    turned = [];
    const { boxes = [], sum, arrows = [], at } = step ?? {};
    if (at > 0) arrows.forEach(pointBack);
    lit = [...boxes.map((i) => part("b" + i)), ...arrows.flatMap((i) => [part("a" + i), part("n" + i)])];
    if (sum !== undefined) lit.push(part("s" + sum));
    lit = lit.filter(Boolean);
    for (const element of lit) element.classList.add("lit");
    // Of a shared weight all columns are shown: it is used in each.
    page.camera.follow(boxes.length > 1 ? [] : lit.filter((element) => !element.matches(".sum")));
    if (sum !== undefined) part("s" + sum).scrollIntoView({ block: "nearest" });
  }

  /** Put an arrow's tip where it starts, and its number behind the tip: gradients go that way. */
  function pointBack(i) {
    const [arrow, number] = [part("a" + i), part("n" + i)];
    for (const element of [arrow, number]) element?.closest(".place")?.classList.add("near");
    const [wire, tip] = arrow.querySelectorAll("path");
    const [{ x, y }, on] = [wire.getPointAtLength(0), wire.getPointAtLength(1)];
    const [ux, uy] = [on.x - x, on.y - y];
    const corner = (side) => `${x + 8.5 * ux + side * uy},${y + 8.5 * uy - side * ux}`;
    turned.push([tip, "d", tip.getAttribute("d")]);
    tip.setAttribute("d", `M${x},${y}L${corner(4)}L${corner(-4)}z`);
    if (!number) return;
    const box = number.getBBox();
    const [left, top] = [box.x + (ux < 0 ? box.width : 0), box.y + (uy < 0 ? box.height : 0)];
    const near = (left - x) * ux + (top - y) * uy;
    const most = wire.getTotalLength() - 2 - near - Math.abs(box.width * ux) - Math.abs(box.height * uy);
    const by = Math.max(Math.min(10 - near, most), 0);
    turned.push([number, "transform", ""]);
    number.setAttribute("transform", `translate(${by * ux} ${by * uy})`);
  }

  // ---- Going from step to step ----

  /** What can be scrolled can be focused. */
  function makeReachable(item) {
    for (const formula of item.querySelectorAll(".formula"))
      if (formula.scrollWidth > formula.clientWidth) formula.tabIndex = 0;
  }

  function show(position, typing = false) {
    items[now - 1]?.classList.remove("now");
    now = Math.min(Math.max(position, 0), last);
    const item = items[now - 1];
    const step = steps[now - 1];
    item?.classList.add("now");
    if (item) makeReachable(item);
    part("start").hidden = now > 0;
    const open = page.quiz.ask(now - 1 - turn, typing);
    reveal(open ? step.at - 1 : step?.at ?? -Infinity);
    light(step);
    if (told.classList.contains("all")) (item ?? part("start")).scrollIntoView({ block: "nearest" });
    else told.scrollTop = 0;
    part("slider").value = now;
    part("first").disabled = part("back").disabled = now === 0;
    part("next").disabled = now === last;
    part("time").disabled = timeStep(1) === now;
    part("turn").disabled = now > turn;
    tell("shown");
    const uses = step?.at > 0 && !open ? step.boxes ?? [] : [];
    const byArrival = [...uses].sort((a, b) => momentsOf["b" + a][1] - momentsOf["b" + b][1]);
    page.flyIn(item, byArrival.map((i) => part("b" + i)));
    speak(item, open);
  }
  page.addEventListener("go", (event) => show(event.detail));
  page.showAgain = (typing) => show(now, typing);
  page.toVisit = (visit, typing) => show(turn + visit + 1, typing);

  function speak(item, open) {
    if (!item) return void (part("live").textContent = "Before the first step.");
    const edges = open ? [] : [...item.querySelectorAll("section")].map(spoken);
    const where = item.querySelector(".where").textContent.trim();
    part("slider").ariaValueText = where;
    const told = heard(item.querySelector(now > turn ? ".came tr:last-child td:last-child" : ".about b"));
    part("live").textContent = [where + ".", `${item.dataset.say} ${told}.`, ...edges].join(" ");
  }

  /** What goes down an edge, for the ear. */
  const spoken = (edge) => `${edge.querySelector("h3").textContent}: ${heard(edge.querySelector(".far i"))}.`;

  /** Bars around a norm cannot be heard. */
  const heard = ({ textContent }) => textContent.replace(/‖(.*)‖/, "norm $1").replace(/[()]/g, "");

  /** Where the next step in another time step is, or, backwards, where the time step before begins. */
  function timeStep(way) {
    const time = (position) => steps[position - 1]?.t;
    let at = now + way;
    while (at > 0 && at <= last && time(at) === time(now)) at += way;
    if (at < 0 || at > last) return now;
    while (way < 0 && at > 1 && time(at - 1) === time(at)) at--;
    return at;
  }

  // ---- Every entry of a box ----

  let opened;
  function open(name) {
    opened ??= JSON.parse(part("boxes").textContent);
    const box = opened.boxes[name];
    if (!box) return;
    const dialog = part("details");
    const [title, ...about] = part(name).querySelector("title").textContent.split("\n");
    dialog.querySelector("h2").textContent = title;
    dialog.querySelector("pre").textContent = about.join("\n");
    const step = steps[now - 1];
    const moment = page.classList.contains("asking") ? step.at - 1 : step?.at ?? -Infinity;
    const known = box.grad && (box.grad.findLast(([since]) => since <= moment) ?? (box.grad[0]?.[0] === 0 ? box.grad[0] : [0, null]));
    const rows = [momentsOf[name]?.[0] > moment ? ["value: not known yet", null] : ["value", box.value]];
    if (known) rows.push([headOf(known), known[1]]);
    dialog.querySelector(".numbers").replaceChildren(...rows.flatMap(([head, entries]) => numbersOf(head, entries, box)));
    dialog.showModal();
  }

  const headOf = ([, entries, waits]) =>
    waits
      ? `gradient so far${entries === null ? ": so many entries are listed once all contributions are in" : ""}`
      : entries === null ? "gradient: not known yet" : "gradient";

  function numbersOf(head, entries, { columns, more = 0 }) {
    const title = make("h3", head);
    if (entries === null || entries === undefined) return [title];
    const listed = typeof entries === "string" ? page.live.numbers(entries).map(fourDigits) : opened.lists[entries].split(" ");
    const table = make("table");
    for (let i = 0; i < listed.length; i += columns) {
      const row = make("tr");
      if (listed.length > columns) row.append(make("th", `[${i / columns}]`));
      row.append(...listed.slice(i, i + columns).map((entry) => make("td", entry)));
      table.append(row);
    }
    return more ? [title, table, make("p", `and ${more.toLocaleString("en")} more`)] : [title, table];
  }

  // ---- Finding ----

  const find = part("find");
  const found = part("found");
  let matches = [];
  let chosen = 0;

  function search() {
    const wanted = find.value.trim().toLowerCase();
    // The visit of that number, the node of that name, names that begin so, names that hold it; first of this pass.
    const rank = ({ name, at }) => {
      const place = name.toLowerCase().indexOf(wanted);
      if (at > 0 && String(at) === wanted) return 0;
      return place < 0 ? -1 : name.length === wanted.length ? 1 : place === 0 ? 2 : 3;
    };
    const ranks = steps.map((step) => (wanted ? rank(step) : -1));
    const other = (i) => i < turn !== now <= turn;
    matches = steps.flatMap((_, i) => (ranks[i] < 0 ? [] : [i]));
    matches.sort((a, b) => ranks[a] - ranks[b] || other(a) - other(b) || a - b);
    for (const element of graph.querySelectorAll(".found")) element.classList.remove("found");
    for (const i of matches) for (const box of steps[i].boxes ?? []) part("b" + box).classList.add("found");
    matches = matches.slice(0, 40);
    choose(0);
  }

  function choose(i) {
    chosen = Math.min(Math.max(i, 0), Math.max(matches.length - 1, 0));
    found.replaceChildren(
      ...matches.map((at, k) => {
        const { name, t, at: moment } = steps[at];
        const row = make("li", name + " ");
        row.append(make("small", `${moment > 0 ? `visit ${moment}` : "forward"}${t === undefined ? "" : `, t = ${t}`}`));
        row.id = `${found.id}${k}`;
        row.role = "option";
        row.ariaSelected = k === chosen;
        row.addEventListener("mousedown", () => goTo(k));
        return row;
      }),
    );
    const wanted = find.value.trim();
    if (wanted && !matches.length) {
      const none = make("li", `nothing here is called “${wanted}”`);
      Object.assign(none, { role: "option", ariaDisabled: true });
      found.append(none);
      part("live").textContent = none.textContent;
    }
    found.hidden = !found.children.length;
    find.ariaExpanded = !found.hidden;
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

  // ---- What the user does ----

  page.addEventListener("click", (event) => {
    const thing = event.target.closest(".node, .sum");
    if (!thing || page.camera.isDragged()) return;
    const name = thing.id.slice(page.dataset.prefix.length);
    const [computed, visited] = momentsOf[name] ?? [];
    const moment = now <= turn ? computed ?? visited : visited ?? computed;
    const at = steps.findIndex((step) => step.at === moment) + 1;
    if (!at || at === now || event.target.closest(".cells")) open(name);
    else show(at);
  });
  told.addEventListener("click", (event) => {
    const item = event.target.closest(".visits > li");
    if (item && told.classList.contains("all")) show([...items].indexOf(item) + 1);
  });

  function toggleAll() {
    const all = told.classList.toggle("all");
    if (all) for (const item of items) makeReachable(item);
    part("all").ariaPressed = all;
    (items[now - 1] ?? part("start")).scrollIntoView({ block: "nearest" });
    tell("shown");
  }

  function toggleWeights() {
    const isShown = !(part("sums").hidden = !part("sums").hidden);
    part("weights").ariaPressed = isShown;
    page.camera.again();
    if (isShown && matchMedia("(max-width: 759px)").matches) part("sums").scrollIntoView();
  }

  function toggleChange() {
    const summary = part("change")?.querySelector("summary");
    summary?.focus(); // from here the tab key leads to the fields
    summary?.click();
  }

  function toggleQuiz() {
    page.quiz.toggle();
    if (now < turn && part("asks").ariaPressed === "true") show(turn + 1, true);
  }

  const actions = {
    first: () => show(0),
    back: () => show(now - 1),
    next: () => show(now + 1, true),
    end: () => show(last),
    time: () => show(timeStep(1)),
    turn: () => show(turn + 1, true),
    timeBack: () => show(timeStep(-1)),
    asks: toggleQuiz,
    all: toggleAll,
    weights: toggleWeights,
    help: () => part("keys").showModal(),
    find: () => find.focus(),
    change: toggleChange,
    open: () => {
      const { boxes: own = [], sum } = steps[now - 1] ?? {};
      open(sum === undefined ? "b" + own[0] : "s" + sum);
    },
    in: () => page.camera.zoomBy(1.25),
    out: () => page.camera.zoomBy(0.8),
    fit: page.camera.fit,
  };
  for (const name of ["first", "back", "next", "time", "turn", "asks", "all", "weights", "help", "in", "out", "fit"])
    on(name, "click", actions[name]);
  on("slider", "input", (event) => show(+event.target.value));
  find.addEventListener("input", search);
  find.addEventListener("blur", () => (found.hidden = true));
  find.closest("form").addEventListener("submit", (event) => event.preventDefault());

  const KEYS = {
    ArrowRight: "next", " ": "next", n: "next", ArrowLeft: "back", b: "back", Home: "first", End: "end",
    t: "time", T: "timeBack", v: "turn", g: "find", "/": "find", o: "open", q: "asks", l: "all", w: "weights", c: "change", "?": "help",
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
    if (target.matches("button, summary") && (key === " " || key === "Enter")) return;
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

  // On paper: the picture at the end of the pass, and all steps as a list.
  let before;
  addEventListener("beforeprint", () => {
    before ??= { position: now, all: told.classList.contains("all") };
    told.classList.add("all");
    for (const place of graph.querySelectorAll(".place")) place.classList.add("near");
    show(last);
    light();
  });
  addEventListener("afterprint", () => {
    if (!before) return;
    told.classList.toggle("all", before.all);
    show(before.position);
    before = undefined;
  });

  if (!page.querySelector(".sums .sum")) part("weights").hidden = part("sums").hidden = true;
  else if (matchMedia("(max-width: 1199px)").matches) toggleWeights();
  show(0);
  if (page.dataset.quiz === "true") {
    show(turn);
    toggleQuiz();
  }
})();
