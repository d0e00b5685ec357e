// What arithmetic comes to: numbers, + - * / ^, brackets and a few functions. Nothing is ever evaluated as code.
"use strict";
const arithmetic = (() => {
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

  /** A text's number; `named` gives names that stand for numbers, or for lists of them, which functions take. */
  function calculate(text, named = {}) {
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

  return { calculate, Unreadable };
})();
