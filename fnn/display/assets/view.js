"use strict";
const byId = id => document.getElementById(id);
const PAST = 1000; // steps of G1 that can be taken back

const L = DATA.activations.length;
const f = [null, ...DATA.activations.map(a => activation({ ...a, f: FUNCTIONS[a.name] }))];
const loss = (z, a, y) => LOSSES[DATA.loss.name](z, a, y, DATA.loss.p, DATA.loss.output);
const STEPS = [];
for (let l = 1; l <= L; l++) STEPS.push({ tag: "F1", l }, { tag: "F2", l });
STEPS.push({ tag: "E1", l: L }, { tag: "E2", l: L });
for (let l = L; l; l--) for (const tag of ["B1", "B2", "B3", "B4"]) STEPS.push({ tag, l });
STEPS.push({ tag: "G1", l: L });

// What a reader can change. `at` is the step that is shown; `past` has the networks before each step of G1.
const page = {
  data: DATA, share: DATA.share, c: 0, columns: 0, chosen: { kind: "x", l: 0, s: 0 }, isTraining: false,
  target: c => (DATA.loss.name === "cross_entropy" ? smoothed(page.y[c], DATA.loss.p, DATA.loss.output) : page.y[c]),
  weight: (s, d) => (page.columns ? `w${lowered(d)}${lowered(s)}` : `w${lowered(s)}${lowered(d)}`),
};
let t; // every quantity

function reset() {
  Object.assign(page, structuredClone({ net: DATA.net, x: DATA.x, y: DATA.y, eta: DATA.eta }), { at: 0, past: [], errors: [] });
  train(false);
  changed();
  follow();
}

function changed() {
  t = backprop(page.net, f, loss, page.x, page.y, page.share);
  if (!page.errors.length) page.errors.push(t.E);
  page.errors[page.errors.length - 1] = t.E;
  show();
}

// Every quantity, for programs that read the page.
function numbers() {
  const { net: { W, b }, x, y, eta } = page;
  return { W, b, x, y, eta, step: STEPS[page.at], ...t };
}

function next() {
  if (page.at < STEPS.length - 1) {
    page.at++;
    show();
  } else {
    page.past.push(page.net);
    if (page.past.length > PAST) page.past.shift();
    page.net = learn(page.net, t, page.eta);
    page.at = 0;
    page.errors.push(0);
    changed();
  }
  follow();
}

function back() {
  if (page.at) {
    page.at--;
    show();
  } else if (page.past.length) {
    page.net = page.past.pop();
    page.at = STEPS.length - 1;
    page.errors.pop();
    changed();
  }
  follow();
}

// Bring what the step that is shown works on into the middle of a panel that is narrower than the network.
function follow() {
  if (page.isTraining) return;
  const { tag, l } = STEPS[page.at], panel = svg.parentElement;
  const [from, to] = [tag[0] === "E" ? l : l - 1, l].map(layer => parts.units[layer][0].circle.getBoundingClientRect().x);
  panel.scrollLeft += (from + to) / 2 + 20 - panel.getBoundingClientRect().x - panel.clientWidth / 2;
}

function train(on) {
  page.isTraining = on;
  byId("train").setAttribute("aria-pressed", on);
  byId("train").textContent = on ? "stop" : "train";
}

// The drawing: made once, then only its attributes change.
const SVG = "http://www.w3.org/2000/svg", svg = byId("network"), parts = { wires: [], units: [], targets: [] };

