// The quiz of a page: each number of a visit is asked for before it shows.
(() => {
  const { quiz, ...words } = JSON.parse(part("data").textContent);
  const { question, judge, filled } = judging(words);
  const visits = quiz.map((questions) => ({
    questions: questions.map(question),
    at: 0,
    tries: 0,
  }));
  const score = { asked: 0, right: 0, level: 0 };
  let asking = false;
  let now; // which visit is asked about
  const open = () => visits[now]?.questions[visits[now].at];

  /** Put the next question of a visit, if one is open; says whether there is one. */
  function ask(visit, typing) {
    now = visit;
    const question = asking && open() ? present(open()) : undefined;
    page.classList.toggle("asking", Boolean(question));
    part("quiz").hidden = !question;
    if (question) {
      part("prompt").textContent = question.prompt;
      part("given").textContent = question.given;
      part("answer").value = "";
      say("said");
      if (typing) part("answer").focus();
    }
    offer(!question);
    return Boolean(question);
  }

  /** A question about the numbers as they are now. */
  function present(question) {
    if (!question.cells) return question;
    return { ...question, ...page.live.asked(question), given: page.live.fill(question.given, ...question.sources) };
  }

  function answer(event) {
    event.preventDefault();
    const visit = visits[now];
    if (!open()) return; // Enter in a field that is just being hidden
    const verdict = judge(present(open()), part("answer").value);
    if (verdict.counts && visit.tries++ === 0) {
      score.asked++;
      if (verdict.right) {
        score.right++;
        score.level = Math.max(score.level, open().level);
      }
      keepScore();
    }
    if (verdict.right) return pass(verdict.said);
    say("said", verdict.said, "wrong");
    part("answer").select(); // typing replaces it
  }

  /** On to the next question of the visit; after the last one its numbers are shown. */
  function pass(said) {
    const visit = visits[now];
    const { answered } = open();
    visit.at++;
    visit.tries = 0;
    const more = Boolean(open());
    page.showAgain(more);
    if (more) say("said", `${said} ${answered}`, "right");
    else {
      part("live").textContent = said + ". " + part("live").textContent;
      part("next").focus();
    }
  }

  function keepScore() {
    part("score").textContent = score.asked ? filled(words.said.score, score.right, score.asked) : "";
  }

  // ---- What to try next ----

  /** The easiest open question that is harder than all that were right at the first go; if none is, any. */
  function harder() {
    const left = visits.flatMap(({ questions, at }, visit) => questions.slice(at).map(({ level, prompt }) => ({ visit, level, prompt })));
    const above = left.filter(({ level }) => level > score.level);
    return (above.length ? above : left).sort((one, other) => one.level - other.level)[0];
  }

  /** Where nothing is asked just now, offer what to try next. */
  function offer(isFree) {
    const next = asking && isFree ? harder() : undefined;
    part("harder").hidden = !next;
    if (next) part("harder").textContent = filled(words.said.harder, next.prompt);
  }

  function toggle() {
    asking = !asking;
    part("asks").ariaPressed = asking;
    keepScore();
    page.showAgain(true);
  }

  on("quiz", "submit", answer);
  on("show", "click", () => pass("shown"));
  on("harder", "click", () => page.toVisit(harder().visit, true));
  page.quiz = { ask, toggle };
})();
