// Connects the explorer's controls with Bokeh's plots; all numbers are in the page.
(async () => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const data = read("explorer-data");
  const byId = (id) => document.getElementById(id);
  const boxes = [...document.querySelectorAll("input[name=function]")];
  const shown = new Map(); // name -> {slot, at: the position of each slider, card, sliders}
  const LABELS = { range: "range", centred: "zero-centred", saturates: "saturates", dead: "dead zone", kinks: "kinks", gain: "gain" };

  const plots = {};
  for (const [name, item] of Object.entries(read("explorer-plots"))) {
    const [view] = await Bokeh.embed.embed_item(item, `chart-${name}`);
    plots[name] = view.model;
  }
  const curves = [plots.f, plots.slope, plots.curvature];
  for (const plot of curves)
    for (const end of ["start", "end"])
      plot.x_range.properties[end].change.connect(() => curves.forEach((other) => (other.x_range[end] = plot.x_range[end])));

  function element(tag, text, attributes = {}) {
    const node = Object.assign(document.createElement(tag), attributes);
    node.textContent = text;
    return node;
  }

  function variant(name) {
    const { sliders, variants } = data.functions[name];
    return variants[sliders.reduce((index, { values }, i) => index * values.length + shown.get(name).at[i], 0)];
  }

  function card(name) {
    const node = element("article", "", { className: "card" });
    node.append(element("h3", name), element("code", data.functions[name].formula));
    node.append(element("dl", ""));
    byId("cards").append(node);
    return node;
  }

  function sliders(name) {
    const state = shown.get(name);
    return data.functions[name].sliders.map(({ name: parameter, values }, i) => {
      const label = element("label", ""), output = element("output", "");
      const slider = element("input", "", { type: "range", min: 0, max: values.length - 1, step: 1 });
      const showValue = () => {
        output.value = +values[state.at[i]].toPrecision(3);
        slider.setAttribute("aria-valuetext", output.value);
      };
      slider.value = state.at[i];
      slider.addEventListener("input", () => {
        state.at[i] = Number(slider.value);
        showValue();
        showFacts(name);
        draw();
      });
      showValue();
      label.style.setProperty("--c", `var(--c${state.slot})`);
      label.append(element("span", `${parameter} of ${name}`), slider, output);
      byId("sliders").append(label);
      return label;
    });
  }

  function showFacts(name) {
    const known = data.functions[name], current = variant(name), list = shown.get(name).card.querySelector("dl");
    list.replaceChildren();
    const add = (label, content) => {
      const cell = element("dd", "");
      cell.append(content);
      list.append(element("dt", label), cell);
    };
    for (const [key, label] of Object.entries(LABELS)) add(label, current[key]);
    if (known.cost) add("cost", known.cost);
    add("paper", element("a", new URL(known.paper).hostname, { href: known.paper, rel: "noopener" }));
  }

  function toggle(name, on) {
    if (!on) {
      const state = shown.get(name);
      for (const part of [state?.card, ...(state?.sliders ?? [])]) part?.remove();
      shown.delete(name);
    } else if (!shown.has(name)) {
      const [oldest] = shown.keys();
      if (shown.size === data.slots) {
        toggle(oldest, false);
        byId("status").textContent = `${data.slots} fit at once: ${oldest} made room for ${name}.`;
      }
      const taken = [...shown.values()].map(({ slot }) => slot);
      const slot = [...Array(data.slots).keys()].find((free) => !taken.includes(free));
      const state = { slot, at: data.functions[name].sliders.map(({ start }) => start) };
      shown.set(name, state);
      state.card = card(name);
      state.card.style.setProperty("--c", `var(--c${slot})`);
      state.sliders = sliders(name);
      showFacts(name);
    }
    const box = boxes.find(({ value }) => value === name);
    box.checked = on;
    box.parentElement.style.setProperty("--c", on ? `var(--c${shown.get(name).slot})` : "");
  }

  function draw() {
    const bySlot = new Map([...shown].map(([name, { slot }]) => [slot, name]));
    curves.forEach((plot, order) => {
      const heights = [0, 1]; // of what is drawn for |x| <= 4
      lines(plot).forEach((line, slot) => {
        const name = bySlot.get(slot), y = name ? variant(name).curves[order] : [];
        line.name = name ?? "";
        line.data_source.data = { x: name ? data.x : [], y: y.map((v) => v ?? NaN) };
        y.forEach((v, i) => Math.abs(data.x[i]) <= 4 && v !== null && heights.push(v));
      });
      const low = Math.max(Math.min(...heights), -4), high = Math.min(Math.max(...heights), 6), pad = 0.07 * (high - low);
      scale(plot.y_range, low - pad, high + pad);
      describe(plot, order);
    });
    drawErrors(bySlot);
    paint();
  }

  const lines = (plot) => plot.renderers.filter(({ glyph }) => glyph);
  const names = () => [...shown.keys()].join(", ") || "nothing";
  function describe(plot, order) {
    byId(["chart-f", "chart-slope", "chart-curvature"][order]).setAttribute(
      "aria-label", `${["Value", "First derivative", "Second derivative"][order]} of ${names()}, x from -6 to 6`);
  }

  function scale(range, start, end) {
    range.setv({ start, end, reset_start: start, reset_end: end });
  }

  function drawErrors(bySlot) {
    const order = Number(document.querySelector("input[name=order]:checked").value);
    const dtype = document.querySelector("input[name=dtype]:checked").value;
    const marks = lines(plots.error), sentences = [];
    let top = 10;
    for (let slot = 0; slot < data.slots; slot++) {
      const name = bySlot.get(slot), errors = name && data.functions[name].errors[dtype], worst = [];
      ["jaxact", "jax.nn"].forEach((library, i) => {
        const ulps = (errors && errors[library]?.[order]) ?? [], mark = marks[2 * slot + i];
        mark.name = name ? `${name}, ${library}` : "";
        mark.data_source.data = { x: ulps.length ? errors.x : [], y: ulps.map((v) => Math.max(v ?? NaN, 0.01)) };
        if (ulps.length) worst.push(`${library} ${ulpText(Math.max(...ulps))}`);
        top = Math.max(top, ...ulps);
      });
      if (name) sentences.push(`${name}: ${worst.join(", ")}`);
    }
    scale(plots.error.y_range, 0.006, 3 * top);
    byId("worst").textContent = sentences.length ? `Largest shown, in ulp. ${sentences.join("; ")}.` : "";
    byId("chart-error").setAttribute("aria-label", byId("worst").textContent || "No activation is shown");
  }

  const ulpText = (ulps) => (ulps >= 1e9 ? "not finite or beyond 10⁹" : ulps < 1e4 ? String(+ulps.toPrecision(3)) : ulps.toExponential(0));

  // Bokeh draws on a canvas, which does not inherit the page's colours.
  function paint() {
    const style = getComputedStyle(document.documentElement), color = (name) => style.getPropertyValue(name).trim();
    for (const plot of Object.values(plots)) {
      for (const axis of [...plot.below, ...plot.left]) {
        Object.assign(axis, { major_label_text_color: color("--soft"), axis_line_color: null, major_tick_line_color: null });
      }
      for (const part of plot.center) {
        if ("grid_line_color" in part) part.grid_line_color = "rgba(128, 128, 128, 0.25)";
        else part.line_color = "rgba(128, 128, 128, 0.7)";
      }
      lines(plot).forEach(({ glyph }, i) => {
        const slotColor = color(`--c${plot === plots.error ? i >> 1 : i}`);
        glyph.line_color = slotColor;
        if ("fill_color" in glyph) glyph.fill_color = slotColor;
      });
    }
  }

  for (const box of boxes) box.addEventListener("change", () => {
    byId("status").textContent = "";
    toggle(box.value, box.checked);
    draw();
  });
  document.querySelectorAll("input[type=radio]").forEach((radio) => radio.addEventListener("change", draw));
  document.querySelectorAll("#explorer form").forEach((form) => form.addEventListener("submit", (event) => event.preventDefault()));
  byId("clear").addEventListener("click", () => {
    [...shown.keys()].forEach((name) => toggle(name, false));
    draw();
  });
  byId("find").addEventListener("input", ({ target }) => {
    const wanted = target.value.trim().toLowerCase();
    for (const set of document.querySelectorAll(".families fieldset")) {
      const whole = set.querySelector("legend").textContent.includes(wanted);
      for (const chip of set.querySelectorAll(".chip")) chip.hidden = !(whole || chip.textContent.includes(wanted));
      set.hidden = !set.querySelector(".chip:not([hidden])");
    }
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);

  data.first.forEach((name) => toggle(name, true));
  draw();
  byId("explorer").dataset.ready = "yes";
})();
