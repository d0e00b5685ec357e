// x to the y, as in C: JavaScript's own gives NaN for 1 ** NaN and (-1) ** Infinity, where C gives 1.
function power(x, y) {
  return x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : Math.pow(x, y);
}

// -1, 0 or 1; the sign of -0 is 0, and NaN stays NaN.
function sign(x) {
  return x > 0 ? 1 : x < 0 ? -1 : x === 0 ? 0 : x;
}

// The larger one, of equal ones the first; NaN if either is.
function maximum(x, y) {
  return x >= y || x !== x ? x : y;
}

// The smaller one, of equal ones the first; NaN if either is.
function minimum(x, y) {
  return x <= y || x !== x ? x : y;
}

// The nearest whole number, of two as near the even one. From 2 ** 52 on every number is whole.
function rint(x) {
  const whole = 2 ** 52;
  if (!(Math.abs(x) < whole)) return x;
  return x < 0 || Object.is(x, -0) ? -(whole - x - whole) : whole + x - whole;
}

// What is left of x after whole multiples of y; it has y's sign. JavaScript's % has x's.
function remainder(x, y) {
  const rest = x % y;
  if (rest === 0) return y < 0 ? -0 : 0;
  return rest < 0 !== y < 0 && rest === rest && y === y ? rest + y : rest;
}

// How many whole times y goes into x, rounded down. It is worked out from the remainder, which is exact.
function floorDivide(x, y) {
  if (y === 0) return x / y;
  const times = (x - (x % y)) / y - (x % y !== 0 && x % y < 0 !== y < 0 ? 1 : 0);
  if (times === 0) return x / y < 0 || Object.is(x / y, -0) ? -0 : 0;
  const down = Math.floor(times);
  return times - down > 0.5 ? down + 1 : down;
}

// The error function, to 2e-15 of its value. Below 2.5 by the series 7.1.6 of Abramowitz and Stegun, whose terms all
// have one sign; above by 1 - erfc, with their continued fraction 7.1.14 for erfc; from 6 on it is 1 to the last digit.
function erf(x) {
  const size = Math.abs(x);
  if (!(size < 6)) return x !== x ? x : Math.sign(x);
  if (size < 2.5) {
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) sum += term *= (2 * x * x) / (2 * n + 1);
    return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
  }
  let fraction = size;
  for (let n = 60; n > 0; n--) fraction = size + n / 2 / fraction;
  return Math.sign(x) * (1 - Math.exp(-x * x) / (Math.sqrt(Math.PI) * fraction));
}