function make(name, attributes, text = "") {
  const element = document.createElementNS(SVG, name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  element.textContent = text;
  return svg.appendChild(element);
}

function control(element, place) {
  element.classList.add("drag");
  const attributes = { tabindex: 0, role: "slider", "aria-valuemin": -1e9, "aria-valuemax": 1e9 };
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  element.place = place;
  return element;
}

function build() {
  const most = Math.max(...DATA.sizes), down = 68, height = most * down + 60;
  const across = Math.max(190, height / (L + 1)), width = L * across + 190;
  const x = l => 40 + l * across, y = (l, i) => 20 + (most - DATA.sizes[l]) * down / 2 + (i + 0.5) * down;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.style.minWidth = `${0.8 * width}px`; // or the numbers would be too small to read
  svg.style.maxWidth = `${1.4 * width}px`;
  DATA.sizes.forEach((units, l) => { // in the order in which Tab goes on: inputs, connections, units, ..
    if (l) DATA.net.W[l].forEach((row, s) => row.forEach((_, d) => {
      const ends = { x1: x(l - 1) + 24, y1: y(l - 1, s), x2: x(l) - 24, y2: y(l, d) };
      const wire = make("line", { ...ends, class: "wire" });
      parts.wires.push({ wire, hit: control(make("line", { ...ends, class: "hit" }), { kind: "W", l, s, d }) });
    }));
    const name = l ? DATA.activations[l - 1].name : "inputs";
    make("text", { x: x(l), y: height - 18 }, name);
    parts.units[l] = Array.from({ length: units }, (_, i) => {
      const circle = make("circle", { cx: x(l), cy: y(l, i), r: 24, class: "unit" });
      control(circle, l ? { kind: "b", l, s: i } : { kind: "x", l, s: i });
      const a = make("text", { x: x(l), y: y(l, i) + 4 });
      return { circle, a, delta: make("text", { x: x(l), y: y(l, i) + 36, class: "small" }) };
    });
  });
  parts.layers = Array.from({ length: L + 1 }, (_, l) => make("text", { x: x(l), y: height - 4, class: "small" }));
  make("text", { x: x(L) + 100, y: height - 18 }, "targets");
  for (let d = 0; d < DATA.sizes[L]; d++) {
    const at = { x: x(L) + 70, y: y(L, d) - 16, width: 60, height: 32, rx: 6, class: "unit" };
    const box = control(make("rect", at), { kind: "y", l: L, s: d });
    parts.targets.push({ box, text: make("text", { x: x(L) + 100, y: y(L, d) + 4 }) });
  }
}

function short(v) {
  const text = number(+v.toPrecision(3));
  if (text.includes("e")) return v.toExponential(0).replace("e+", "e").replace(/-/g, "−");
  return text.length > 5 ? number(+v.toPrecision(2)) : text;
}

// Whether the step that is shown works out a quantity of a layer.
function isNow(tags, l) {
  const step = STEPS[page.at];
  return tags.includes(step.tag) && (step.tag === "G1" || step.l === l);
}

function drawNetwork() {
  const c = page.c, done = (tag, l) => STEPS.findIndex(step => step.tag === tag && step.l === l) <= page.at;
  const largest = page.net.W.map(W => W && Math.max(...W.flat().map(Math.abs).filter(Number.isFinite)));
  for (const { wire, hit } of parts.wires) {
    const { l, s, d } = hit.place, w = page.net.W[l][s][d];
    const now = isNow(["F1", "B2", "B4", "G1"], l) ? " now" : "";
    wire.setAttribute("class", `wire ${w < 0 ? "minus" : "plus"}${now}`);
    wire.setAttribute("stroke-width", w && Number.isFinite(w) ? 0.6 + 4 * Math.abs(w) / largest[l] : 0);
    label(hit, w);
  }
  parts.units.forEach((units, l) => units.forEach(({ circle, a, delta }, i) => {
    const now = isNow(["F1", "F2", "B1", "B3", "G1"], l) && l || isNow(["E2"], l) || isNow(["B4"], l + 1);
    circle.classList.toggle("now", Boolean(now));
    const hasZ = !l || done("F1", l), hasA = !l || done("F2", l);
    a.textContent = hasA ? short(t.a[l][c][i]) : hasZ ? `z ${short(t.z[l][c][i])}` : "·";
    a.style.fontSize = a.textContent.length > 7 ? "9px" : ""; // to fit the circle
    delta.textContent = l && done("B1", l) ? `δ ${short(t.delta[l][c][i])}` : "";
    label(circle, valueAt(circle.place));
  }));
  parts.targets.forEach(({ box, text }, d) => {
    text.textContent = short(page.y[c][d]);
    box.classList.toggle("now", isNow(["E1", "E2"], L));
    label(box, page.y[c][d]);
  });
  parts.layers.forEach((text, l) => (text.textContent = `layer ${l + page.columns}`));
}

function label(element, value) {
  element.setAttribute("aria-valuenow", value);
  element.setAttribute("aria-label", nameOf(element.place));
}

function nameOf({ kind, l, s, d }) {
  const up = raised(l + page.columns);
  return { x: `x${lowered(s)}`, y: `y${lowered(s)}`, b: `b${lowered(s)}${up}`, W: page.weight(s, d) + up }[kind];
}

function drawChart() {
  const last = page.errors.length - 1, step = Math.max(1, Math.ceil(last / 400));
  const points = page.errors.filter((E, i) => (i % step === 0 || i === last) && Number.isFinite(E));
  const top = Math.max(...points, 1e-300);
  const line = points.map((E, i) => `${100 * i / Math.max(points.length - 1, 1)},${29 - 28 * E / top}`);
  byId("chart").innerHTML = `<polyline points="${line.join(" ")}"/>`;
  const advice = Number.isFinite(t.E) ? "" : ": numbers became too large; go back or reset, and take a smaller η";
  byId("error").innerHTML = `E = <b>${number(t.E)}</b> after ${last} steps of G1${advice}`;
}

function draw() {
  const step = STEPS[page.at], way = step.tag[0] === "F" ? "forward →" : step.tag[0] === "B" ? "← back" : "";
  const layer = "EG".includes(step.tag[0]) ? "" : `, layer ${step.l + page.columns}`;
  byId("step").textContent = `${step.tag} ${NAMES[step.tag]}${layer}${way && ` · ${way}`}`;
  byId("story").innerHTML = storyOf(step, page, t);
  byId("numbers").innerHTML = numbersOf(page, t);
  byId("columns").setAttribute("aria-pressed", Boolean(page.columns));
  byId("back").disabled = !page.at && !page.past.length;
  byId("eta").value = Math.log10(page.eta);
  byId("eta-value").textContent = number(page.eta);
  byId("what").textContent = nameOf(page.chosen);
  if (document.activeElement !== byId("value")) byId("value").value = +valueAt(page.chosen).toPrecision(6);
  drawNetwork();
  drawChart();
}

let isAsked = false;

// Draw at the next frame, once for all that changes until then.
function show() {
  if (!isAsked) {
    isAsked = true;
    requestAnimationFrame(() => {
      isAsked = false;
      draw();
      if (page.isTraining) trainOn();
    });
  }
}

// A pass, and the next one at the next frame.
function trainOn() {
  page.at = STEPS.length - 1;
  next();
  if (!Number.isFinite(t.E)) train(false);
}
