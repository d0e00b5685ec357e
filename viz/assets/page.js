// Python has laid everything out and worked everything out: this shows and hides it.
// A position is how many steps of the list have been shown: first forward steps, then visits; 0 is the start.
// A moment is what steps are numbered by: forward steps end with 0, visits begin with 1.
"use strict";
(() => {
  const page = document.currentScript.closest(".page");
  const part = (name) => document.getElementById(page.dataset.prefix + name);
  const { steps, momentsOf, quiz, remarks, said, tolerance } = JSON.parse(part("data").textContent);
  const last = steps.length;
  const turn = steps.findIndex((step) => step.at > 0); // the position before the first visit
  const items = part("visits").children;
  const graph = page.querySelector(".graph");
  const told = page.querySelector(".told");
  const canvas = graph.firstElementChild;
  const picture = canvas.firstElementChild;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
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

  let lit = [];
  let turned = []; // tips of arrows that point back, and how they were before
  function light(step) {
    for (const element of lit) element.classList.remove("lit");
    for (const [tip, d] of turned) tip.setAttribute("d", d);
    turned = [];
    const { boxes = [], sum, arrows = [], at } = step ?? {};
    const wires = arrows.map((i) => part("a" + i));
    if (at > 0) wires.forEach(pointBack);
    lit = [...boxes.map((i) => part("b" + i)), ...wires, ...arrows.map((i) => part("n" + i))];
    if (sum !== undefined) lit.push(part("s" + sum));
    lit = lit.filter(Boolean);
    for (const element of lit) element.classList.add("lit");
    if (boxes.length === 1) bringIntoView(part("b" + boxes[0]));
    if (sum !== undefined) part("s" + sum).scrollIntoView({ block: "nearest" });
  }

  /** Put an arrow's tip where it starts: gradients go that way. */
  function pointBack(arrow) {
    const [wire, tip] = arrow.querySelectorAll("path");
    turned.push([tip, tip.getAttribute("d")]);
    const [x, y, ...rest] = wire.getAttribute("d").match(/-?[\d.]+/g).map(Number);
    const k = rest.findIndex((far, i) => far !== (i % 2 ? y : x)) & ~1;
    const length = Math.hypot(rest[k] - x, rest[k + 1] - y);
    const [ux, uy] = [(rest[k] - x) / length, (rest[k + 1] - y) / length];
    const corner = (side) => `${x + 8.5 * ux + side * uy},${y + 8.5 * uy - side * ux}`;
    tip.setAttribute("d", `M${x},${y}L${corner(4)}L${corner(-4)}z`);
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

  // ---- Going from step to step ----

  function show(position, typing = false) {
    items[now - 1]?.classList.remove("now");
    now = Math.min(Math.max(position, 0), last);
    const item = items[now - 1];
    const step = steps[now - 1];
    item?.classList.add("now");
    part("start").hidden = now > 0;
    const open = ask(typing);
    reveal(open ? step.at - 1 : step?.at ?? -Infinity);
    light(step);
    if (told.classList.contains("all")) (item ?? part("start")).scrollIntoView({ block: "nearest" });
    else told.scrollTop = 0;
    part("slider").value = now;
    part("first").disabled = part("back").disabled = now === 0;
    part("next").disabled = now === last;
    part("time").disabled = timeStep(1) === now;
    part("turn").disabled = now > turn;
    page.dispatchEvent(new Event("shown"));
    say(item, open);
  }
  page.addEventListener("go", (event) => show(event.detail));

  function say(item, open) {
    if (!item) return void (part("live").textContent = "Before the first step.");
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

  /** Where the next step in another time step is, or, backwards, where the time step before begins. */
  function timeStep(way) {
    const time = (position) => steps[position - 1]?.t;
    let at = now + way;
    while (at > 0 && at <= last && time(at) === time(now)) at += way;
    if (at < 0 || at > last) return now;
    while (way < 0 && at > 1 && time(at - 1) === time(at)) at--;
    return at;
  }

  // ---- The quiz ----

  const asked = [...Array(turn).fill([]), ...quiz].map((questions) => ({
    questions: questions.map(([prompt, given, answer, mistakes, rule, cell]) => ({ prompt, given, answer, mistakes, rule, cell })),
    at: 0,
    tries: 0,
  }));
  const score = { asked: 0, right: 0 };
  let asking = false;

  /** Put the next question of this visit, if one is open; says whether there is one. */
  function ask(typing) {
    const visit = asked[now - 1];
    const question = asking && visit && visit.questions[visit.at] ? present(visit.questions[visit.at]) : undefined;
    page.classList.toggle("asking", Boolean(question));
    part("quiz").hidden = !question;
    if (question) {
      part("prompt").textContent = question.prompt;
      part("given").textContent = question.given;
      part("answer").value = "";
      tell("", "");
      if (typing) part("answer").focus();
    }
    return Boolean(question);
  }

  /** A question about the numbers as they are now; of changed ones nobody has worked out what mistakes lead to. */
  function present(question) {
    if (question.cell === undefined || !page.live.isChanged()) return question;
    return { ...question, answer: page.live.cells[question.cell], mistakes: [], given: "" };
  }

  function tell(said, kind) {
    part("said").textContent = said;
    part("said").className = `said ${kind}`;
  }

  function answer(event) {
    event.preventDefault();
    const visit = asked[now - 1];
    const verdict = judge(present(visit.questions[visit.at]), part("answer").value);
    if (verdict.counts && visit.tries++ === 0) {
      score.asked++;
      if (verdict.right) score.right++;
      keepScore();
    }
    if (verdict.right) pass(verdict.said);
    else tell(verdict.said, "wrong");
  }

  /** On to the next question of the visit; after the last one its numbers are shown. */
  function pass(said) {
    const visit = asked[now - 1];
    visit.at++;
    visit.tries = 0;
    const more = visit.at < visit.questions.length;
    show(now, more);
    if (more) tell(said, "right");
    else {
      part("live").textContent = said + ". " + part("live").textContent;
      part("next").focus();
    }
  }

  function keepScore() {
    part("score").textContent = score.asked ? filled(said.score, score.right, score.asked) : "";
  }

  /** A sentence with its blanks filled in. */
  const filled = (sentence, ...blanks) => blanks.reduce((text, blank) => text.replace("{}", () => blank), sentence);

  function judge(question, text) {
    let given;
    try {
      given = calculate(text);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      return { right: false, counts: false, said: filled(said.unread, error.message) };
    }
    const verdict = (right, words) => ({ right, counts: true, said: words });
    if (close(given, question.answer)) return verdict(true, filled(said.right, written(question.answer)));
    const mistake = question.mistakes.find(([wrong]) => close(given, wrong));
    if (mistake) return verdict(false, remarks[mistake[1]]);
    if (Math.abs(given - question.answer) < 0.1 * Math.abs(question.answer))
      return verdict(false, filled(said.near, written(given)));
    return verdict(false, filled(said.wrong, written(given), remarks[question.rule]));
  }

  /** 0 is no answer to a number that is not 0, and the other way round. */
  const close = (given, right) => Math.abs(given - right) <= tolerance * Math.abs(right);

  /** A number as the picture writes it: four digits and a true minus. */
  function written(x) {
    if (x === 0) return "0";
    const [digits, power] = x.toExponential(3).split("e").map(Number);
    const text = power < -4 || power >= 4 ? `${digits}e${power}` : String(Number(x.toPrecision(4)));
    return text.replaceAll("-", "−");
  }

  // ---- Arithmetic ----

  class Unreadable extends Error {}

  const FUNCTIONS = {
    exp: Math.exp, log: Math.log, sqrt: Math.sqrt, abs: Math.abs, tanh: Math.tanh, min: Math.min, max: Math.max,
    sigmoid: (x) => 1 / (1 + Math.exp(-x)), relu: (x) => Math.max(0, x), sum: (...xs) => xs.reduce((a, b) => a + b),
  };
  const SUM = 0, PRODUCT = 1, SIGN = 2, POWER = 3;
  const BINARY = {
    "+": [SUM, (a, b) => a + b], "-": [SUM, (a, b) => a - b],
    "*": [PRODUCT, (a, b) => a * b], "/": [PRODUCT, (a, b) => a / b], "^": [POWER, (a, b) => a ** b],
  };

  /** What arithmetic comes to: numbers, + - * / ^, brackets and a few functions. Nothing is ever evaluated as code. */
  function calculate(text) {
    const like = { "−": "-", "×": "*", "·": "*", "**": "^" };
    const pattern = /(\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?)|([a-z]+)|(\*\*|[-+*/^(),²³−×·])|(\S)/gi;
    const tokens = [...text.slice(0, 10000).matchAll(pattern)].map((found) => {
      if (found[4]) throw new Unreadable(`${found[4]} is not understood`);
      return { number: found[1], name: found[2], sign: like[found[3]] ?? found[3], text: found[0] };
    });
    let next = 0;
    let depth = 0;
    const take = (sign) => tokens[next]?.sign === sign && Boolean(++next);
    const expect = (sign) => {
      if (!take(sign)) throw new Unreadable(`${sign} is missing`);
    };

    function operators(level) {
      if (++depth > 100) throw new Unreadable("nested too deep");
      let left = operand();
      for (;;) {
        const { sign } = tokens[next] ?? {};
        if (sign === "²" || sign === "³") {
          next++;
          left **= sign === "²" ? 2 : 3;
          continue;
        }
        const [binds, apply] = BINARY[sign] ?? [-1];
        if (binds < level) break;
        next++;
        left = apply(left, operators(binds === POWER ? SIGN : binds + 1));
      }
      depth--;
      return left;
    }

    function operand() {
      const token = tokens[next++];
      if (token?.number) return Number(token.number);
      if (token?.name) return call(token.name.toLowerCase());
      if (token?.sign === "-") return -operators(SIGN);
      if (token?.sign === "+") return operators(SIGN);
      if (token?.sign === "(") {
        const inside = operators(SUM);
        expect(")");
        return inside;
      }
      throw new Unreadable(token ? `a number is expected before ${token.text}` : "a number is missing");
    }

    function call(name) {
      if (!Object.hasOwn(FUNCTIONS, name)) throw new Unreadable(`${name} has no value; only numbers can stand here`);
      expect("(");
      const given = [operators(SUM)];
      while (take(",")) given.push(operators(SUM));
      expect(")");
      return FUNCTIONS[name](...given);
    }

    const result = operators(SUM);
    if (next < tokens.length) throw new Unreadable(`an operator is expected before ${tokens[next].text}`);
    if (!Number.isFinite(result)) throw new Unreadable("this comes to no number");
    return result;
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
    const moment = page.classList.contains("asking") ? step.at - 1 : step?.at ?? -Infinity;
    const known = box.grad?.findLast(([since]) => since <= moment) ?? box.grad?.[0];
    const rows = [box.at > moment ? ["value: not known yet", null] : ["value", box.value]];
    if (known) rows.push([known[1] === null ? "gradient: not known yet" : "gradient" + (known[2] ? "" : " so far"), known[1]]);
    dialog.querySelector(".numbers").replaceChildren(...rows.flatMap(([head, entries]) => numbersOf(head, entries, box)));
    dialog.showModal();
  }

  function numbersOf(head, entries, { columns, more = 0 }) {
    const title = make("h3", head);
    if (entries === null || entries === undefined) return [title];
    const listed = entries[0] === "=" ? page.live.numbers(entries.slice(1)).map(written) : entries.split(" ");
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
    part("all").setAttribute("aria-pressed", String(all));
    (items[now - 1] ?? part("start")).scrollIntoView({ block: "nearest" });
  }

  function toggleWeights() {
    part("weights").setAttribute("aria-pressed", String((part("sums").hidden = !part("sums").hidden) === false));
  }

  function toggleQuiz() {
    asking = !asking;
    part("asks").setAttribute("aria-pressed", String(asking));
    keepScore();
    show(asking && now < turn ? turn + 1 : now, true);
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
    open: () => {
      const { boxes: own = [], sum } = steps[now - 1] ?? {};
      open(sum === undefined ? "b" + own[0] : "s" + sum);
    },
    in: () => setZoom(zoom * 1.25),
    out: () => setZoom(zoom / 1.25),
    fit: () => setZoom(whole()),
  };
  for (const name of ["first", "back", "next", "time", "turn", "asks", "all", "weights", "help", "in", "out", "fit"])
    part(name).addEventListener("click", actions[name]);
  part("slider").addEventListener("input", (event) => show(+event.target.value));
  part("quiz").addEventListener("submit", answer);
  part("show").addEventListener("click", () => pass("shown"));
  find.addEventListener("input", search);
  find.addEventListener("blur", () => (found.hidden = true));
  find.closest("form").addEventListener("submit", (event) => event.preventDefault());

  const KEYS = {
    ArrowRight: "next", " ": "next", n: "next", ArrowLeft: "back", b: "back", Home: "first", End: "end",
    t: "time", T: "timeBack", v: "turn", g: "find", "/": "find", o: "open", q: "asks", l: "all", w: "weights", "?": "help",
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
  if (page.dataset.quiz === "true") {
    show(turn);
    toggleQuiz();
  }
})();
