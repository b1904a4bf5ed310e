// One card: the controls, the figure, the key numbers and the sentence of one demo. The kernel computes; this draws.
// Messages out: open, library, move, run, pause, step, reset, tick, gone. Messages in: figure, library, draw, error.

const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  element.append(...children.filter(child => child !== null));
  return element;
};
const show = x => typeof x === "number" ? String(Number(x.toPrecision(6))).replace("-", "−") : String(x);

// plotly.js: one per page, kept as a promise; the first card asks its kernel for it, so that no notebook stores it.
const library = model => globalThis.__qlab_plotly ??= new Promise(done => {
  const got = async (message, buffers) => {
    if (message.t !== "library") return;
    model.off("msg:custom", got);
    const text = await new Response(new Blob([buffers[0]]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
    const module = {exports: {}}, kept = window.Plotly;                   // the bundle's CommonJS branch: no global left behind
    new Function("module", "exports", "define", text)(module, module.exports);
    window.Plotly = kept;
    done(module.exports);
  };
  model.on("msg:custom", got);
  model.send({t: "library"});
});

// {"$": number of a buffer, shape} -> Float32Array, or one per row
const unpack = (value, buffers) => {
  if (Array.isArray(value)) return value.map(item => unpack(item, buffers));
  if (value === null || typeof value !== "object") return value;
  if (value.$ === undefined) return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, unpack(v, buffers)]));
  const view = buffers[value.$], width = value.shape[1];
  const flat = new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
  return width ? Array.from({length: value.shape[0]}, (_, i) => flat.subarray(i * width, (i + 1) * width)) : flat;
};

// Drawing. New x, y or text only move marks: an animation of no duration, a fraction of the cost of a full redraw.
// A frame that is overtaken may never be drawn, so what it carried stays in `open` until a frame has arrived.
const QUICK = new Set(["x", "y", "text"]);
const NOW = {mode: "immediate", transition: {duration: 0}, frame: {duration: 0, redraw: false}};
function painter(Plotly, plot) {
  let open = new Map(), last = 0;                                         // trace -> {path: value}
  return changes => {
    const layout = {};
    for (const [trace, path, value] of changes)
      if (trace === "layout") layout[path] = value;
      else open.set(trace, {...open.get(trace), [path]: value});
    const traces = [...open.keys()], data = [...open.values()], mine = ++last;
    const quick = !Object.keys(layout).length && data.every(d => Object.keys(d).every(path => QUICK.has(path)));
    if (quick) {
      if (!traces.length) return;
      // plotly empties a panel none of whose traces takes part, so they all do, unchanged
      const panel = t => `${t.xaxis ?? "x"} ${t.yaxis ?? "y"}`, moving = new Set(traces.map(i => panel(plot.data[i])));
      plot.data.forEach((t, i) => { if (!moving.has(panel(t))) { traces.push(i); data.push({}); } });
      return Plotly.animate(plot, {data, traces}, NOW).then(() => { if (last === mine) open = new Map(); }, () => {});
    }
    open = new Map();
    const style = {};
    data.forEach((d, i) => { for (const path in d) (style[path] ??= Array(traces.length).fill(undefined))[i] = d[path]; });
    return Plotly.update(plot, style, layout, traces);
  };
}

// Controls: each is {root, show(value)} and reports a new value through moved(name, value, now).
const named = c => {                                                      // "activation bits b_x", its index set below
  const [symbol, index] = (c.symbol ?? "").split("_");
  return make("span", {}, c.label, symbol ? ` ${symbol}` : "", index ? make("sub", {}, index) : "");
};
const note = c => c.note ? make("small", {class: "qlab-note"}, c.note) : null;
const field = (c, ...children) => make("fieldset", {class: "qlab-field", "data-qlab-control": c.name, "data-kind": c.kind, title: c.help}, ...children);
const keys = {"data-lm-suppress-shortcuts": "true"};                      // on the input itself, or JupyterLab takes its arrow keys

