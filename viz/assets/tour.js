// A guided visit: at each stop the page shows a step, and a few words say what to see there.
(() => {
  const stops = JSON.parse(part("stops").textContent);
  let at = 0;

  function show(stop) {
    at = stop;
    const { words, position, change } = stops[at];
    part("guide").textContent = words;
    part("stop").textContent = `${at + 1} of ${stops.length}`;
    part("before").disabled = at === 0;
    part("on").textContent = at === stops.length - 1 ? "done" : "go on";
    part("skip").hidden = at === stops.length - 1;
    page.dispatchEvent(new CustomEvent("go", { detail: position }));
    if (!page.live) return;
    part("change").open = Boolean(change);
    if (!change) return;
    part("leaf").value = change;
    part("leaf").dispatchEvent(new Event("change"));
  }

  function end() {
    part("tour").hidden = true;
    if (page.live) part("change").open = true;
    page.camera.again();
    part("next").focus();
  }

  on("on", "click", () => (at + 1 < stops.length ? show(at + 1) : end()));
  on("before", "click", () => show(at - 1));
  on("skip", "click", end);
  show(0);
  part("on").focus();
})();
