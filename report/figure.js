// The figures of the page and of the report: draws experiment.Figure, plain
// data, as SVG that can be looked into with a pointer or the arrow keys, and
// saves it as SVG and CSV. It computes where ink goes and nothing else.

const SVG = "http://www.w3.org/2000/svg";
export const palette = 9; // colours
const margin = { left: 56, right: 12, top: 22, bottom: 40 };
const narrowest = { lines: 290, plane: 290, heatmap: 150 };

// mount shows a figure in an element and keeps what the reader has hidden,
// unless the keys of what is hidden are given. The element hears "hide" with
// all keys when that changes.
export function mount(element, figure, hidden) {
  let state = element.icar;
  if (!state) {
    state = element.icar = { hidden: new Set(), at: new Map(), views: [] };
    element.classList.add("figure");
    element.replaceChildren(
      make("p", "title"),
      make("div", "panels"),
      make("p", "caption"),
      make("p", "save"),
    );
    const [, , , save] = element.children;
    save.append(
      button("Save SVG", () => saveSVG(element)),
      button("Save CSV", () => saveCSV(state.figure)),
    );
    new ResizeObserver(() => state.width !== room(element) && draw(element)).observe(element);
    for (const media of ["(prefers-color-scheme: dark)", "print"])
      matchMedia(media).addEventListener("change", () => draw(element));
  }
  state.figure = figure;
  if (hidden) state.hidden = new Set(hidden);
  for (const b of element.querySelectorAll(".save button")) {
    b.setAttribute("aria-label", `${b.textContent} of ${spoken(figure.title)}`);
  }
  draw(element);
}

function room(element) {
  return Math.floor(element.children[1].clientWidth);
}

function draw(element) {
  const state = element.icar,
    { figure } = state;
  const [title, panels, caption] = element.children;
  title.dataset.words = figure.title;
  title.replaceChildren(...marked(figure.title));
  caption.replaceChildren(...marked(figure.caption));
  const width = (state.width = room(element));
  if (width < 1) return;
  const least = Math.max(...figure.panels.map((p) => narrowest[p.kind]));
  const columns = Math.max(
    1,
    Math.min(figure.columns, figure.panels.length, Math.floor(width / least)),
  );
  const each = Math.floor((width - 12 * (columns - 1)) / columns);
  const focused = [...panels.querySelectorAll("svg, button")].indexOf(document.activeElement);
  panels.style.gridTemplateColumns = `repeat(${columns}, ${each}px)`;
  panels.style.setProperty("--columns", columns); // on paper they share its width
  panels.replaceChildren(...figure.panels.map((p, i) => drawPanel(element, p, i, each)));
  if (focused >= 0) panels.querySelectorAll("svg, button")[focused]?.focus({ preventScroll: true });
  element.dispatchEvent(new CustomEvent("drawn"));
}

// placeOn returns where a point of a panel that is drawn is on the page, and the
// other way round.
export function placeOn(element, index = 0) {
  const svg = element.querySelectorAll(".panel > svg")[index],
    view = element.icar.views[index];
  const at = (x, y) => {
    const box = svg.getBoundingClientRect(),
      k = box.width / svg.viewBox.baseVal.width;
    return [box.left + k * view.sx(x), box.top + k * view.sy(y)];
  };
  return { at, from: (e) => view.unscale(...position(svg, e)) };
}

function drawPanel(element, panel, index, width) {
  const box = make("div", "panel");
  const heat = panel.kind === "heatmap";
  const side = Math.min(width, heat ? 340 : 520);
  const height = heat
    ? side * Math.min(1.4, Math.max(0.35, panel.matrix.rows / panel.matrix.columns)) + margin.top
    : panel.kind === "plane"
      ? Math.min(side, element.tallest?.() ?? 440)
      : Math.min(300, Math.max(230, width * 0.5));
  const frame = { width: heat ? side : width, height: Math.round(height) };
  const svg = shape("svg", {
    viewBox: `0 0 ${frame.width} ${frame.height}`,
    width: frame.width,
    height: frame.height,
    role: "img",
    tabindex: 0,
  });
  const name = [element.icar.figure.title, panel.title].filter(Boolean).join(", ");
  svg.setAttribute("aria-label", `${spoken(name)}. Arrow keys read values.`);
  const readout = make("p", "readout");
  readout.setAttribute("aria-live", "polite");
  readout.textContent = "\u00a0";
  const view = heat ? drawHeatmap(svg, panel, frame) : drawLines(svg, panel, frame, element, index);
  text(svg, panel.title, frame.width / 2, 13, { "text-anchor": "middle", class: "heading" });
  inspect(element, index, svg, readout, view);
  element.icar.views[index] = view;
  box.append(svg);
  if (!heat) box.append(legend(element, panel, index));
  box.append(readout);
  return box;
}