function slider(c, moved) {
  const out = make("output"), last = c.grid.length - 1, id = `qlab-${Math.random().toString(36).slice(2)}`;
  const input = make("input", {...keys, id, type: "range", min: 0, max: last, step: 1, title: c.help});
  const nearest = x => c.grid.reduce((best, g, i) => Math.abs(g - x) < Math.abs(c.grid[best] - x) ? i : best, 0);
  const paint = x => {
    out.textContent = show(x) + (c.unit ? ` ${c.unit}` : "");
    input.style.setProperty("--at", last ? input.value / last : 0);
    input.setAttribute("aria-valuetext", out.textContent);
  };
  input.oninput = () => { paint(c.grid[input.value]); moved(c.name, c.grid[input.value], c.update === "drag"); };
  input.onchange = () => c.update === "release" && moved(c.name, c.grid[input.value], true);
  const slide = make("div", {class: "qlab-slide"}, input), foot = make("div", {class: "qlab-foot-note"}, note(c) ?? "");
  if (c.document !== undefined) {
    slide.append(make("i", {class: "qlab-tick", style: `--at:${c.document}`}));
    foot.append(make("small", {class: "qlab-tick-word"}, "document"));
  }
  return {root: field(c, make("label", {class: "qlab-name", for: id}, named(c), out), slide, foot),
          show: x => { input.value = nearest(x); paint(x); }};
}

function row(c, moved) {
  const several = c.kind === "several", group = `qlab-${Math.random().toString(36).slice(2)}`;
  const inputs = c.choices.map(() => make("input", {...keys, type: several ? "checkbox" : "radio", name: group}));
  const long = c.choices.reduce((sum, [, text]) => sum + text.length + 2, 0) > 32;  // more than one line holds
  const chosen = () => c.choices.filter((_, i) => inputs[i].checked).map(choice => choice[0]);
  inputs.forEach((input, i) => input.onchange = () => {
    if (!chosen().length) input.checked = true;                           // one stays chosen
    else moved(c.name, several ? chosen().join(",") : c.choices[i][0], true);
  });
  const buttons = c.choices.map(([, text], i) => make("label", {}, inputs[i], make("span", {}, text)));
  return {root: field(c, make("legend", {class: "qlab-name"}, named(c)), make("div", {class: long ? "qlab-row qlab-long" : "qlab-row"}, ...buttons), note(c)),
          show: x => { const on = several ? x.split(",").map(s => s.trim()) : [x];
                       inputs.forEach((input, i) => { input.checked = on.includes(c.choices[i][0]); }); }};
}

function select(c, moved) {
  const id = `qlab-${Math.random().toString(36).slice(2)}`;
  const input = make("select", {...keys, id}, ...c.choices.map(([, text], i) => make("option", {value: i}, text)));
  input.onchange = () => moved(c.name, c.choices[input.value][0], true);
  return {root: field(c, make("label", {class: "qlab-name", for: id}, named(c)), input, note(c)),
          show: x => { input.value = c.choices.findIndex(choice => choice[0] === x); }};
}

function toggle(c, moved) {
  const input = make("input", {...keys, type: "checkbox", role: "switch"});
  input.onchange = () => moved(c.name, input.checked, true);
  return {root: field(c, make("label", {class: "qlab-switch"}, named(c), input), note(c)), show: x => { input.checked = x; }};
}
const CONTROLS = {slider, choice: row, several: row, select, toggle};

// "**bold**" -> nodes, never HTML
const words = text => text.split("**").map((part, i) => i % 2 ? make("b", {}, part) : part);

async function copy(text) {
  try { await navigator.clipboard.writeText(text); } catch {              // no permission, or a page without https
    const area = make("textarea", {readonly: true, style: "position:fixed;opacity:0"});
    document.body.append(area); area.value = text; area.select();
    document.execCommand("copy"); area.remove();
  }
}

