"""What is done to pages in a browser: JavaScript functions of a page's window."""

STEPS = 20

# A pass by the button "step", twenty times, and then every number.
TRAIN = f"""w => {{
  const button = w.document.getElementById("next"), passes = {STEPS} * w.eval("STEPS.length");
  for (let i = 0; i < passes; i++) button.click();
  return w.numbers();
}}"""
# A reader's way through the page.
READ = """w => {
  const found = {}, page = w.eval("page"), id = name => w.document.getElementById(name);
  const press = (key, target = w.document.body) => {
    target.dispatchEvent(new w.KeyboardEvent("keydown", { key, bubbles: true }));
    w.draw();
  };
  const drag = (target, up) => {
    const event = (type, y) => new w.PointerEvent(type, { bubbles: true, clientX: 5, clientY: y, pointerId: 1 });
    target.dispatchEvent(event("pointerdown", 300));
    target.dispatchEvent(event("pointermove", 300 - up));
    target.dispatchEvent(event("pointerup", 300 - up));
    target.dispatchEvent(event("pointermove", 0));
    w.draw();
  };
  const part = label => [...w.document.querySelectorAll("[role=slider]")].find(e => e.ariaLabel === label);
  w.draw();
  found.start = w.numbers();
  found.stories = [];
  for (let i = 0; i < w.eval("STEPS.length"); i++) {
    found.stories.push([id("step").textContent, ...[...id("story").children].map(e => e.innerText)]);
    press("ArrowRight");
  }
  found.learnt = w.numbers();
  press("ArrowLeft");
  found.back = w.numbers();
  press("Home");
  drag(part("x₁"), 50);
  drag(part("w₁₂¹"), -25);
  drag(part("y₁"), 10);
  press("ArrowUp", part("b₁²"));
  id("value").value = "3.5";
  id("value").dispatchEvent(new w.Event("input"));
  id("eta").value = "0";
  id("eta").dispatchEvent(new w.Event("input"));
  found.dragged = w.numbers();
  press("c");
  found.columns = [id("story").children[0].innerText, id("numbers").innerText];
  press("Home");
  id("train").click();
  for (let i = 0; i < 3; i++) w.trainOn();
  id("train").click();
  found.trained = w.numbers();
  found.errors = page.errors;
  found.hosts = [...w.document.querySelectorAll("[src], [href]")].map(e => e.outerHTML);
  return found;
}"""
# Targets that are dragged beyond what the loss takes.
TARGETS = """w => {
  for (const value of [0.7, 2]) w.setAt({ kind: "y", l: 1, s: 0 }, value);
  const beyond = [...w.numbers().y[0]];
  w.setAt({ kind: "y", l: 1, s: 0 }, 0.4);
  return [beyond, w.numbers().y[0]];
}"""
# Colours, a narrow screen, two fingers, numbers of hundreds, thousands of steps, numbers that overflow.
EDGE = """w => {
  const found = {}, page = w.eval("page"), id = name => w.document.getElementById(name);
  const part = label => [...w.document.querySelectorAll("[role=slider]")].find(e => e.ariaLabel === label);
  const event = (type, clientY, pointerId) => new w.PointerEvent(type, { bubbles: true, clientY, pointerId });
  const rgb = name => w.getComputedStyle(w.document.querySelector(name)).stroke.match(/\\d+/g).map(Number);
  w.draw();
  found.order = [...w.document.querySelectorAll("[role=slider]")].map(e => e.ariaLabel).join(" ");
  found.colours = [rgb(".wire.plus"), rgb(".wire.minus")];
  const panel = id("network").parentElement;
  w.document.body.style.width = "250px";
  w.reset();
  found.scrolled = [panel.scrollLeft];
  for (let i = 0; i < 5; i++) id("next").click();
  found.scrolled.push(panel.scrollLeft, panel.scrollWidth - panel.clientWidth);
  w.reset();
  part("w₁₁¹").dispatchEvent(event("pointerdown", 300, 3));
  w.dispatchEvent(event("pointerup", 300, 3));
  found.chosen = rgb(".hit:focus");
  part("x₁").dispatchEvent(event("pointerdown", 300, 1));
  w.dispatchEvent(event("pointermove", 100, 2));
  w.dispatchEvent(event("pointerup", 100, 2));
  w.dispatchEvent(event("pointermove", 290, 1));
  w.dispatchEvent(event("pointerup", 290, 1));
  w.dispatchEvent(event("pointermove", 0, 1));
  found.dragged = page.x[0][0];
  for (let i = 0; i < 1100; i++) w.trainOn();
  w.draw();
  found.told = id("error").textContent;
  for (let i = 0; i < 1100 * w.eval("STEPS.length"); i++) w.back();
  w.draw();
  found.back = [id("error").textContent, id("back").disabled];
  page.errors = Array(300000).fill(1);
  w.draw();
  found.points = id("chart").firstChild.points.length;
  page.net.W[1][0][0] = NaN;
  page.net.W[2][0][0] = Infinity;
  w.setAt({ kind: "b", l: 1, s: 0 }, 0.25);
  w.choose({ kind: "W", l: 1, s: 0, d: 0 });
  w.draw();
  const widths = [...w.document.querySelectorAll(".wire")].map(wire => +wire.getAttribute("stroke-width"));
  const weights = w.numbers().W.flat(2).map(String);
  found.overflow = [weights, id("error").textContent, widths.filter(width => !isFinite(width))];
  return found;
}"""
# Frames of dragging, in milliseconds.
TIME = """w => Array.from({ length: 20 }, (_, i) => {
  const start = performance.now();
  w.setAt({ kind: "W", l: 1, s: 0, d: 0 }, i / 10);
  w.draw();
  w.document.body.getBoundingClientRect();
  return performance.now() - start;
})"""