// --- lines ---

// keyOf names a curve by its panel and its label: whatever stands before it.
const keyOf = (index, series) => `${index}/${series.label}`;

// drawLines draws points above the lines that run through them, and of each in
// the order of the series: what comes last is on top.
function drawLines(svg, panel, frame, element, index) {
  const above = (s) => Number(s.style === "points");
  const shown = panel.series
    .map((s, i) => ({ ...s, i }))
    .filter((s) => !element.icar.hidden.has(keyOf(index, s)))
    .sort((a, b) => above(a) - above(b));
  const fits = (x, y) =>
    x !== null && y !== null && (x > 0 || !panel.x.log) && (y > 0 || !panel.y.log);
  const points = shown.flatMap((s) =>
    [s.y, s.low ?? [], s.high ?? []].flatMap((ends) =>
      ends.map((y, k) => [s.x[k], y]).filter(([x, y]) => fits(x, y)),
    ),
  );
  const area = {
    left: margin.left,
    right: frame.width - margin.right,
    top: margin.top,
    bottom: frame.height - margin.bottom,
  };
  let [xr, yr] = [0, 1].map((c) =>
    extent(
      points.map((p) => p[c]),
      [panel.x, panel.y][c].log,
    ),
  );
  if (panel.kind === "plane") [xr, yr] = equal(xr, yr, area);
  const sx = scale(xr, area.left, area.right, panel.x.log),
    sy = scale(yr, area.bottom, area.top, panel.y.log);
  axes(svg, panel, area, xr, yr, sx, sy);
  const colour = colouring(panel);
  for (const s of shown) {
    const place = (y) => s.x.map((x, k) => (fits(x, y[k] ?? null) ? [sx(x), sy(y[k])] : null));
    const xy = place(s.y);
    if (s.low && s.high) svg.append(...interval(s, place(s.low), place(s.high), colour[s.i]));
    if (s.style === "points") {
      for (const p of xy) if (p) svg.append(marker(colour[s.i], p[0], p[1]));
    } else {
      const d = xy
        .map((p, k) =>
          p ? `${k > 0 && xy[k - 1] ? "L" : "M"}${p[0].toFixed(1)} ${p[1].toFixed(1)}` : "",
        )
        .join("");
      svg.append(shape("path", { d, class: `line ${colour[s.i].name} ${s.style ?? ""}` }));
    }
  }
  const cursor = shape("g", { class: "cursor" });
  svg.append(cursor);
  return {
    panel,
    shown,
    sx,
    sy,
    area,
    cursor,
    fits,
    unscale: (px, py) => [sx.back(px), sy.back(py)],
  };
}

// interval draws the ends between which the values of a series may be: bars at
// points, a band along a line.
function interval(s, low, high, colour) {
  const at = (p) => `${p[0].toFixed(1)} ${p[1].toFixed(1)}`;
  const parts = [[]]; // between points that cannot be drawn
  low.forEach((p, k) => (p && high[k] ? parts.at(-1).push([p, high[k]]) : parts.push([])));
  if (s.style === "points")
    return parts
      .flat()
      .map(([p, q]) =>
        shape("path", {
          d: `M${at(p)}L${at(q)}M${at([p[0] - 4, p[1]])}h8M${at([q[0] - 4, q[1]])}h8`,
          class: `bar line ${colour.name}`,
        }),
      );
  return parts
    .filter((part) => part.length > 0)
    .map((part) =>
      shape("path", {
        d: `M${[...part.map(([, q]) => at(q)), ...part.map(([p]) => at(p)).reverse()].join("L")}Z`,
        class: `band mark ${colour.name}`,
      }),
    );
}