function render({model, el}) {
  const me = Math.random().toString(36).slice(2), training = model.get("training"), start = model.get("start");
  const title = make("h3", {class: "qlab-title", id: `qlab-t-${me}`}, model.get("title"));
  const numbers = make("div", {class: "qlab-keys"}), side = make("div", {class: "qlab-side"}), tries = make("div", {class: "qlab-presets", hidden: true});
  const plot = make("div", {class: "qlab-plot", role: "img", "aria-labelledby": `qlab-t-${me}`, "aria-describedby": `qlab-s-${me}`,
                            style: `height:${model.get("height")}px`, "data-qlab-figure": true});
  const wait = make("div", {class: "qlab-wait"}), text = make("p", {class: "qlab-text", id: `qlab-s-${me}`, "data-qlab-text": true});
  const spoken = make("div", {class: "qlab-unseen", role: "status", "aria-live": "polite"});
  const command = make("pre", {class: "qlab-command", hidden: true, tabindex: 0});
  const error = make("div", {class: "qlab-error", role: "alert", hidden: true, "data-qlab-error": true});
  const card = make("section", {class: "qlab-card", "aria-labelledby": `qlab-t-${me}`, "data-qlab-card": model.get("slug")},
    make("header", {class: "qlab-head"}, title, numbers),
    make("div", {class: "qlab-body"}, side, make("div", {class: "qlab-stage"}, make("div", {class: "qlab-frame"}, plot, wait), tries)), text, spoken, command, error);
  el.append(card);

  // state in words
  let speak = 0, shown = "", shownKeys = "";
  const tell = m => {
    if (m.text !== shown) {
      text.replaceChildren(...words(shown = m.text));
      clearTimeout(speak); speak = setTimeout(() => { spoken.textContent = text.textContent; }, 600);   // not at every pixel of a drag
    }
    const now = JSON.stringify(m.numbers);
    if (now !== shownKeys) {
      shownKeys = now;
      numbers.replaceChildren(...m.numbers.map(([value, label, color]) =>
        make("div", {class: "qlab-key"}, make("b", {style: `color:${color}`}, value), make("span", {}, label))));
    }
    command.textContent = card.dataset.qlabCommand = m.command;
    if (training && m.running !== undefined) running(m.running);
  };
  const fail = (line, traceback = "") => {
    error.hidden = !line;
    error.replaceChildren(traceback ? make("details", {}, make("summary", {}, line), make("pre", {}, traceback)) : line);
  };

  // one request in flight; the newest value wins and the last one is always sent
  const values = {...model.get("values")}, fields = {};
  let count = 0, sent = null, wanted = null, late = 0, lost = 0;
  const send = message => {
    try { model.send(message); return true; } catch { fail("The kernel was restarted: run this cell again."); return false; }
  };
  const settle = () => { sent = null; clearTimeout(late); clearTimeout(lost); card.classList.remove("qlab-late"); delete card.dataset.qlabPending; };
  const request = message => {
    const seq = sent = `${me}-${++count}`;
    clearTimeout(late); clearTimeout(lost); card.dataset.qlabPending = true;
    if (!send({...message, seq})) return settle();
    setTimeout(() => seq === sent && send({t: "tick"}), 16);              // its packet carries the ACK that the server's socket waits for
    late = setTimeout(() => card.classList.add("qlab-late"), 150);
    lost = setTimeout(() => { settle(); fail("The kernel does not answer: it is busy, or it was restarted (then run this cell again)."); }, 20000);
  };
  const pump = () => { if (!sent && wanted) { const v = wanted; wanted = null; request({t: "move", values: v}); } };
  const ask = () => { wanted = {...values}; pump(); };
  const held = new Set();                                                 // moved, not yet released: nobody else moves them
  const moved = (name, value, now) => { values[name] = value; held[now ? "delete" : "add"](name); if (now) ask(); };
  const follow = v => { for (const name in v) if (fields[name] && !held.has(name)) { values[name] = v[name]; fields[name].show(v[name]); } };

  // the side: run, controls, more, presets, buttons
  const button = (label, action, run, attributes = {}) => {
    const b = make("button", {type: "button", "data-qlab-action": action, ...attributes}, label);
    b.onclick = run;
    return b;
  };
  const act = what => { if (wanted) { request({t: "move", values: wanted}); wanted = null; } request({t: what}); };
  let going = false;
  const go = button("Run", "run", () => { running(!going); act(going ? "run" : "pause"); }, {class: "qlab-main"});
  const running = now => { going = now; go.textContent = now ? "Pause" : "Run"; go.dataset.qlabRunning = now; };
  if (training) side.append(make("div", {class: "qlab-buttons"}, go, button("Step", "step", () => { running(false); act("step"); })));
  const more = make("div", {class: "qlab-fields"});
  for (const c of model.get("controls")) {
    const control = fields[c.name] = CONTROLS[c.kind](c, moved);
    control.show(values[c.name]);
    (c.more ? more : side).append(control.root);
  }
  if (more.childElementCount) side.append(make("details", {"data-qlab-more": true}, make("summary", {}, "more"), more));
  const presets = Object.entries(model.get("presets"));
  tries.hidden = !presets.length;
  tries.append("try", ...presets.map(([label, changes]) =>
    button(label, "preset", () => { follow({...start, ...changes}); if (training) running(false); ask(); })));
  const copied = button("Copy command", "copy", async () => {
    await copy(card.dataset.qlabCommand); command.hidden = false; copied.textContent = "Copied";
    setTimeout(() => { copied.textContent = "Copy command"; }, 1500);
  });
  side.append(make("div", {class: "qlab-buttons"}, button("Reset", "reset", () => {
    follow(start); fail("");
    if (training) { wanted = null; running(false); act("reset"); } else ask();
  }), copied));
  tell({text: model.get("text"), numbers: model.get("numbers"), command: model.get("command"), running: model.get("running")});

  // the figure
  let paint = null, Plotly = null;
  const queue = [], drawn = changes => paint ? paint(changes) : queue.push(changes);
  const begin = async figure => {
    queue.length = 0;
    Plotly = await library(model);
    plot.style.height = `${fit()}px`;
    await Plotly.newPlot(plot, figure.data, {...figure.layout, autosize: true}, {displayModeBar: false, responsive: false});
    wait.textContent = ""; paint = painter(Plotly, plot); size.observe(plot);
    queue.splice(0).forEach(changes => paint(changes));
    plot.dataset.qlabReady = true;
    if (globalThis.__qlab_warm) return;                                   // the first redraws are slow until they are compiled: do them now
    globalThis.__qlab_warm = true;
    for (let i = 0; i < 12; i++) setTimeout(() => sent || paint(plot.data.map((trace, k) => [k, "y", trace.y]).filter(c => c[2])), 300 + 60 * i);
  };
  const least = model.get("height");
  const fit = () => side.offsetWidth < card.offsetWidth / 2                // beside the controls: as high as they are
    ? Math.min(Math.max(least, side.offsetHeight - tries.offsetHeight), least + 110) : least;
  let resize = 0, width = 0;
  const size = new ResizeObserver(() => { cancelAnimationFrame(resize); resize = requestAnimationFrame(() => {
    if (plot.clientWidth && plot.clientWidth !== width) { width = plot.clientWidth; Plotly.Plots.resize(plot); } }); });

  const receive = (message, buffers) => {
    if (message.t === "figure" && message.view === me) { tell(message); follow(message.values); begin(unpack(message.figure, buffers)); return; }
    if (message.t !== "draw" && message.t !== "error") return;
    const mine = message.seq !== null && message.seq === sent;
    if (mine) { settle(); pump(); }                                       // the next request leaves before this answer is drawn
    if (message.t === "error") { if (training) running(false); return fail(message.text, message.traceback); }
    fail("");
    if (!sent && !wanted && !String(message.seq).startsWith(me)) follow(message.values);   // another view, or Python, moved it
    tell(message);
    drawn(message.changes.map(([trace, path, value]) => [trace, path, unpack(value, buffers)]));
  };
  model.on("msg:custom", receive);
  wait.textContent = "The figure appears when the kernel is free.";
  send({t: "open", view: me});
  return () => {
    model.off("msg:custom", receive); size.disconnect(); settle(); clearTimeout(speak);
    try { model.send({t: "gone", view: me}); } catch { /* the kernel is gone already */ }
    Plotly?.purge(plot);
  };
}
export default {render};
