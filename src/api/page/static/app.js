// Follows the event stream and keeps the page true without a reload. All rendering is the server's: when an alarm changes,
// this fetches the same page again and takes over the regions marked `data-live`. Reading works without this script.
const body = document.body;
const live = document.getElementById("live");
const lost = document.getElementById("lost");
const units = body.dataset.units.split(",");
const STALE_MS = 40_000; // the server says something at least every 15 s

let skew = Number(body.dataset.now) - Date.now(); // the box's clock counts, not this computer's
let after = body.dataset.after;
let stream = null;
let heard = Date.now();
let broken = false;
let pending = 0;
let fetching = null;

document.documentElement.classList.add("js");
const now = () => Date.now() + skew;
const fill = (text, ...parts) => parts.reduce((t, p, i) => t.replace(`{${i}}`, p), text);

function span(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} ${units[3]}`;
  if (s < 3600) return `${Math.floor(s / 60)} ${units[2]} ${s % 60} ${units[3]}`;
  if (s < 86400) return `${Math.floor(s / 3600)} ${units[1]} ${Math.floor((s % 3600) / 60)} ${units[2]}`;
  return `${Math.floor(s / 86400)} ${units[0]} ${Math.floor((s % 86400) / 3600)} ${units[1]}`;
}

function tick() {
  for (const e of document.querySelectorAll("[data-since]")) e.textContent = span(now() - Number(e.dataset.since));
  for (const e of document.querySelectorAll("[data-at]")) e.textContent = fill(body.dataset.tAgo, span(now() - Number(e.dataset.at)));
  if (stream && Date.now() - heard > STALE_MS) { stream.close(); stream = null; fail(); setTimeout(follow, 2000); }
}

function show(state) {
  live.className = `live ${state}`;
  live.lastElementChild.textContent = { on: body.dataset.tOn, wait: body.dataset.tWait, lost: body.dataset.tWait }[state];
}

function fail() {
  show("lost");
  if (broken) return;
  broken = true;
  const at = new Date(heard).toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", hour12: false });
  lost.textContent = fill(body.dataset.tLost, at);
  lost.hidden = false;
  body.classList.add("stale");
}

function recover() {
  show("on");
  if (!broken) return;
  broken = false;
  lost.hidden = true;
  body.classList.remove("stale");
  refresh();
}

function follow() {
  if (stream || document.hidden) return;
  const query = new URLSearchParams();
  if (after) { query.set("after", after); query.set("epoch", body.dataset.epoch); }
  if (body.dataset.follow) query.set("device", body.dataset.follow);
  if (!broken) show("wait");
  stream = new EventSource(`/api/v1/events?${query}`);
  const on = (name, act) => stream.addEventListener(name, (event) => {
    heard = Date.now();
    if (event.lastEventId) after = event.lastEventId;
    act(JSON.parse(event.data));
  });
  on("hello", (d) => { skew = d.now_ms - Date.now(); body.dataset.epoch = d.epoch; recover(); });
  on("tick", () => {});
  on("alarm", (d) => { if (d.change === "raised" && d.durable) say(d.alarm); refresh(); });
  on("link", refresh);
  on("reload", refresh);
  on("sync", () => { if (document.querySelector("[data-on=sync]")) refresh(); });
  on("values", (d) => d.points.forEach(value));
  stream.onerror = () => {
    fail();
    if (stream && stream.readyState === EventSource.CLOSED) { stream = null; setTimeout(follow, 3000); }
  };
}

function say(alarm) {
  const lang = document.documentElement.lang.startsWith("zh") ? "zh" : "en";
  document.getElementById("say").textContent = `${body.dataset.tNew}: ${alarm.title[lang]}, ${alarm.at} ${alarm.device_name}`;
}

function value(p) {
  const row = document.querySelector(`[data-point="${CSS.escape(p.key)}"]`);
  if (!row) return;
  const [text, quality] = [row.querySelector(".value"), row.querySelector(".quality")];
  const grade = p.quality.split("_")[0];
  if (text.textContent !== p.shown) text.textContent = p.shown;
  text.classList.toggle("none", grade === "bad");
  quality.className = `quality ${grade}`;
  quality.querySelector(".q").textContent = p.quality_text;
  if (grade === "good") quality.querySelector(".last")?.remove();
  row.querySelector("[data-at]").dataset.at = p.at_ms;
}

// Many events at once make one fetch; an event during a fetch makes one more.
function refresh() {
  clearTimeout(pending);
  pending = setTimeout(async () => {
    if (fetching) { await fetching; }
    fetching = load().catch(() => setTimeout(refresh, 3000));
    await fetching;
    fetching = null;
  }, 120);
}

async function load() {
  const reply = await fetch(location.href, { cache: "no-store" });
  if (!reply.ok) throw new Error(reply.status);
  const fresh = new DOMParser().parseFromString(await reply.text(), "text/html");
  for (const region of document.querySelectorAll("[data-live]")) {
    const next = fresh.getElementById(region.id);
    if (!next) continue;
    if ("keyed" in region.dataset) merge(region, next); else take(region, next);
  }
  document.title = title(fresh.title);
  names();
  tick();
}

// What the reader has unfolded stays unfolded.
function take(region, next) {
  if (region.contains(document.activeElement) && document.activeElement.matches("input, select")) return;
  if (region.querySelector("form.act input[name=own]")?.value) return; // a half-written comment survives
  const keys = (root) => [...root.querySelectorAll("details")];
  const old = keys(region);
  keys(next).forEach((d, i) => { if (old[i]) d.open = old[i].open; });
  if (region.innerHTML !== next.innerHTML || region.className !== next.className) region.replaceWith(document.adoptNode(next));
  filter();
}

// Cards keep their place in the document, so that a half-typed answer survives what happens around it.
function merge(region, next) {
  const old = new Map([...region.children].map((c) => [c.dataset.key, c]));
  let place = region.firstElementChild;
  for (const card of [...next.children]) {
    const was = old.get(card.dataset.key);
    old.delete(card.dataset.key);
    const busy = was?.querySelector(".ack[open]") && "unanswered" in card.dataset;
    let use = was;
    if (!was) { use = document.adoptNode(card); use.classList.add("fresh"); }
    else if (was.dataset.rev !== card.dataset.rev && !busy) {
      use = document.adoptNode(card);
      const help = was.querySelector(".help");
      if (help && use.querySelector(".help")) use.querySelector(".help").open = help.open;
      if (place === was) place = was.nextElementSibling;
      was.remove();
    }
    if (use === place) place = place.nextElementSibling; else region.insertBefore(use, place);
  }
  for (const gone of old.values()) gone.remove();
  names();
}

function title(text) {
  const waiting = document.querySelector("#count .count")?.firstChild?.textContent.trim();
  return waiting ? `(${waiting}) ${text}` : text;
}

function names() {
  const name = localStorage.getItem("gatehouse.name");
  if (name) for (const input of document.querySelectorAll("input[name=by]")) input.value ||= name;
}

async function answer(form, button) {
  const by = form.elements.by.value.trim();
  const fault = form.querySelector(".fault");
  if (!by) { fault.textContent = body.dataset.tName; form.elements.by.focus(); return; }
  localStorage.setItem("gatehouse.name", by);
  const note = button?.name === "note" ? button.value : form.elements.own?.value.trim() ?? "";
  const act = button?.name === "act" ? button.value : null;
  const fields = [...form.querySelectorAll("[data-field]")];
  const more = Object.fromEntries(fields.map((e) => [e.name, e.type === "checkbox" ? e.checked : e.value]));
  if (act) Object.assign(more, { act, reason: form.elements.reason?.value });
  form.setAttribute("aria-busy", "true");
  fault.textContent = "";
  try {
    const reply = await fetch(form.dataset.post, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ by, note, ...more }) });
    const data = await reply.json();
    if (!reply.ok) throw new Error(`${data.message}. ${data.help}`);
    const who = data.alarm?.acknowledged;
    if (act) form.elements.own.value = "";
    else if (data.already && who) fault.textContent = fill(body.dataset.tAlready, who.by, new Date(who.at_ms).toLocaleTimeString());
    else { form.closest("details").open = false; document.activeElement?.blur(); }
    refresh();
  } catch (error) {
    fault.textContent = error instanceof TypeError ? body.dataset.tFailed : `${body.dataset.tFailed} (${error.message})`;
  } finally { form.removeAttribute("aria-busy"); }
}

function filter() {
  const words = (document.querySelector("[data-filter]")?.value ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  for (const e of document.querySelectorAll("[data-search]")) e.hidden = !words.every((w) => e.dataset.search.includes(w));
  for (const e of document.querySelectorAll(".branch")) e.hidden = !!words.length && !e.querySelector("[data-search]:not([hidden])");
}

document.addEventListener("submit", (event) => {
  if (!event.target.dataset.post) return;
  event.preventDefault();
  answer(event.target, event.submitter);
});
document.addEventListener("click", (event) => {
  const signed = event.target.closest("a[data-by]");
  const known = localStorage.getItem("gatehouse.name");
  if (signed && known) signed.search = `?by=${encodeURIComponent(known)}`;
  const chip = event.target.closest(".chips button");
  if (chip?.form.reportValidity()) answer(chip.form, chip);
});
document.addEventListener("input", (event) => { if ("filter" in event.target.dataset) filter(); });
document.addEventListener("visibilitychange", () => {
  if (document.hidden) { stream?.close(); stream = null; } else { heard = Date.now(); follow(); refresh(); }
});
setInterval(tick, 1000);
setInterval(() => { if (!document.hidden && document.querySelector("#trend, #state, #tree, #facts, #cases")) refresh(); }, 60_000);
names();
tick();
document.title = title(document.title);
follow();
