"use strict";
// What is told about each step: formula, the formula filled in, and the numbers.
const raised = i => String(i).replace(/\d/g, v => "⁰¹²³⁴⁵⁶⁷⁸⁹"[v]);
const lowered = i => String(i + 1).replace(/\d/g, v => "₀₁₂₃₄₅₆₇₈₉"[v]);
const number = v => {
  const size = Math.abs(v);
  const text = size && (size < 1e-4 || size >= 1e6) ? v.toExponential(3) : String(+v.toPrecision(5));
  return text.replace("Infinity", "∞").replace(/-/g, "−");
};
const factor = v => (v < 0 || String(v).includes("e") ? `(${number(v)})` : number(v));
const MOST = 40; // terms of a sum, and lines, that are told

const total = terms => (terms.length > MOST ? [...terms.slice(0, MOST), "…"] : terms).join(" + ");
const product = (p, q) => `${factor(p)}·${factor(q)}`;

const NAMES = {
  F1: "weighted input", F2: "activation", E1: "error", E2: "slope of the error at the output", B1: "δ = ∂E/∂z",
  B2: "gradient of the weights", B3: "gradient of the biases", B4: "slope of the error at the layer before",
  G1: "gradient descent",
};

// The formulas by rows and by columns; {l} is the layer, {k} the one before.
const FORMULAS = {
  F1: ["z{l} = a{k} W{l} + b{l}", "z{l} = W{l} a{k} + b{l}"],
  F2: ["a{l} = f(z{l})"],
  B2: ["∂E/∂W{l} = (a{k})ᵀ δ{l}", "∂E/∂W{l} = δ{l} (a{k})ᵀ"],
  B3: ["∂E/∂b{l} = δ{l}"],
  B4: ["∂E/∂a{k} = δ{l} (W{l})ᵀ", "∂E/∂a{k} = (W{l})ᵀ δ{l}"],
  G1: ["W(t+1) = W(t) − η ∂E/∂W, the same for b"],
};

// Where fnn has the numbers of a step.
const IN_FNN = {
  F1: "t.z[{l}]", F2: "t.a[{l}]", E1: "t.error", E2: "t.dE_da[{l}]", B1: "t.delta[{l}]", B2: 't.grads["W{l}"]',
  B3: 't.grads["b{l}"]', B4: "t.dE_da[{k}]", G1: "fnn.update(params, t.grads, eta)",
};

function formulaOf({ tag, l }, page) {
  const { columns, share, data } = page, { before, after } = data.loss;
  const weighed = text => (before || after ? `${before}(${text})${after}` : text);
  const many = page.x.length > 1;
  let text = FORMULAS[tag] && (FORMULAS[tag][columns ? 1 : 0] || FORMULAS[tag][0]);
  if (tag === "F2") text = text.replace("f(", `${data.activations[l - 1].name}(`);
  if (tag === "B3" && many) text = "∂E/∂b{l} = Σ_c δ{l}";
  if (tag === "E1") text = many ? `E = Σ_c ${before}E_c${after}, E_c = ${data.loss.E}` : `E = ${data.loss.E}`;
  if (tag === "E2") text = `∂E/∂a{l} = ${weighed(data.loss.slope)}`;
  if (tag === "B1") {
    const { kind, prime } = data.activations[l - 1];
    text = f[l].prime ? "δ{l} = ∂E/∂a{l} ⊙ f′(z{l})" : `δ_i{l} = ${ROWWISE_B1[kind][0]}`;
    if (l === L && data.loss.delta) text += ` = ${weighed(data.loss.delta)}`;
    else if (prime) text += `, f′ = ${prime.replaceAll("{a}", "a{l}").replaceAll("{z}", "z{l}")}`;
  }
  return text.replaceAll("{l}", raised(l + columns)).replaceAll("{k}", raised(l - 1 + columns));
}

// A formula of a loss with the numbers of an output unit.
function filledIn(formula, a, y) {
  return formula.replace(/y′|\by\b|\ba\b/g, letter => (letter === "a" ? factor(a) : factor(y)));
}