// colouring gives every named series the colour that it asks for, or one by its
// place, a marker to go with it, and grey to the reference lines.
function colouring(panel) {
  let place = 0;
  return panel.series.map((s) => {
    if (s.label === "" && s.style === "dashed") return { name: "grey", n: 0 };
    const n = s.colour ?? place;
    place++;
    return { name: `s${n % palette}`, n };
  });
}

function marker(colour, x, y) {
  const r = 4.5,
    p = (d) => shape("path", { d, class: `mark ${colour.name}` });
  const at = (dx, dy) => `${(x + dx).toFixed(1)} ${(y + dy).toFixed(1)}`;
  switch (colour.n % 5) {
    case 1:
      return shape("circle", {
        cx: x.toFixed(1),
        cy: y.toFixed(1),
        r: 3.5,
        class: `mark ${colour.name}`,
      });
    case 2:
      return p(`M${at(-r, -r)}L${at(r, -r)}L${at(r, r)}L${at(-r, r)}Z`);
    case 3:
      return p(`M${at(0, -r - 1)}L${at(r, r)}L${at(-r, r)}Z`);
    case 4:
      return p(`M${at(0, -r - 1)}L${at(r + 1, 0)}L${at(0, r + 1)}L${at(-r - 1, 0)}Z`);
  }
  return shape("circle", {
    cx: x.toFixed(1),
    cy: y.toFixed(1),
    r: 4.5,
    class: `mark ${colour.name}`,
  });
}

function extent(all, log) {
  let low = Math.min(...all),
    high = Math.max(...all);
  if (!(low <= high)) return log ? [0.1, 1] : [0, 1];
  if (log) return low === high ? [low / 2, high * 2] : [low, high];
  const pad = low === high ? Math.abs(low) || 1 : (high - low) * 0.04;
  return [low >= 0 && low < pad * 6 ? Math.min(0, low) : low - pad, high + pad];
}

// equal widens one range so that both axes have the same scale.
function equal(xr, yr, area) {
  const per = Math.max(
    (xr[1] - xr[0]) / (area.right - area.left),
    (yr[1] - yr[0]) / (area.bottom - area.top),
  );
  const widen = (r, pixels) => {
    const mid = (r[0] + r[1]) / 2,
      half = (per * pixels) / 2;
    return [mid - half, mid + half];
  };
  return [widen(xr, area.right - area.left), widen(yr, area.bottom - area.top)];
}

function scale([low, high], from, to, log) {
  const f = log ? Math.log10 : (v) => v,
    g = log ? (v) => 10 ** v : (v) => v;
  const unit = (to - from) / (f(high) - f(low));
  const s = (v) => from + (f(v) - f(low)) * unit;
  s.back = (p) => g(f(low) + (p - from) / unit);
  return s;
}

// ticks are round values within a range; whole numbers only where all of the
// axis are.
function ticks([low, high], log, whole = false) {
  if (log) {
    const from = Math.ceil(Math.log10(low) - 1e-9),
      to = Math.floor(Math.log10(high) + 1e-9),
      all = [];
    const every = Math.max(1, Math.ceil((to - from) / 6));
    for (let e = from; e <= to; e += every) all.push(10 ** e);
    if (all.length > 2) return all;
    const fine = [];
    for (let e = from - 1; e <= to + 1; e++)
      for (const m of [1, 2, 5]) {
        const v = Number(`${m}e${e}`);
        if (v >= low * (1 - 1e-9) && v <= high * (1 + 1e-9)) fine.push(v);
      }
    if (fine.length > 1) return fine; // else a narrow range, ticked as a linear one
  }
  const raw = (high - low) / 5,
    power = 10 ** Math.floor(Math.log10(raw));
  const nice = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999);
  const step = whole ? Math.max(1, nice) : nice,
    all = []; // half a head is none
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high * (1 + 1e-12) + 1e-12; k++)
    all.push(k * step);
  return all;
}

