// Practice: small graphs of rising difficulty. At each visit what its edges contribute is asked before it shows.
(() => {
  const { exercises, ...words } = JSON.parse(part("data").textContent);
  const { question, judge, filled } = judging(words);
  const articles = [...page.querySelectorAll("article")];
  const levels = [...new Set(exercises.map(({ level }) => level))];
  const score = { asked: 0, right: 0 };
  const done = new Set(); // the graphs that are finished
  let number = 0; // of the graph
  let open = []; // its questions that are still to come: { visit, ...question }
  let first = true; // whether the next answer is the first one to this question
  let isLarge = false; // whether pictures are to be large enough to be read, and not all in view
  let onward; // what the button does that goes on
  let slipped = false; // whether there was a mistake at this visit
  let perfect = true; // whether all answers to this graph were right at the first go

  // ---- The graph ----

  /** Every number as it is after so many visits. */
  function reveal(visit) {
    for (const { children } of articles[number].querySelectorAll(".changing")) {
      const states = [...children];
      const on = states.findLastIndex((state) => +state.dataset.from <= visit);
      states.forEach((state, i) => state.classList.toggle("on", i === Math.max(on, 0)));
    }
  }

  function light(visit) {
    for (const element of articles[number].querySelectorAll(".lit")) element.classList.remove("lit");
    const lit = (exercises[number].lit[visit] ?? []).map((name) => part(`${number}-${name}`)).filter(Boolean);
    for (const element of lit) element.classList.add("lit");
    if (lit.length) bringIntoView(lit[0]);
  }

  function bringIntoView(box) {
    const graph = page.querySelector(".graph");
    const [seen, { left, top, width, height }] = [graph.getBoundingClientRect(), box.getBoundingClientRect()];
    graph.scrollBy({ left: left + width / 2 - seen.left - seen.width / 2, top: top + height / 2 - seen.top - seen.height / 2, behavior: "instant" });
  }

  /** The picture as large as there is room for, with the shared weights beside it or under it. */
  function fit() {
    const graph = page.querySelector(".graph");
    const picture = articles[number].querySelector(".canvas > svg");
    const { width, height } = picture.viewBox.baseVal;
    const sums = articles[number].querySelector(".sums");
    const bare = 20; // at either side of the picture
    const scaleIn = (across, down) => Math.min((across - 12) / (width - 2 * bare), (down - 30) / height, 1.7);
    const { classList } = articles[number];
    classList.add("under");
    const under = scaleIn(graph.clientWidth, graph.clientHeight - sums.offsetHeight);
    classList.remove("under");
    const beside = scaleIn(graph.clientWidth - sums.offsetWidth, graph.clientHeight);
    classList.toggle("under", under > beside);
    const all = Math.max(beside, under);
    const scale = isLarge ? Math.max(all, 1) : all;
    part("larger").hidden = all >= 1;
    part("larger").textContent = isLarge ? "fit" : "larger";
    picture.parentElement.style.width = `${scale * (width - 2 * bare)}px`;
    Object.assign(picture.style, { width: `${scale * width}px`, height: `${scale * height}px`, marginLeft: `${-bare * scale}px` });
  }

  /** Below their own size pictures are too small for their numbers to be read: there is a button for that. */
  function enlarge() {
    isLarge = !isLarge;
    fit();
    light(open[0]?.visit ?? -1);
  }

  /** The words of a visit, or none. */
  function tell(visit) {
    const item = articles[number].querySelectorAll(".visits > li")[visit];
    part("told").replaceChildren(...(item ? [...item.cloneNode(true).childNodes] : []));
  }

  // ---- Questions ----

  function begin(i) {
    number = i;
    articles.forEach((article, k) => (article.hidden = k !== i));
    open = exercises[i].quiz.flatMap((rows, visit) => rows.map((row) => ({ visit, ...question(row) })));
    perfect = true;
    say("said");
    listLevels();
    fit();
    ask();
  }

  function ask() {
    const [now] = open;
    first = true;
    part("on").hidden = true;
    part("quiz").hidden = !now;
    tell();
    if (!now) return finish();
    reveal(now.visit);
    light(now.visit);
    const { level } = exercises[number];
    const alike = exercises.filter((other) => other.level === level);
    part("where").textContent = `${level} · graph ${alike.indexOf(exercises[number]) + 1} of ${alike.length} · ${open.length} to go`;
    part("prompt").textContent = now.prompt;
    part("given").textContent = now.given;
    part("answer").value = "";
    part("answer").focus();
  }

  function answer(event) {
    event.preventDefault();
    const [now] = open;
    if (!now) return; // Enter in a field that is just being hidden
    const verdict = judge(now, part("answer").value);
    if (verdict.counts && first) count(verdict.right);
    if (verdict.right) {
      say("said", `${verdict.said} ${now.answered}`, "right");
      return pass();
    }
    say("said", verdict.said, "wrong");
    part("answer").select();
  }

  function count(right) {
    score.asked++;
    score.right += right;
    perfect &&= right;
    slipped ||= !right;
    first = false;
    part("score").textContent = filled(words.said.score, score.right, score.asked);
  }

  /** To the next question; after a mistake how this visit is worked out is shown first. */
  function pass() {
    const { visit } = open.shift();
    if (!slipped || open[0]?.visit === visit) return ask();
    slipped = false;
    part("quiz").hidden = true;
    reveal(visit + 1);
    tell(visit);
    goOn("go on ▶", () => {
      say("said");
      ask();
    });
  }

  function show() {
    if (first) count(false);
    const { answer, answered, rule } = open[0];
    say("said", `${fourDigits(answer)} ${answered}: ${rule}`);
    pass();
  }

  function goOn(text, action) {
    onward = action;
    part("on").textContent = text;
    part("on").hidden = false;
    part("on").focus();
  }

  // ---- From graph to graph ----

  function finish() {
    done.add(number);
    reveal(Infinity);
    light(-1);
    const left = exercises.length - done.size;
    say("said", perfect ? "All of it right at the first go." : "This graph is done.", "right");
    listLevels();
    if (left) goOn(`next graph: ${exercises[next()].level} ▶`, () => begin(next()));
    else say("said", `All graphs are done: ${part("score").textContent}.`, "right");
  }

  /** Another graph of this level, or, after one without a mistake, of the next; one that is not done yet. */
  function next() {
    const level = levels.indexOf(exercises[number].level) + perfect;
    const left = exercises.map((_, i) => i).filter((i) => !done.has(i));
    return left.find((i) => levels.indexOf(exercises[i].level) >= level) ?? left[0];
  }

  function listLevels() {
    const now = exercises[number].level;
    levels.forEach((level, k) => {
      const alike = exercises.flatMap((other, i) => (other.level === level ? [i] : []));
      const button = part("levels").children[k];
      button.ariaPressed = level === now;
      button.lastChild.textContent = ` ${alike.filter((i) => done.has(i)).length}/${alike.length}`;
    });
  }

  for (const level of levels) {
    const button = make("button", level, { type: "button" });
    button.append(make("small"));
    button.addEventListener("click", () => {
      const alike = exercises.flatMap((other, i) => (other.level === level ? [i] : []));
      begin(alike.find((i) => !done.has(i)) ?? alike[0]);
    });
    part("levels").append(button);
  }
  on("quiz", "submit", answer);
  on("show", "click", show);
  on("larger", "click", enlarge);
  on("on", "click", () => onward());
  for (const place of page.querySelectorAll(".place")) place.classList.add("near");
  addEventListener("resize", fit);
  begin(0);
})();
