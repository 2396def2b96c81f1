"use strict";
const sum = numbers => numbers.reduce((total, v) => total + v, 0);
const within = (v, low, high) => Math.min(Math.max(v, low), high);
const sigma = z => 1 / (1 + Math.exp(-z));

// F3: f′(z), given a = f(z) and f's parameter p.
const PRIMES = {
  identity: () => 1,
  sigmoid: (z, a) => a * (1 - a),
  tanh: (z, a) => (1 - a) * (1 + a),
  relu: z => (z > 0 ? 1 : 0),
  leaky_relu: (z, a, p) => (z > 0 ? 1 : p),
  elu: (z, a, p) => (z > 0 ? 1 : p * Math.exp(z)),
  selu: z => (z > 0 ? 1.0507009873554805 : 1.7580993408473768 * Math.exp(z)),
  gelu: (z, a) => (z ? a / z : 0.5) + within(z, -40, 40) * Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI),
  gelu_tanh(z, a) {
    const near = within(z, -40, 40), s = z ? a / z : 0.5;
    return s + 2 * near * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * near * near) * s * (1 - s);
  },
  silu: z => sigma(z) + within(z, -800, 800) * sigma(z) * sigma(-z),
  softplus: z => sigma(z),
  softsign: z => 1 / (1 + Math.abs(z)) ** 2,
  mish(z) {
    const t = Math.tanh(Math.log1p(Math.exp(z)));
    return t + within(z, -800, 800) * sigma(z) * (1 - t * t);
  },
  hard_tanh: z => (Math.abs(z) < 1 ? 1 : 0),
  hard_sigmoid: z => (Math.abs(z) < 3 ? 1 / 6 : 0),
  relu6: z => (z > 0 && z < 6 ? 1 : 0),
  exp: (z, a) => a,
  sin: z => Math.cos(within(z, -(2 ** 48), 2 ** 48)),
  gaussian: (z, a) => -2 * z * a,
};

const logSoftmax = z => {
  const top = Math.max(...z), log = Math.log(sum(z.map(v => Math.exp(v - top))));
  return z.map(v => v - top - log);
};

// Activations of a whole row, and their B1: δ_i = Σ_j ∂E/∂a_j ∂a_j/∂z_i.
const ROWWISE = {
  softmax: {
    of(z) {
      const top = Math.max(...z), e = z.map(v => Math.exp(v - top)), total = sum(e);
      return e.map(v => v / total);
    },
    back(e, z, a) {
      const mean = sum(e.map((v, j) => v * a[j]));
      return a.map((a_i, i) => a_i * (e[i] - mean));
    },
  },
  log_softmax: { of: logSoftmax, back: (e, z, a) => e.map((v, i) => v - Math.exp(a[i]) * sum(e)) },
};

// An activation of a row from what a page has of it: its kind, its parameter, and f of one number.
function activation({ kind, p, f }) {
  if (ROWWISE[kind]) return ROWWISE[kind];
  const prime = PRIMES[kind];
  return {
    of: z => z.map(f),
    prime: (z, a) => prime(z, a, p),
    back: (e, z, a) => e.map((v, d) => v * prime(z[d], a[d], p)), // B1
  };
}

