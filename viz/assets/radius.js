// The spectral radius of a square matrix as a slider: how much longer the state's memory gets in each step.
(() => {
  const { live } = page;
  let node; // the matrix, if what is chosen is one
  let direction; // its entries over its spectral radius: what the slider leaves as it is
  let sliding = false;

  /** The size of the largest eigenvalue: the limit of |A to the k|^(1/k), for k = 2^40 by squaring. */
  function radius(entries, size) {
    let [matrix, logarithm] = [entries, 0];
    for (let k = 0; k < 40; k++) {
      const largest = written.largest(matrix);
      if (!largest || !matrix.every(Number.isFinite)) return largest ? NaN : 0;
      const scaled = matrix.map((x) => x / largest);
      logarithm += Math.log(largest) / 2 ** k;
      matrix = scaled.map((_, at) => {
        const [i, j] = [Math.floor(at / size), at % size];
        let sum = 0;
        for (let n = 0; n < size; n++) sum += scaled[i * size + n] * scaled[n * size + j];
        return sum;
      });
    }
    return Math.exp(logarithm);
  }

  function measure() {
    if (!node || sliding) return;
    const entries = node.slots.map((slot) => live.leaves[slot]);
    const now = radius(entries, node.shape[0]);
    if (now > 0) direction = entries.map((x) => x / now);
    show(now);
  }

  function show(now) {
    part("radius").max = Math.max(2, Number(part("radius").max), Number.isFinite(now) ? Math.ceil(now) : 0);
    part("radius").value = Number.isFinite(now) ? now : 0;
    part("radius").disabled = !direction;
    part("isRadius").textContent = written.number(now);
  }

  function choose() {
    const { node: chosen } = page.learn.chosen();
    const isSquare = chosen.trained && chosen.shape.length === 2 && chosen.shape[0] === chosen.shape[1] && chosen.shape[0] > 1;
    if (node !== (isSquare ? chosen : undefined)) direction = undefined;
    node = isSquare ? chosen : undefined;
    part("radiusLine").hidden = !isSquare;
    measure();
  }

  on("radius", "pointerdown", () => live.hold());
  on("radius", "pointerup", () => live.release());
  on("radius", "input", () => {
    const wanted = Number(part("radius").value);
    sliding = true;
    live.setSlots(node.slots, direction.map((x) => x * wanted));
    sliding = false;
    show(wanted);
  });
  page.addEventListener("chosen", choose);
  live.onChange(measure);
  choose();
})();