// E of a case with the numbers of all output units: its Σ_d written out.
function errorFilledIn(formula, a, y) {
  const [before, summand] = formula.split(/, (?:y′|r|q) = /)[0].split("Σ_d ");
  const terms = a.map((v, d) => summand.replace(/([ayr])′?_d/g, (_, letter) => factor({ a: v, y: y[d], r: v - y[d] }[letter])));
  return terms.length > 1 || before ? `${before}(${total(terms)})`.replace(/½(?=\d)/g, "½·") : terms[0];
}

// B1 of an activation of the whole row.
const ROWWISE_B1 = {
  softmax: ["a_i{l} (∂E/∂a_i{l} − Σ_j ∂E/∂a_j{l} a_j{l})", (i, e, a) => `${factor(a[i])}·(${number(e[i])} − [${total(e.map((v, j) => product(v, a[j])))}])`],
  log_softmax: ["∂E/∂a_i{l} − e^a_i{l} Σ_j ∂E/∂a_j{l}", (i, e, a) => `${number(e[i])} − e^${factor(a[i])}·[${total(e.map(factor))}]`],
};

// The lines of a step: each number of it, for one case, with the formula filled in.
const LINES = {
  F1({ l }, page, t, c) {
    const { W, b } = page.net, a = t.a[l - 1][c];
    return t.z[l][c].map((z, d) => {
      const terms = a.map((a_s, s) => (page.columns ? product(W[l][s][d], a_s) : product(a_s, W[l][s][d])));
      return [`z${lowered(d)}`, `${total(terms)} + ${factor(b[l][d])}`, z];
    });
  },
  F2({ l }, page, t, c) {
    const name = page.data.activations[l - 1].name, z = t.z[l][c];
    return t.a[l][c].map((a, d) => [
      `a${lowered(d)}`, f[l].prime ? `${name}(${number(z[d])})` : `${name}(${z.map(number).join(", ")})${lowered(d)}`, a,
    ]);
  },
  E1({ l }, page, t, c) {
    const filled = errorFilledIn(page.data.loss.E, t.a[l][c], page.target(c));
    const lines = [[page.x.length > 1 ? `E${lowered(c)}` : "E", filled, t.errors[c]]];
    if (page.x.length > 1) lines.push(["E", total(t.errors.map((E, i) => product(page.share[i], E))), t.E]);
    return lines;
  },
  E2({ l }, page, t, c) {
    const share = page.share[c] === 1 ? "" : `${factor(page.share[c])} · `;
    return t.dE_da[l][c].map((e, d) => {
      const text = filledIn(page.data.loss.slope, t.a[l][c][d], page.target(c)[d]);
      return [`∂E/∂a${lowered(d)}`, share ? `${share}[${text}]` : text, e];
    });
  },
  B1({ l }, page, t, c) {
    const share = page.share[c] === 1 ? "" : `${factor(page.share[c])} · `, a = t.a[l][c], e = t.dE_da[l][c];
    return t.delta[l][c].map((delta, d) => {
      let text = f[l].prime ? product(e[d], f[l].prime(t.z[l][c][d], a[d])) : ROWWISE_B1[page.data.activations[l - 1].kind][1](d, e, a);
      if (l === L && page.data.loss.delta) text = `${share}[${filledIn(page.data.loss.delta, a[d], page.target(c)[d])}]`;
      return [`δ${lowered(d)}`, text, delta];
    });
  },
  B2({ l }, page, t) {
    return page.net.W[l].flatMap((row, s) => row.map((_, d) => {
      const terms = t.delta[l].map((delta, i) => page.columns ? product(delta[d], t.a[l - 1][i][s]) : product(t.a[l - 1][i][s], delta[d]));
      return [`∂E/∂${page.weight(s, d)}`, total(terms), t.dW[l][s][d]];
    }));
  },
  B3: ({ l }, page, t) => t.db[l].map((g, d) => [`∂E/∂b${lowered(d)}`, total(t.delta[l].map(v => factor(v[d]))), g]),
  B4({ l }, page, t, c) {
    const delta = t.delta[l][c];
    return t.dE_da[l - 1][c].map((e, s) => [
      `∂E/∂a${lowered(s)}`, total(delta.map((v, d) => product(v, page.net.W[l][s][d]))), e,
    ]);
  },
  G1(step, page, t) {
    const { W, b } = page.net, eta = number(page.eta), lines = [];
    for (let l = 1; l <= L; l++) {
      const up = raised(l + page.columns);
      const line = (name, w, g) => lines.push([name + up, `${number(w)} − ${eta}·${factor(g)}`, w - page.eta * g]);
      W[l].forEach((row, s) => row.forEach((w, d) => line(page.weight(s, d), w, t.dW[l][s][d])));
      b[l].forEach((w, d) => line(`b${lowered(d)}`, w, t.db[l][d]));
    }
    return lines;
  },
};