// E of a case, E2, and, if they are worked out from z, the δ of its output units: (z, a, y, p, output).
const pointwise = of => (z, a, y, p) => {
  const pairs = a.map((v, d) => of(v, y[d], p));
  return { E: sum(pairs.map(pair => pair[0])), slope: pairs.map(pair => pair[1]) };
};
const direct = of => (z, a, y, p, output) => {
  const terms = a.map((v, d) => of(z[d], v, y[d], p, output));
  return { E: sum(terms.map(t => t[0])), slope: terms.map(t => t[1]), delta: terms.map(t => t[2]) };
};
const divergence = (entropy, log) => (z, a, y, p, output) => {
  const found = { E: 0, slope: [], delta: [] };
  y.forEach((y_d, d) => {
    if (y_d) found.E += y_d * ((entropy ? Math.log(y_d) : 0) - log[d]);
    found.slope.push(output === "log_softmax" ? -y_d : y_d ? -y_d / a[d] : 0);
    found.delta.push((output === "log_softmax" ? Math.exp(a[d]) : a[d]) - y_d);
  });
  return found;
};
const smoothed = (y, p, output) => y.map(v => (1 - p) * v + p / (output === "sigmoid" ? 2 : y.length));
const logSigma = z => Math.min(z, 0) - Math.log1p(Math.exp(-Math.abs(z)));
// a, log a and f′/a of a mean a above 0: e^z, or log(1 + e^z), which for small z is e^z.
const mean = (z, a, output) => (output === "exp" || z < -40 ? [Math.exp(z), z, 1] : [a, Math.log(a), sigma(z) / a]);

const LOSSES = {
  squared_error: pointwise((a, y) => [(a - y) ** 2 / 2, a - y]),
  absolute_error: pointwise((a, y) => [Math.abs(a - y), Math.sign(a - y)]),
  huber: pointwise((a, y, p) => {
    const slope = within(a - y, -p, p);
    return [slope * (a - y - slope / 2), slope];
  }),
  log_cosh: pointwise((a, y) => {
    const size = Math.abs(a - y), slope = Math.tanh(a - y);
    const far = size + Math.log1p(Math.exp(-2 * size)) - Math.LN2;
    return [size > 1 ? far : -Math.log1p(-slope * slope) / 2, slope];
  }),
  quantile: pointwise((a, y, p) => {
    const slope = a > y ? 1 - p : a < y ? -p : 0;
    return [slope * (a - y), slope];
  }),
  hinge: pointwise((a, y) => [Math.max(0, 1 - y * a), y * a < 1 ? -y : 0]),
  cross_entropy(z, a, y, p, output) {
    const target = smoothed(y, p, output);
    if (output !== "sigmoid") return divergence(false, logSoftmax(z))(z, a, target, p, output);
    return direct((z, a, y) => [
      Math.max(z, 0) - y * z + Math.log1p(Math.exp(-Math.abs(z))), a === y ? 0 : (a - y) / (a * (1 - a)), a - y,
    ])(z, a, target);
  },
  kl_divergence: (z, a, y, p, output) => divergence(true, logSoftmax(z))(z, a, y, p, output),
  focal(z, a, y, p, output) {
    if (output === "sigmoid") {
      return direct((z, a, y) => {
        const log_a = logSigma(z), log_b = logSigma(-z), b = sigma(-z), yes = y * b ** p, no = (1 - y) * a ** p;
        const delta = yes * (p * a * log_a - b) - no * (p * b * log_b - a);
        return [-yes * log_a - no * log_b, delta / (a * b), delta];
      })(z, a, y);
    }
    const log = logSoftmax(z), weight = y.map((v, d) => (v ? v * (1 - a[d]) ** p : 0));
    const h = weight.map((w, d) => (w ? w * (a[d] < 1 ? p * a[d] * log[d] / (1 - a[d]) - 1 : -p - 1) : 0));
    const total = sum(h);
    return {
      E: -sum(weight.map((w, d) => (w ? w * log[d] : 0))),
      slope: h.map((v, d) => (v ? v / a[d] : 0)), delta: h.map((v, d) => v - a[d] * total),
    };
  },
  poisson: direct((z, a, y, p, output) => {
    const [m, log, ratio] = mean(z, a, output);
    return [(y ? y * (Math.log(y) - log) : 0) - y + m, 1 - y / m, (m - y) * ratio];
  }),
  gamma: direct((z, a, y, p, output) => {
    const [m, log, ratio] = mean(z, a, output), quotient = y * Math.exp(-log);
    return [log - Math.log(y) + quotient - 1, (1 - quotient) / m, (1 - quotient) * ratio];
  }),
};