function axes(svg, panel, area, xr, yr, sx, sy) {
  const whole = (of) =>
    panel.series.every((s) => s[of].every((v) => v === null || Number.isInteger(v)));
  for (const v of ticks(xr, panel.x.log, whole("x"))) {
    svg.append(
      shape("path", { d: `M${sx(v).toFixed(1)} ${area.top}V${area.bottom}`, class: "grid" }),
    );
    text(svg, label(v), sx(v), area.bottom + 14, { "text-anchor": "middle" });
  }
  for (const v of ticks(yr, panel.y.log, whole("y"))) {
    svg.append(
      shape("path", { d: `M${area.left} ${sy(v).toFixed(1)}H${area.right}`, class: "grid" }),
    );
    text(svg, label(v), area.left - 6, sy(v) + 4, { "text-anchor": "end" });
  }
  svg.append(
    shape("path", { d: `M${area.left} ${area.top}V${area.bottom}H${area.right}`, class: "axis" }),
  );
  text(svg, panel.x.label, (area.left + area.right) / 2, area.bottom + 32, {
    "text-anchor": "middle",
  });
  text(svg, panel.y.label, 12, (area.top + area.bottom) / 2, {
    "text-anchor": "middle",
    transform: `rotate(-90 12 ${(area.top + area.bottom) / 2})`,
  });
}

function label(v) {
  if (v === null) return "not finite";
  if (v === 0) return "0";
  const size = Math.abs(v);
  return size >= 1e5 || size < 1e-3
    ? Number(v.toPrecision(2)).toExponential().replace("e+", "e")
    : String(Number(v.toPrecision(4)));
}

function legend(element, panel, index) {
  const list = make("p", "legend"),
    colour = colouring(panel);
  panel.series.forEach((s, i) => {
    if (s.label === "" || s.x.length === 0) return;
    const key = keyOf(index, s),
      b = make("button");
    b.type = "button";
    b.setAttribute("aria-pressed", String(!element.icar.hidden.has(key)));
    const swatch = shape("svg", {
      viewBox: "0 0 22 12",
      width: 22,
      height: 12,
      "aria-hidden": "true",
    });
    swatch.append(
      s.style === "points"
        ? marker(colour[i], 11, 6)
        : shape("path", {
            d: "M1 6H21",
            class: `line ${colour[i].name}${s.style === "dashed" ? " dashed" : ""}`,
          }),
    );
    b.dataset.words = s.label;
    const name = make("span"); // one item of the row, with its subscripts
    name.append(...marked(s.label));
    b.append(swatch, name);
    b.addEventListener("click", () => {
      if (!element.icar.hidden.delete(key)) element.icar.hidden.add(key);
      draw(element);
      element.dispatchEvent(new CustomEvent("hide", { detail: [...element.icar.hidden] }));
    });
    if (s.style === "faint") swatch.lastChild.classList.add("faint");
    list.append(b);
  });
  return list;
}

// --- heatmaps ---

function drawHeatmap(svg, panel, frame) {
  const { rows, columns, values } = panel.matrix;
  const bar = 44,
    area = {
      left: panel.y.label ? 40 : 22,
      top: margin.top,
      right: frame.width - bar,
      bottom: frame.height - (panel.x.label ? 36 : 20),
    };
  const w = (area.right - area.left) / columns,
    h = (area.bottom - area.top) / rows;
  const limit = Math.max(1e-30, ...values.map((v) => Math.abs(v ?? 0)));
  const paint = painter(limit);
  if (rows * columns <= 400) {
    values.forEach(
      (v, i) =>
        v !== null &&
        svg.append(
          shape("rect", {
            x: (area.left + (i % columns) * w).toFixed(2),
            y: (area.top + Math.floor(i / columns) * h).toFixed(2),
            width: (w + 0.3).toFixed(2),
            height: (h + 0.3).toFixed(2),
            fill: paint(v),
          }),
        ),
    );
  } else {
    svg.append(
      shape("image", {
        x: area.left,
        y: area.top,
        width: area.right - area.left,
        height: area.bottom - area.top,
        preserveAspectRatio: "none",
        "image-rendering": "pixelated",
        href: bitmap(panel.matrix, paint),
      }),
    );
  }
  svg.append(
    shape("rect", {
      x: area.left,
      y: area.top,
      width: area.right - area.left,
      height: area.bottom - area.top,
      class: "outline",
    }),
  );
  const every = (n, pixels) => Math.max(1, Math.ceil(n / Math.max(1, Math.floor(pixels / 24))));
  for (let j = 0; j < columns; j += every(columns, area.right - area.left))
    text(svg, j + 1, area.left + (j + 0.5) * w, area.bottom + 13, { "text-anchor": "middle" });
  for (let i = 0; i < rows; i += every(rows, area.bottom - area.top))
    text(svg, i + 1, area.left - 4, area.top + (i + 0.5) * h + 4, { "text-anchor": "end" });
  text(svg, panel.x.label, (area.left + area.right) / 2, area.bottom + 28, {
    "text-anchor": "middle",
  });
  text(svg, panel.y.label, 12, (area.top + area.bottom) / 2, {
    "text-anchor": "middle",
    transform: `rotate(-90 12 ${(area.top + area.bottom) / 2})`,
  });
  colourBar(svg, area, limit, paint);
  const cursor = shape("g", { class: "cursor" });
  svg.append(cursor);
  return { panel, heat: true, area, w, h, cursor };
}