// The code of an activation, or of its B1.
function functionOf({ tag, l }, page) {
  const { kind, name } = page.data.activations[l - 1];
  if (tag === "F2") return `f(z): ${ROWWISE[kind] ? ROWWISE[kind].of : FUNCTIONS[name]}`;
  if (tag === "B1") return ROWWISE[kind] ? `back: ${ROWWISE[kind].back}` : `f′(z, a): ${PRIMES[kind]}`;
  return "";
}

function storyOf(step, page, t) {
  const { tag, l } = step, lines = LINES[tag](step, page, t, page.c);
  const sup = tag === "G1" ? "" : raised(tag === "B4" ? l - 1 + page.columns : l + page.columns);
  const items = lines.slice(0, MOST).map(([name, text, v]) => {
    return `<li>${name}${tag[0] === "E" && name[0] === "E" ? "" : sup} = ${text} = <b>${number(v)}</b></li>`;
  });
  if (lines.length > MOST) items.push(`<li>… and ${lines.length - MOST} more</li>`);
  const isDirect = tag === "B1" && l === L && page.data.loss.isDirect;
  const code = [lineOf(isDirect ? "B1 of the outputs" : tag), isDirect ? "" : functionOf(step, page)].join("\n");
  const place = IN_FNN[tag].replace("{l}", l).replace("{k}", l - 1);
  return `<p class="formula">${formulaOf(step, page)}</p><ul class="filled">${items.join("")}</ul>`
    + `<pre>${code.trim().replaceAll("<", "&lt;")}</pre><pre>in fnn: ${place}</pre>`;
}

// A matrix as lines in the page's convention: as a table, its cells would take longer than a frame.
function tableOf(name, matrix, state, page, isOfCases) {
  const by = page.columns ? matrix[0].map((_, d) => matrix.map(row => row[d])) : matrix;
  const cells = by.map(row => row.map(number)), width = Math.max(...cells.flat().map(cell => cell.length));
  const lines = cells.map((row, i) => {
    const mark = !isOfCases || page.columns || cells.length === 1 ? "" : i === page.c ? "▸ " : "  ";
    return mark + row.map(cell => cell.padStart(width)).join("  ");
  });
  return `<figure class="${state}"><figcaption>${name}</figcaption><pre>${lines.join("\n")}</pre></figure>`;
}

function numbersOf(page, t) {
  const parts = [];
  const when = (tag, l) => STEPS.findIndex(step => step.tag === tag && step.l === l);
  const state = (tag, l) => (when(tag, l) > page.at ? "later" : when(tag, l) === page.at ? "now" : "");
  for (let l = 0; l <= L; l++) {
    const up = raised(l + page.columns), tables = [];
    const add = (name, matrix, tag, of, isOfCases) => tables.push(tableOf(name + up, matrix, tag && state(tag, of), page, isOfCases));
    if (l) {
      add("W", page.net.W[l], "", l);
      add("b", [page.net.b[l]], "", l);
      add("z", t.z[l], "F1", l, true);
    }
    add("a", t.a[l], l && "F2", l, true);
    if (l === L) tables.push(tableOf("y", page.y, "", page, true));
    add("∂E/∂a", t.dE_da[l], l === L ? "E2" : "B4", l === L ? l : l + 1, true);
    if (l) {
      add("δ", t.delta[l], "B1", l, true);
      add("∂E/∂W", t.dW[l], "B2", l);
      add("∂E/∂b", [t.db[l]], "B3", l);
    }
    parts.push(`<section><h3>layer ${l + page.columns}</h3>${tables.join("")}</section>`);
  }
  return parts.join("");
}
