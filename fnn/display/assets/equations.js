"use strict";
// The equations, a line each, as in fnn: a case is a row, W[l][s][d] leads from unit s to unit d, layers count from 1.
// share[c] is what the error of case c counts in E.

function backprop(net, f, loss, x, y, share) {
  const L = f.length - 1, W = net.W, b = net.b;
  const t = { z: [], a: [x], dE_da: [], delta: [], dW: [], db: [] };
  for (let l = 1; l <= L; l++) {
    t.z[l] = t.a[l - 1].map(a => b[l].map((b_d, d) => sum(a.map((a_s, s) => a_s * W[l][s][d])) + b_d)); // F1
    t.a[l] = t.z[l].map(z => f[l].of(z)); // F2
  }
  const output = x.map((_, c) => loss(t.z[L][c], t.a[L][c], y[c]));
  t.errors = output.map(o => o.E);
  t.E = sum(t.errors.map((E_c, c) => share[c] * E_c)); // E1
  t.dE_da[L] = output.map((o, c) => o.slope.map(slope => share[c] * slope)); // E2
  for (let l = L; l > 0; l--) {
    const isDirect = l === L && output[0].delta;
    if (isDirect) t.delta[l] = output.map((o, c) => o.delta.map(delta => share[c] * delta)); // B1 of the outputs
    else t.delta[l] = t.dE_da[l].map((e, c) => f[l].back(e, t.z[l][c], t.a[l][c])); // B1
    t.dW[l] = W[l].map((row, s) => row.map((_, d) => sum(t.delta[l].map((delta, c) => t.a[l - 1][c][s] * delta[d])))); // B2
    t.db[l] = b[l].map((_, d) => sum(t.delta[l].map(delta => delta[d]))); // B3
    t.dE_da[l - 1] = t.delta[l].map(delta => W[l].map(w => sum(delta.map((delta_d, d) => delta_d * w[d])))); // B4
  }
  return t;
}

function learn(net, t, eta) {
  return {
    W: net.W.map((W, l) => W && W.map((row, s) => row.map((w, d) => w - eta * t.dW[l][s][d]))), // G1
    b: net.b.map((b, l) => b && b.map((b_d, d) => b_d - eta * t.db[l][d])),
  };
}

// The line of these functions that has an equation's tag.
function lineOf(tag) {
  const lines = (backprop + "\n" + learn).split("\n");
  return lines.find(line => line.endsWith("// " + tag)).trim();
}