function colourBar(svg, area, limit, paint) {
  const x = area.right + 6,
    steps = 24,
    h = (area.bottom - area.top) / steps;
  for (let i = 0; i < steps; i++)
    svg.append(
      shape("rect", {
        x,
        y: (area.top + i * h).toFixed(2),
        width: 7,
        height: (h + 0.3).toFixed(2),
        fill: paint(limit * (1 - (2 * (i + 0.5)) / steps)),
      }),
    );
  [limit, 0, -limit].forEach((v, i) =>
    text(
      svg,
      v === 0 ? "0" : Number(v.toPrecision(2)),
      x + 9,
      area.top + (i * (area.bottom - area.top)) / 2 + [8, 4, 0][i],
      { class: "small" },
    ),
  );
}

// painter maps [-limit, limit] to blue, paper, vermilion.
function painter(limit) {
  const style = getComputedStyle(document.documentElement);
  const [low, zero, high] = ["--low", "--zero", "--high"].map((n) =>
    style
      .getPropertyValue(n)
      .trim()
      .slice(1)
      .match(/../g)
      .map((x) => parseInt(x, 16)),
  );
  return (v) => {
    const z = Math.max(-1, Math.min(1, v / limit)),
      end = z < 0 ? low : high,
      a = Math.abs(z) ** 0.8;
    return `rgb(${zero.map((c, i) => Math.round(c + (end[i] - c) * a)).join(",")})`;
  };
}

function bitmap({ rows, columns, values }, paint) {
  const canvas = document.createElement("canvas"),
    cell = Math.max(1, Math.floor(400 / columns));
  canvas.width = columns * cell;
  canvas.height = rows * cell;
  const pen = canvas.getContext("2d");
  values.forEach((v, i) => {
    if (v === null) return;
    pen.fillStyle = paint(v);
    pen.fillRect((i % columns) * cell, Math.floor(i / columns) * cell, cell, cell);
  });
  return canvas.toDataURL();
}

// --- looking into a panel ---

function inspect(element, index, svg, readout, view) {
  const { at } = element.icar;
  const show = (place) => {
    at.set(index, place);
    view.cursor.replaceChildren();
    typeset(readout, (view.heat ? readCell(view, place) : readLine(view, place)) || "\u00a0");
  };
  svg.addEventListener("pointermove", (e) => show(locate(view, ...position(svg, e))));
  svg.addEventListener("keydown", (e) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[
      e.key
    ];
    if (!step) return;
    e.preventDefault();
    const [i, j] = at.get(index) ?? [-1, view.heat ? 0 : -1];
    show([i + step[0], view.heat ? j + step[1] : 0]);
  });
  if (view.panel.kind === "plane")
    svg.addEventListener("click", (e) => {
      const [x, y] = view.unscale(...position(svg, e));
      element.dispatchEvent(new CustomEvent("pick", { detail: { x, y } }));
    });
  if (at.has(index)) show(at.get(index));
}

function position(svg, e) {
  const box = svg.getBoundingClientRect();
  return [
    ((e.clientX - box.left) / box.width) * svg.viewBox.baseVal.width,
    ((e.clientY - box.top) / box.height) * svg.viewBox.baseVal.height,
  ];
}

