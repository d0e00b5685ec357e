// A quiz's questions put, and answers found right or wrong, by the rules of viz/words/quiz.py.
const judging = ({ texts, kinds, said, tolerance }) => {
  /** A sentence with its blanks filled in: {} in their order, or {name}. */
  const filled = (sentence, ...blanks) =>
    sentence.replace(/\{(\w*)\}/g, (_, name) => (name ? blanks[0][name] : blanks.shift()));

  /** A question from its row; see viz/asking.py. */
  function question([kind, level, node, to, place, read, so, rule, [given, ...sources], uses, ...answer]) {
    const names = { node: texts[node], to: texts[to], place: texts[place], read: texts[read], so: texts[so], uses };
    const prompt = filled(uses > 1 ? said.sum : said.asked, names);
    const answered = filled(uses > 1 ? said.is : said.gives, names);
    const found = { prompt, answered, given: texts[given], sources, level, rule: texts[rule], uses, says: (k) => filled(texts[kinds[kind][k][1]], names) };
    if (Array.isArray(answer[0])) return { ...found, known: kinds[kind].map(([name]) => name), cells: answer[0], at: answer.slice(1) };
    const [right, wrong] = answer;
    return { ...found, answer: right, mistakes: wrong.flatMap((x, i) => (i % 2 ? [] : [[x, wrong[i + 1]]])) };
  }

  /** 0 is no answer to a number that is not 0, and the other way round. */
  const close = (given, right) => Math.abs(given - right) <= tolerance * Math.abs(right);

  function judge(question, text) {
    let given;
    try {
      given = arithmetic.calculate(text);
    } catch (error) {
      if (!(error instanceof arithmetic.Unreadable)) throw error;
      return { right: false, counts: false, said: filled(said.unread, error.message) };
    }
    const verdict = (right, words) => ({ right, counts: true, said: words });
    if (close(given, question.answer)) return verdict(true, filled(said.right, fourDigits(question.answer)));
    const mistake = question.mistakes.find(([wrong]) => close(given, wrong));
    if (mistake) return verdict(false, question.says(mistake[1]));
    if (Math.abs(given - question.answer) < 0.1 * Math.abs(question.answer))
      return verdict(false, filled(said.near, fourDigits(given)));
    return verdict(false, filled(said.wrong, fourDigits(given), question.rule));
  }

  return { question, judge, filled };
};
