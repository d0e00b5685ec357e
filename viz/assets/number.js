// A number as text, by the rules of viz/numbers.py.
const fourDigits = (() => {
  /** Four significant digits as in Python's .4g, where of two as near the even one is taken; a true minus. */
  function number(x) {
    if (x === 0) return "0";
    if (!Number.isFinite(x)) return Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "−inf";
    const [digits, exponent] = rounded(Math.abs(x));
    const minus = x < 0 ? "−" : "";
    const bare = (text) => (text.includes(".") ? text.replace(/\.?0*$/, "") : text);
    if (exponent < -4 || exponent >= 4)
      return minus + `${bare(`${digits[0]}.${digits.slice(1)}`)}e${exponent}`.replace("-", "−");
    if (exponent < 0) return minus + bare(`0.${"0".repeat(-exponent - 1)}${digits}`);
    return minus + bare(`${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`);
  }

  /** The four digits and the power of ten. Thirty digits tell a tie from what is only near one. */
  function rounded(x) {
    const [long, power] = x.toExponential(30).split("e");
    const all = long.replace(".", "");
    let head = Number(all.slice(0, 4));
    const rest = all.slice(4);
    const isTie = /^50*$/.test(rest);
    if (isTie ? head % 2 === 1 : rest >= "5") head++;
    return head === 10000 ? ["1000", Number(power) + 1] : [String(head), Number(power)];
  }

  return number;
})();