function abscissae(view) {
  return [
    ...new Set(
      view.shown
        .filter((s) => s.label !== "")
        .flatMap((s) => s.x.filter((x, k) => view.fits(x, s.y[k]))),
    ),
  ].sort((a, b) => a - b);
}

function locate(view, px, py) {
  if (view.heat)
    return [Math.floor((px - view.area.left) / view.w), Math.floor((py - view.area.top) / view.h)];
  let best = 0;
  abscissae(view).forEach(
    (x, i, all) => Math.abs(view.sx(x) - px) < Math.abs(view.sx(all[best]) - px) && (best = i),
  );
  return [best, 0];
}

function readCell({ panel, area, w, h, cursor }, place) {
  const { rows, columns, values } = panel.matrix;
  const j = Math.max(0, Math.min(columns - 1, place[0])),
    i = Math.max(0, Math.min(rows - 1, place[1]));
  place[0] = j;
  place[1] = i;
  cursor.append(shape("rect", { x: area.left + j * w, y: area.top + i * h, width: w, height: h }));
  return `row ${i + 1}, column ${j + 1}: ${label(values[i * columns + j])}`;
}

function readLine(view, place) {
  const all = abscissae(view),
    i = Math.max(0, Math.min(all.length - 1, place[0]));
  if (all.length === 0) return "";
  place[0] = i;
  const x = all[i];
  view.cursor.append(
    shape("path", { d: `M${view.sx(x).toFixed(1)} ${view.area.top}V${view.area.bottom}` }),
  );
  const parts = view.shown.flatMap((s) => {
    const k = s.x.indexOf(x);
    if (k < 0 || s.label === "" || s.y[k] === null) return [];
    return [
      `${s.label} ${label(s.y[k])}${s.low ? ` (${label(s.low[k])} to ${label(s.high[k])})` : ""}`,
    ];
  });
  return `${view.panel.x.label} ${label(x)}: ${parts.join(", ")}`;
}

// --- saving ---

const inlined = [
  "fill",
  "fill-opacity",
  "stroke",
  "stroke-width",
  "stroke-opacity",
  "stroke-dasharray",
  "font-size",
  "font-family",
  "font-weight",
];

function saveSVG(element) {
  save(
    new XMLSerializer().serializeToString(still(element)),
    "image/svg+xml",
    `${fileName(element.icar.figure)}.svg`,
  );
}

// still is the figure as it stands on the page, its title and the legends of
// what is shown included.
export function still(element) {
  const all = shape("svg", { xmlns: SVG }),
    [title, panels] = element.children;
  const top = title.getBoundingClientRect(),
    outer = panels.getBoundingClientRect();
  const [width, height] = [outer.width, outer.bottom - top.top];
  for (const [name, value] of Object.entries({ viewBox: `0 0 ${width} ${height}`, width, height }))
    all.setAttribute(name, value);
  all.append(
    shape("rect", {
      width: "100%",
      height: "100%",
      fill: getComputedStyle(document.body).backgroundColor,
    }),
  );
  const write = (node, content, x, y) => {
    const { color, fontSize, fontFamily, fontWeight } = getComputedStyle(node);
    text(all, content, x - outer.left, y - top.top, {
      fill: color,
      "font-size": fontSize,
      "font-family": fontFamily,
      "font-weight": fontWeight,
      "dominant-baseline": "central",
    });
  };
  write(title, title.dataset.words, top.left, (top.top + top.bottom) / 2);
  const pictures = [...element.querySelectorAll(".panel > svg")];
  for (const key of element.querySelectorAll(".legend button[aria-pressed=true]")) {
    const swatch = key.querySelector("svg"),
      box = swatch.getBoundingClientRect();
    pictures.push(swatch);
    write(key, key.dataset.words, box.right + 5, (box.top + box.bottom) / 2);
  }
  for (const svg of pictures) {
    const copy = svg.cloneNode(true),
      from = svg.querySelectorAll("*"),
      box = svg.getBoundingClientRect();
    copy.querySelectorAll("*").forEach((node, i) => {
      const style = getComputedStyle(from[i]);
      for (const name of inlined)
        if (!(name === "fill" && node.hasAttribute("fill")))
          node.setAttribute(name, style.getPropertyValue(name));
      node.removeAttribute("class");
    });
    copy.setAttribute("x", box.left - outer.left);
    copy.setAttribute("y", box.top - top.top);
    all.append(copy);
  }
  return all;
}

