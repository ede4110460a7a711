// The page in a real browser: an alarm appears without a reload, is acknowledged with two taps, clears; nothing is written
// to the console; no raw catalogue key and no sideways scrolling on any page, in both languages, on desk and phone.
// Usage: node page.mjs BASE_URL [SCREENSHOT_DIR] (tests/browser/run finds playwright-core and chromium).
import { createRequire } from "node:module";
import { mkdirSync, readFileSync } from "node:fs";
import assert from "node:assert/strict";

const { chromium } = createRequire(process.env.PLAYWRIGHT_LIB)("playwright-core");
const [base, shots = "target/browser/shots"] = process.argv.slice(2);
assert(base, "usage: page.mjs BASE_URL [SCREENSHOT_DIR]");
mkdirSync(shots, { recursive: true });
const wait = Number(process.env.WAIT_MS ?? 90_000);
const words = new URL("../../src/api/page/", import.meta.url);
const catalogue = Object.fromEntries(["zh-CN", "en"].map((l) => [l, JSON.parse(readFileSync(new URL(`${l}.json`, words)))]));
const keys = Object.keys(catalogue.en);
const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: flags });
const complaints = [];

async function open(lang, size, scheme = "light") {
  const context = await browser.newContext({ viewport: size, locale: lang, colorScheme: scheme, hasTouch: size.width < 500 });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.on("console", (m) => { if (m.type() === "error" || m.type() === "warning") complaints.push(`${page.url()}: ${m.text()}`); });
  page.on("pageerror", (e) => complaints.push(`${page.url()}: ${e}`));
  return page;
}

// The words on the page, with everything a person can meet: text, titles, labels, placeholders.
async function check(page, what) {
  const text = await page.evaluate(() => {
    const attributes = [...document.querySelectorAll("[title],[aria-label],[placeholder]")];
    return document.body.innerText + attributes.map((e) => ["title", "aria-label", "placeholder"].map((a) => e.getAttribute(a) ?? "").join(" ")).join(" ");
  });
  for (const key of keys) assert(!new RegExp(`(^|[^\\w.])${key.replaceAll(".", "\\.")}($|[^\\w.])`).test(text), `${what}: raw key ${key}`);
  assert(!/\{\d\}/.test(text), `${what}: an unfilled place`);
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert(over <= 0, `${what}: scrolls sideways by ${over} px`);
}

async function gallery() {
  const sizes = { desk: { width: 1280, height: 900 }, phone: { width: 360, height: 780 } };
  const devices = await (await fetch(`${base}/api/v1/devices`)).json();
  const open_alarms = await (await fetch(`${base}/api/v1/alarms?open=true`)).json();
  const device = devices.find((d) => d.alarms_open > 0) ?? devices[0];
  const pages = { alarms: "/", devices: "/devices", device: `/devices/${device.id}`, health: "/health", sync: "/sync", cases: "/cases", figures: "/cases/figures", cameras: "/cameras", notice: "/cases/notice" };
  if (open_alarms[0]) pages.alarm = `/alarms/${encodeURIComponent(open_alarms[0].id)}`;
  for (const lang of ["zh-CN", "en"]) {
    for (const [size, viewport] of Object.entries(sizes)) {
      const page = await open(lang, viewport);
      for (const [name, path] of Object.entries(pages)) {
        await page.goto(base + path);
        await page.locator("#live.on").waitFor();
        assert.equal(await page.locator("html").getAttribute("lang"), lang);
        await check(page, `${name} ${lang} ${size}`);
        await page.screenshot({ path: `${shots}/${name}-${lang}-${size}.png`, fullPage: true });
      }
      await page.context().close();
    }
  }
  const dark = await open("zh-CN", sizes.desk, "dark");
  for (const name of ["alarms", "device"]) {
    await dark.goto(base + pages[name]);
    await dark.locator("#live.on").waitFor();
    await dark.screenshot({ path: `${shots}/${name}-dark.png`, fullPage: true });
  }
  await dark.context().close();
}

