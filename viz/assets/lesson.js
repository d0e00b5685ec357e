// At a shared weight's visit what the steps contribute flies into the sum.
(() => {
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const [START, APART, LONG] = [450, 200, 900]; // milliseconds: until the view has come to rest, between two, of each
  let flying = [];
  let due;

  /** What flies lands in the rows of a visit's table, each from the box that stands for the weight in its step. */
  // Of an array its strip flies: entries add, norms do not. Nothing flies across the controls to a row out of view.
  function fly(item, boxes) {
    const rows = [...item.querySelectorAll(".came tr")];
    const sum = rows.pop();
    rows.slice(0, boxes.length).forEach((row, i) => {
      const lands = row.querySelector("svg") ?? row.lastElementChild;
      const [from, to, seen] = [boxes[i], lands, item.closest(".told")].map((element) => element.getBoundingClientRect());
      if (to.bottom > seen.bottom || (lands === row.lastElementChild && lands.textContent.includes("‖"))) return;
      const copy = make("span", "", { className: "flying" });
      copy.append(lands.matches("svg") ? lands.cloneNode(true) : lands.textContent);
      Object.assign(copy.style, { left: `${to.left}px`, top: `${to.top}px` });
      page.append(copy);
      flying.push(copy);
      const timing = { duration: LONG, delay: i * APART, easing: "ease-in-out", fill: "backwards" };
      const away = `translate(${from.left - to.left}px, ${from.top - to.top}px)`;
      copy.animate([{ transform: away, opacity: 1 }, { transform: "none", opacity: 1 }], timing).onfinish = () => copy.remove();
    });
    const duration = LONG + rows.length * APART;
    sum.animate([{ opacity: 0 }, { opacity: 0, offset: 0.9 }, { opacity: 1 }], { duration });
  }

  page.flyIn = (item, boxes) => {
    clearTimeout(due);
    for (const copy of flying) copy.remove();
    flying = [];
    if (boxes.length > 1 && !calm.matches) due = setTimeout(() => fly(item, boxes), START);
  };
})();