// csv is the figure's data, one number a line.
export function csv(figure) {
  const quote = (v) => (/[",\n]/.test(v) ? `"${String(v).replaceAll('"', '""')}"` : v);
  const lines = ["panel,series,x,y,low,high"];
  figure.panels.forEach((p, i) => {
    const name = p.title || `panel ${i + 1}`;
    if (p.kind === "heatmap")
      p.matrix.values.forEach((v, k) =>
        lines.push(
          [
            name,
            `row ${Math.floor(k / p.matrix.columns) + 1}`,
            (k % p.matrix.columns) + 1,
            v ?? "",
            "",
            "",
          ]
            .map(quote)
            .join(","),
        ),
      );
    else
      for (const s of p.series)
        s.x.forEach((x, k) =>
          lines.push(
            [name, s.label, x ?? "", s.y[k] ?? "", s.low?.[k] ?? "", s.high?.[k] ?? ""]
              .map(quote)
              .join(","),
          ),
        );
  });
  return lines.join("\n") + "\n";
}

function saveCSV(figure) {
  save(csv(figure), "text/csv", `${fileName(figure)}.csv`);
}

function fileName(figure) {
  return (
    figure.name ||
    figure.title
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-|-$/g, "") ||
    "figure"
  );
}

function save(content, type, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// --- elements ---

function make(tag, className) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  return e;
}

function button(name, act) {
  const b = make("button");
  b.type = "button";
  b.textContent = name;
  b.addEventListener("click", act);
  return b;
}

function shape(tag, attributes) {
  const e = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
  return e;
}

function text(svg, content, x, y, attributes) {
  const e = shape("text", { x, y, ...attributes });
  let at = 0; // where the last piece stood: its height in em of the line
  for (const [words, level] of pieces(String(content))) {
    const to = level * (level < 0 ? 0.22 : 0.35);
    if (level === 0 && at === 0) e.append(words);
    else {
      const size = level ? 0.75 : 1,
        t = shape("tspan", { dy: `${((at - to) / size).toFixed(3)}em` });
      if (level) t.setAttribute("font-size", `${size}em`);
      t.textContent = words;
      e.append(t);
    }
    at = to;
  }
  svg.append(e);
}

// --- words ---

// A symbol with a subscript or a power is one letter, then "_" or "^" and digits, one letter
// or anything in braces; longer names with "_" are names, and ᵀ and ² no letters of one.
const letter = "[\\p{Lu}\\p{Ll}\\p{Lo}]",
  named = "[\\p{Lu}\\p{Ll}\\p{Lo}\\p{Nd}_]";
const moved = `\\{([^{}]+)\\}|(\\p{Nd}+|${letter})`;
const scripted = new RegExp(`(?<!${named})(${letter}\\p{M}*)([_^])(?:${moved})(?!${named})`, "gu");

// pieces cuts a text where subscripts and powers begin and end: what stands in each, and its
// level, -1, 0 or 1.
function pieces(content) {
  const all = [];
  let end = 0;
  for (const m of content.matchAll(scripted)) {
    all.push([content.slice(end, m.index) + m[1], 0], [m[3] ?? m[4], m[2] === "_" ? -1 : 1]);
    end = m.index + m[0].length;
  }
  if (end < content.length) all.push([content.slice(end), 0]);
  return all;
}

// marked is a text as nodes of a page.
function marked(content) {
  return pieces(content ?? "").map(([words, level]) => {
    if (level === 0) return words;
    const e = make(level < 0 ? "sub" : "sup");
    e.textContent = words;
    return e;
  });
}

// typeset writes a text into an element, its subscripts and powers as such.
export function typeset(node, content) {
  node.replaceChildren(...marked(content));
}

// spoken is a text for those who hear it: "s sub t-1".
function spoken(content) {
  return content.replace(
    scripted,
    (_, base, sign, braced, plain) =>
      `${base} ${sign === "_" ? "sub" : "to the power"} ${braced ?? plain}`,
  );
}

// In a report the figures lie in the page as JSON, beside their still picture.
for (const data of document.querySelectorAll("script[data-figure]"))
  mount(data.parentElement, JSON.parse(data.textContent));
