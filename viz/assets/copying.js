// The numbers of all leaves as lines of Python, to go on with where the graph was recorded.
(() => {

  function python(x, isFloat) {
    if (Array.isArray(x)) return `[${x.map((part) => python(part, isFloat)).join(", ")}]`;
    if (Number.isFinite(x)) return Number.isInteger(x) && isFloat ? x.toFixed(1) : String(x);
    return `float("${Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "-inf"}")`;
  }

  function snippet() {
    const isFloat = (name) => !page.live.nodes.get(name).classes;
    const values = Object.entries(page.microgradrnn.values());
    const lines = values.map(([name, x]) => `    ${JSON.stringify(name)}: ${python(x, isFloat(name))},`);
    const use = "# By the names that the page shows. For each leaf p: p.data = values[p.label]; then record the loss anew.";
    return [use, "values = {", ...lines, "}", ""].join("\n");
  }

  /** Into the clipboard, where a page may write there; the text is shown and selected in any case. */
  async function copy() {
    const text = part("snippet");
    text.value = snippet();
    part("copied").showModal();
    text.select();
    text.scrollTop = 0;
    let done = document.execCommand("copy"); // a notebook's frame may use no other clipboard
    if (!done && top === window) done = await navigator.clipboard?.writeText(text.value).then(() => true, () => false);
    part("isCopied").textContent = done ? "copied" : "press Ctrl+C to copy it";
  }

  on("copy", "click", copy);
})();
