"use strict";
// What a reader changes, by pointer and by keyboard.
function valueAt({ kind, l, s, d }) {
  if (kind === "W") return page.net.W[l][s][d];
  return kind === "b" ? page.net.b[l][s] : page[kind][page.c][s];
}

function setAt({ kind, l, s, d }, value) {
  if (!Number.isFinite(value)) return;
  if (kind === "y") setTarget(s, value);
  else if (kind === "x") page.x[page.c][s] = value;
  else {
    page.net = structuredClone(page.net); // the networks of the past stay as they were
    if (kind === "W") page.net.W[l][s][d] = value;
    else page.net.b[l][s] = value;
  }
  changed();
}

// A target within what the loss takes; probabilities go on summing to 1.
function setTarget(d, value) {
  const y = page.y[page.c], { rule, low, high } = DATA.targets;
  if (rule === "ends") y[d] = value > (y[d] > 0 ? 0.99 : -0.99) ? high : low;
  else y[d] = within(value, low === null ? -Infinity : low, high === null ? Infinity : high);
  if (rule === "sum") {
    const rest = sum(y) - y[d];
    y.forEach((v, k) => {
      if (k !== d) y[k] = (1 - y[d]) * (rest > 0 ? v / rest : 1 / (y.length - 1));
    });
  }
}

// How far a pixel or a key moves a number, in relation to its own: for one of hundreds, hundreds of times as far.
const scaleOf = value => 10 ** Math.max(0, Math.floor(Math.log10(Math.abs(value) || 1)));

function choose(place) {
  page.chosen = place;
  show();
}

svg.addEventListener("pointerdown", event => {
  const place = event.target.place;
  if (!place || event.button) return;
  choose(place);
  event.target.focus({ preventScroll: true });
  const start = valueAt(place), from = event.clientY, dragging = new AbortController();
  const on = (type, act) => addEventListener(type, other => {
    if (other.pointerId === event.pointerId) act(other); // not a second finger
  }, { signal: dragging.signal });
  on("pointermove", moved => setAt(place, +(start + (from - moved.clientY) * 0.02 * scaleOf(start)).toFixed(4)));
  for (const end of ["pointerup", "pointercancel"]) on(end, () => dragging.abort());
});
svg.addEventListener("focusin", event => event.target.place && choose(event.target.place));

const KEYS = {
  ArrowRight: next, ArrowLeft: back, Home: reset, t: () => toggleTraining(), c: () => turn(),
};
document.addEventListener("keydown", event => {
  const place = event.target.place;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (place && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
    page.chosen = place;
    const value = valueAt(place), change = (event.key === "ArrowUp" ? 0.05 : -0.05) * (event.shiftKey ? 10 : 1);
    setAt(place, +(value + change * scaleOf(value)).toFixed(6));
  } else if (KEYS[event.key] && !["INPUT", "SELECT"].includes(event.target.tagName)) KEYS[event.key]();
  else return;
  event.preventDefault();
});

function toggleTraining() {
  train(!page.isTraining);
  show();
}

function turn() {
  page.columns = 1 - page.columns;
  show();
}

byId("next").onclick = next;
byId("back").onclick = back;
byId("reset").onclick = reset;
byId("train").onclick = toggleTraining;
byId("columns").onclick = turn;
byId("value").oninput = event => event.target.value !== "" && setAt(page.chosen, +event.target.value);
byId("eta").oninput = event => {
  page.eta = +(10 ** +event.target.value).toPrecision(3);
  show();
};
byId("case").onchange = event => {
  page.c = +event.target.value;
  show();
};
const prefersDark = matchMedia("(prefers-color-scheme: dark)").matches;
byId("theme").textContent = prefersDark ? "light" : "dark";
byId("theme").onclick = event => {
  document.documentElement.dataset.theme = event.target.textContent;
  event.target.textContent = event.target.textContent === "dark" ? "light" : "dark";
};

byId("title").textContent = DATA.title;
byId("case").innerHTML = DATA.x.map((_, c) => `<option value="${c}">${c + 1}</option>`).join("");
byId("of-cases").hidden = DATA.x.length === 1;
build();
reset();
