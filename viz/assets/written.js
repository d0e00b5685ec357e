// Numbers as text and as cells, by the rules of viz/numbers.py, viz/words/products.py and viz/paint.
const written = (() => {
  const LEVELS = 20;
  const MOST_COLUMNS = 8;
  const MOST_ROWS = 5;
  const MOST_PRODUCTS = 8;

  const number = fourDigits;
  const signed = (x) => (number(x).startsWith("−") ? `(${number(x)})` : number(x));
  const norm = (data) => `‖${number(Math.sqrt(data.reduce((sum, x) => sum + x * x, 0)))}‖`;

  /** A sum of products; of more than eight the small ones stand together. */
  function products(pairs) {
    const sizes = pairs.map(([a, b], i) => [Math.abs(a * b), i]).sort((one, other) => other[0] - one[0] || one[1] - other[1]);
    const kept = new Set(sizes.slice(0, MOST_PRODUCTS).map(([, i]) => i));
    const parts = [];
    let others = 0;
    pairs.forEach(([a, b], i) => {
      if (kept.has(i)) parts.push(`${parts.length ? signed(a) : number(a)} × ${signed(b)}`);
      else others += a * b;
    });
    if (pairs.length > kept.size) parts.push(`${signed(others)} (the other ${pairs.length - kept.size})`);
    return parts.join(" + ") || "0";
  }

  /** Parts that differ in size by at most one, the larger ones first. */
  function split(items, count) {
    const [size, more] = [Math.floor(items.length / count), items.length % count];
    const parts = [];
    for (let k = 0, start = 0; k < count; k++) {
      const end = start + size + (k < more ? 1 : 0);
      parts.push(items.slice(start, end));
      start = end;
    }
    return parts;
  }

  /** At most 5 × 8 cells, each with the indices of its entries. */
  function grid(count, columns) {
    const rows = split([...Array(count).keys()], count / columns);
    return split(rows, Math.min(MOST_ROWS, rows.length)).map((block) =>
      split([...Array(columns).keys()], Math.min(MOST_COLUMNS, columns)).map((place) => block.flatMap((row) => place.map((c) => row[c]))),
    );
  }

  /** Which entry speaks for a cell: the one furthest from 0, or NaN. */
  const furthest = (data, cell) => {
    const isFurther = (x, far) => x !== x || Math.abs(x) > Math.abs(far);
    return cell.reduce((far, i) => (isFurther(data[i], data[far]) ? i : far));
  };

  const largest = (numbers) => numbers.reduce((far, x) => (Number.isFinite(x) ? Math.max(far, Math.abs(x)) : far), 0);

  function strength(x, scale) {
    if (Math.abs(x) === Infinity) return LEVELS;
    return scale === 0 && x === x ? 0 : Math.round(LEVELS * Math.min(Math.abs(x) / scale, 1));
  }

  /** A length with at most one decimal; of two as near the even one, as in Python. */
  function short(x) {
    const isTie = Number.isInteger(4 * x) && !Number.isInteger(2 * x);
    return String(Number(isTie ? (2 * Math.round(5 * x)) / 10 : x.toFixed(1)));
  }

  // A heat strip or grid: cells of one colour are one path, and so are all minus signs. Gives a function of the numbers
  // and their scale, which gives classes and paths, or nothing where they are those of the last time.
  function heat(count, columns, kind, x, y, wide) {
    const rows = grid(count, columns);
    const tall = rows.length === 1 ? 9 : 5;
    const cells = rows.flatMap((row, r) =>
      row.map((cell, c) => {
        const [left, middle] = [short(x + (c + 0.5) * wide - 2), y + (r + 0.5) * tall];
        const square = `M${short(x + c * wide)},${short(y + r * tall)}h${short(wide)}v${tall}h${short(-wide)}z`;
        return { cell, square, minus: `M${left},${short(middle)}h4`, cross: `M${left},${short(middle - 2)}l4,4m0,-4l-4,4` };
      }),
    );
    return (data, scale) => {
      let isOther = false;
      for (const found of cells) {
        const { cell, strong, isMinus } = found;
        const entry = data[cell.length > 1 ? furthest(data, cell) : cell[0]];
        [found.strong, found.isMinus] = [strength(entry, scale), entry < 0];
        isOther ||= !Object.is(found.strong, strong) || found.isMinus !== isMinus;
      }
      return isOther && paths(cells, kind);
    };
  }

  function paths(cells, kind) {
    const [squares, signs] = [new Map(), new Map()];
    const add = (map, key, d) => map.set(key, (map.get(key) ?? "") + d);
    for (const { strong, isMinus, square, minus, cross } of cells) {
      const end = strong !== strong ? "nan" : strong ? kind + (isMinus ? 0 : 1) : "zero";
      add(squares, strong > 0 && strong < LEVELS ? `${end} o${strong}` : end, square);
      if (isMinus) add(signs, strong > LEVELS / 2 ? "minus bold" : "minus", minus);
      else if (end === "nan") add(signs, "minus bold", cross);
    }
    return [[...squares], [...signs]];
  }

  /** Put what `heat` gives into an element. What is there already is changed, which takes less than making it anew. */
  function repaint(strip, [cells, signs]) {
    const group = strip.firstElementChild ?? strip.appendChild(drawn("g", { class: "cells" }));
    match(group, 0, cells);
    match(strip, 1, signs);
  }

  /** Make an element's children, from one of them on, paths with these classes and lines. */
  function match(parent, start, wanted) {
    wanted.forEach((look, i) => {
      const path = parent.children[start + i] ?? parent.appendChild(drawn("path"));
      ["class", "d"].forEach((name, k) => path.getAttribute(name) !== look[k] && path.setAttribute(name, look[k]));
    });
    while (parent.children.length > start + wanted.length) parent.lastElementChild.remove();
  }

  /** The norms of all uses of a weight as bars, the oldest at the left, on a logarithmic scale of eight decades. */
  function bars(norms, x, y, right) {
    const most = Math.max(...norms);
    if (!most || !Number.isFinite(most)) return [];
    const found = split(norms, Math.min(norms.length, Math.floor((right - x) / 2)));
    const step = Math.min((right - x) / found.length, 8);
    let d = "";
    found.forEach((part, i) => {
      const size = Math.max(...part);
      const height = size > 0 ? 14 * Math.max(0, 1 + Math.log10(size / most) / 8) : 0;
      if (height > 0)
        d += `M${short(x + i * step)},${short(y + 14)}v${short(-height)}h${short(step * 0.8)}v${short(height)}z`;
    });
    const base = `M${short(x)},${short(y + 14)}h${short(step * found.length)}`;
    return [["base", base], ["g1", d]];
  }

  return { number, signed, norm, products, grid, furthest, largest, heat, repaint, match, bars };
})();