// An alarm of a case ends when the case does, so another one is taken here.
// On a phone, as the duty engineer would: the name is known, so an answer is two taps.
async function life() {
  const page = await open("zh-CN", { width: 360, height: 780 });
  await page.goto(base);
  await page.evaluate(() => { localStorage.setItem("gatehouse.name", "王工"); window.notReloaded = true; });
  await page.locator("#live.on").waitFor();
  const known = await page.locator(".card").evaluateAll((cards) => cards.map((c) => c.dataset.key));
  const fresh = await (await page.waitForFunction(
    (known) => [...document.querySelectorAll(".card[data-unanswered]")].map((c) => c.dataset.key).find((k) => !known.includes(k) && !k.startsWith("case.")),
    known, { timeout: wait },
  )).jsonValue();
  console.log(`appeared without a reload: ${fresh}`);
  assert(await page.evaluate(() => window.notReloaded), "the page was reloaded");
  assert((await page.locator("#say").textContent()).length > 0, "the new alarm was not announced");
  const card = page.locator(`.card[data-key="${fresh}"]`);
  await card.locator(".ack > summary").tap();
  await page.screenshot({ path: `${shots}/answer-phone.png` });
  await card.locator(".chips button").first().tap();
  await page.waitForFunction((key) => {
    const card = document.querySelector(`.card[data-key="${CSS.escape(key)}"]`);
    return !card || card.querySelector(".answered")?.textContent.includes("王工");
  }, fresh);
  console.log("acknowledged with two taps");
  // A latched alarm leaves the list only when somebody resets it, after its cause is gone.
  const gone = page.waitForFunction((key) => !document.querySelector(`.card[data-key="${CSS.escape(key)}"]`), fresh, { timeout: wait });
  const reset = page.locator(`.card[data-key="${fresh}"] form[data-post$="/reset"]`);
  const offered = reset.waitFor({ state: "attached", timeout: wait }).then(async () => {
    await reset.locator("xpath=..").locator("summary").tap();
    await reset.locator("button[type=submit]").tap();
    console.log("reset once its cause was gone");
  }).catch(() => {});
  await Promise.race([gone, offered]);
  await page.waitForFunction((key) => !document.querySelector(`.card[data-key="${CSS.escape(key)}"]`), fresh, { timeout: wait });
  console.log("cleared without a reload");
  assert(await page.evaluate(() => window.notReloaded), "the page was reloaded");
  await page.context().close();
}

// A case as a reviewer handles it: from the alarm's card to the track, the decision and the sealed bundle.
async function cases() {
  const until = Date.now() + wait;
  let found;
  while (!found && Date.now() < until) {
    const open_cases = await (await fetch(`${base}/api/v1/cases?open=true`)).json();
    for (const c of open_cases.filter((c) => c.kind === "falling_object" && c.stage === "notified")) {
      const story = await (await fetch(`${base}/api/v1/cases/${c.id}`)).json();
      if (story.files.some((f) => f.kind === "picture")) found = c;
    }
    if (!found) await new Promise((done) => setTimeout(done, 500));
  }
  assert(found, "no case with a picture appeared");
  for (const lang of ["zh-CN", "en"]) {
    for (const [size, viewport] of Object.entries({ desk: { width: 1280, height: 900 }, phone: { width: 360, height: 780 } })) {
      const page = await open(lang, viewport);
      for (const [name, path] of Object.entries({ cases: "/cases", case: `/cases/${found.id}` })) {
        await page.goto(base + path);
        await page.locator("#live.on").waitFor();
        await check(page, `${name} ${lang} ${size}`);
        await page.screenshot({ path: `${shots}/${name}-${lang}-${size}.png`, fullPage: true });
      }
      await page.context().close();
    }
  }
  const page = await open("zh-CN", { width: 1280, height: 900 });
  await page.goto(base);
  await page.evaluate(() => localStorage.setItem("gatehouse.name", "李复核"));
  await page.goto(base);
  await page.locator(`.card a[href="/cases/${found.id}"]`).first().click();
  await page.locator("#live.on").waitFor();
  const points = await page.locator(".shot .track polyline").first().getAttribute("points");
  assert(points.trim().split(" ").length >= 5, "the track is not drawn");
  const picture = page.locator(".shot img").first();
  await picture.scrollIntoViewIfNeeded();
  await page.waitForFunction(() => document.querySelector(".shot img")?.naturalWidth > 0);
  for (const [act, stage] of [["review", "reviewing"], ["confirm", "confirmed"]]) {
    await page.locator(`button[name=act][value=${act}]`).click();
    await page.locator(`#case .stage.${stage}`).waitFor();
  }
  assert((await page.locator(".story").innerText()).includes("李复核"), "the steps are not signed");
  console.log(`case ${found.id} reviewed and confirmed`);
  const [download] = await Promise.all([page.waitForEvent("download"), page.locator("#export").click()]);
  const bundle = readFileSync(await download.path());
  assert(bundle.length > 1024 && bundle.includes("SHA256SUMS.sig"), "the bundle is not whole");
  console.log(`exported ${download.suggestedFilename()}, ${bundle.length} bytes`);
  await page.reload();
  assert((await page.locator(".story .exported").count()) === 1, "the export is not in the story");
  await page.goto(`${base}/cases/${found.id}?lang=en`);
  assert((await page.locator("#case").innerText()).includes("Confirmed"));
  await page.screenshot({ path: `${shots}/case-confirmed.png`, fullPage: true });
  await page.context().close();
}

try {
  await gallery();
  await life();
  await cases();
  assert.deepEqual(complaints, [], "the console is not clean");
  console.log("the page is fine");
} finally {
  await browser.close();
}
