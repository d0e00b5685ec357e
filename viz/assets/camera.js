// Where the picture stands: moved and zoomed by the reader, and following what lights up.
// A view is a point of the picture that stands in the middle, and a zoom.
(() => {
  const graph = page.querySelector(".graph");
  const canvas = graph.firstElementChild;
  const picture = canvas.firstElementChild;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const natural = { width: picture.width.baseVal.value, height: picture.height.baseVal.value };
  const [MARGIN, AROUND, ABOVE] = [24, 30, 40]; // between the picture's edge and its boxes; around what is brought into
  // view, and above it, where the buttons stand
  const BOX = 56; // what a lit arrow comes from is a box of about this size: there is room for it, too
  const HEAD = 20; // how high the part of a box is where its name stands
  const [LEAST, FAR, SMALL] = [0.12, 0.6, 0.9]; // zooms: the least of an overview; below the second one texts, in an
  // overview already below the third one, are too small to be read
  const [NUMBERED, TINY] = [0.62, 0.3]; // from the first one on a box has room for larger numbers, below the second one
  // not even for strips
  let zoom = 1;
  let liked; // the zoom that the reader has chosen
  let followed = []; // what is kept in view
  let isOverview = false;

  // ---- From far away names are shown as large as they can be read, and of numbers what there is room for ----

  const names = drawn("g", { class: "names" });
  const shortNames = [...picture.querySelectorAll(".node")].map((node) => {
    const { x, y, width, height } = node.querySelector("rect");
    const text = drawn("text", { x: x.baseVal.value + width.baseVal.value / 2 + MARGIN, lengthAdjust: "spacingAndGlyphs" });
    text.textContent = node.dataset.short ?? node.querySelector(".title").textContent;
    names.append(text);
    const has = (what) => Boolean(node.querySelector(what));
    const [strips, numbers] = [has("[data-heat], .cells"), node.querySelectorAll(".digits:not(.end)")];
    return { text, top: y.baseVal.value + MARGIN, wide: width.baseVal.value, tall: height.baseVal.value, strips, numbers };
  });
  picture.append(names);

  function writeNames() {
    canvas.style.setProperty("--zoom", zoom);
    const isFar = zoom < (isOverview ? SMALL : FAR);
    const [isNumbered, isTiny] = [isFar && zoom >= NUMBERED, isFar && zoom < TINY];
    const before = canvas.className;
    for (const [look, is] of Object.entries({ distant: isFar, numbered: isNumbered, tiny: isTiny })) canvas.classList.toggle(look, is);
    if (canvas.className !== before) tell("shown");
    fitNumbers();
    if (!isFar) return;
    for (const { text, top, wide, tall, strips, numbers } of shortNames) {
      const high = (strips && !isTiny) || (numbers.length && isNumbered) ? HEAD : tall;
      const long = (1.4 * wide * zoom) / text.textContent.length;
      const size = Math.min(Math.max(8, Math.min(long, 0.75 * high * zoom)), 13) / zoom;
      text.setAttribute("font-size", size);
      text.setAttribute("y", top + Math.min(high / 2 + 0.35 * size, high - 5));
      if (long < 8) text.setAttribute("textLength", wide - 4);
      else text.removeAttribute("textLength");
      text.style.display = long < 4 ? "none" : "";
    }
  }

  let wasNumbered = false;
  /** Numbers in boxes as large as they can be read, and no longer than their boxes; see page.css. */
  function fitNumbers() {
    const isNumbered = canvas.matches(".numbered");
    if (!isNumbered && !wasNumbered) return;
    wasNumbered = isNumbered;
    for (const { numbers, wide } of shortNames)
      for (const { style, textContent } of numbers)
        style.fontSize = isNumbered ? `${Math.min(8 / zoom, (wide - 7) / (0.54 * textContent.length))}px` : "";
  }
  page.addEventListener("written", fitNumbers);

  // ---- Going to a view ----

  const middle = () => ({
    x: (graph.scrollLeft + graph.clientWidth / 2) / zoom,
    y: (graph.scrollTop + graph.clientHeight / 2) / zoom,
    zoom,
  });

  function put(view) {
    zoom = view.zoom;
    Object.assign(canvas.style, { width: `${natural.width * zoom}px`, height: `${natural.height * zoom}px` });
    picture.style.transform = `scale(${zoom})`; // texts need not be laid out anew
    const [left, top] = [view.x * zoom - graph.clientWidth / 2, view.y * zoom - graph.clientHeight / 2];
    graph.scrollTo({ left, top, behavior: "instant" });
    drawWhatIsNear();
  }

  let movement; // which one is under way; none has been yet
  let aim; // the view that it leads to
  function moveTo(view) {
    const from = middle();
    const isFirst = movement === undefined;
    const mine = (movement = isFirst ? 0 : movement + 1);
    const isFar = Math.hypot(view.x - from.x, view.y - from.y) * view.zoom > 3 * graph.clientWidth;
    aim = undefined;
    if (isFirst || calm.matches || isFar) {
      put(view);
      return writeNames();
    }
    aim = view;
    const start = performance.now();
    const step = (time) => {
      if (mine !== movement) return;
      const share = Math.min(Math.max((time - start) / 350, 0), 1);
      const eased = share * share * (3 - 2 * share);
      const between = (name) => from[name] + (view[name] - from[name]) * eased;
      put({ x: between("x"), y: between("y"), zoom: between("zoom") });
      writeNames();
      if (share < 1) requestAnimationFrame(step);
      else aim = undefined;
    };
    requestAnimationFrame(step);
  }
  for (const event of ["wheel", "pointerdown"]) graph.addEventListener(event, stop, { passive: true });

  function stop() {
    movement++;
    aim = undefined;
  }

  /** The sums of shared weights stand beside the picture or under it, where that leaves it larger. */
  function arrange() {
    const [under, beside] = [false, true].map((is) => (page.classList.toggle("beside", is), whole()));
    page.classList.toggle("beside", beside > under);
  }

  /** The zoom at which all of it is in view. */
  const whole = () => Math.min(graph.clientWidth / natural.width, graph.clientHeight / natural.height, 1.7);
  const overview = () => ({ x: natural.width / 2, y: natural.height / 2, zoom: Math.max(whole(), LEAST) });

  /** Bring elements into view, all of them, as large as they can be read; without any, the whole picture. */
  function follow(elements) {
    followed = elements;
    for (const element of elements) element.closest(".place")?.classList.add("near");
    const boxes = elements.map((element) => element.getBBox()).filter(({ width, height }) => width || height);
    isOverview = !boxes.length;
    if (isOverview) return moveTo(overview());
    const [left, top] = [Math.min(...boxes.map(({ x }) => x)), Math.min(...boxes.map(({ y }) => y))].map((z) => z + MARGIN);
    const right = Math.max(...boxes.map(({ x, width }) => x + width)) + MARGIN;
    const bottom = Math.max(...boxes.map(({ y, height }) => y + height)) + MARGIN;
    const fitting = Math.min(
      (graph.clientWidth - 2 * AROUND) / (right - left),
      (graph.clientHeight - 2 * ABOVE) / (bottom - top),
      graph.clientHeight / (bottom - top + 2 * BOX),
    );
    const view = { x: (left + right) / 2, y: (top + bottom) / 2, zoom: Math.min(liked ?? Math.max(whole(), 1), fitting) };
    isOverview = liked === undefined && view.zoom < FAR && whole() >= LEAST;
    if (isOverview) return moveTo(overview());
    const seen = aim ?? middle();
    const reach = { x: graph.clientWidth / 2 / view.zoom, y: graph.clientHeight / 2 / view.zoom };
    const room = Math.max(BOX, ABOVE / view.zoom);
    const isIn =
      Math.abs(seen.x - view.x) <= Math.max(reach.x - (right - left) / 2 - room, 1) &&
      Math.abs(seen.y - view.y) <= Math.max(reach.y - (bottom - top) / 2 - room, 1);
    if (!isIn || Math.abs(seen.zoom - view.zoom) > 0.01) moveTo(view);
    else writeNames();
  }

  // Columns that are half a screen away are not drawn: a long network would be slow to paint.
  const bands = picture.querySelectorAll(".band");
  const columns = [...picture.querySelectorAll(".column")].map((element, i) => {
    const [x, y, width, height] = ["x", "y", "width", "height"].map((name) => bands[i][name].baseVal.value);
    return { element, left: x + MARGIN, right: x + MARGIN + width, top: y + MARGIN, bottom: y + MARGIN + height };
  });

  function drawWhatIsNear() {
    const [wide, high] = [graph.clientWidth / zoom, graph.clientHeight / zoom];
    const [left, top] = [graph.scrollLeft / zoom - wide / 2, graph.scrollTop / zoom - high / 2];
    const isNear = (column) =>
      column.right > left && column.left < left + 2 * wide && column.bottom > top && column.top < top + 2 * high;
    const other = columns.filter((column) => column.element.classList.contains("near") !== isNear(column));
    for (const { element } of other) element.classList.toggle("near");
    if (other.length) tell("shown");
  }
  graph.addEventListener("scroll", drawWhatIsNear, { passive: true });
  const again = () => (arrange(), follow(followed));
  addEventListener("resize", again);

  // ---- The reader's own moves ----

  function setZoom(wanted, x = graph.clientWidth / 2, y = graph.clientHeight / 2) {
    stop();
    isOverview = false;
    const before = zoom;
    liked = Math.min(Math.max(wanted, 0.1), 6);
    const at = { x: (graph.scrollLeft + x) / before, y: (graph.scrollTop + y) / before };
    const aside = { x: (graph.clientWidth / 2 - x) / liked, y: (graph.clientHeight / 2 - y) / liked };
    put({ x: at.x + aside.x, y: at.y + aside.y, zoom: liked });
    writeNames();
  }

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

  page.camera = {
    follow,
    again,
    isDragged: () => dragged,
    zoomBy: (factor) => setZoom(zoom * factor),
    fit: () => setZoom(whole()),
  };
  arrange();
})();
