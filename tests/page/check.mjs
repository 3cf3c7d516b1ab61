// Looks at reports in headless Chromium as a reader would: wide and narrow, light and dark, and on paper.
//
//   node check.mjs MODULES SHOTS PAGE.html...          SHOTS=all in the environment takes every part of every page
//
// MODULES: a node_modules folder with axe-core and puppeteer-core; SHOTS: where pictures of the pages go. Fails with a line
// per fault: a script error, a request to anywhere, an axe-core violation, something wider than the screen, picture text that
// is cut or overlaps, a fold that stays shut on paper, a download that is no file of its kind.
import { createRequire } from "node:module";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, shots, ...pages] = process.argv.slice(2);
const need = createRequire(pathToFileURL(resolve(modules, "x.js")));
const puppeteer = need("puppeteer-core");
const axe = readFileSync(need.resolve("axe-core/axe.min.js"), "utf8");
const browsers = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const executablePath = browsers.find(path => path && existsSync(path));
if (!executablePath) {
  console.error("no Chromium: set CHROMIUM to its path");
  process.exit(2);
}
mkdirSync(shots, { recursive: true });

const faults = [];
const browser = await puppeteer.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb"], protocolTimeout: 600_000 });

// Runs in the page. Text in pictures that leaves its picture, or lies on other text of it.
function pictures() {
  const found = [];
  for (const svg of document.querySelectorAll("svg[role=img]")) {
    const frame = svg.getBoundingClientRect();
    if (frame.width === 0) continue;
    const texts = [...svg.querySelectorAll("text")].map(text => [text.textContent, text.getBoundingClientRect()]);
    const name = svg.querySelector("title").textContent;
    texts.forEach(([text, box], i) => {
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 2 || box.bottom > frame.bottom + 2)
        found.push(`“${text}” leaves the picture “${name}”`);
      for (const [other, second] of texts.slice(i + 1)) {
        const x = Math.min(box.right, second.right) - Math.max(box.left, second.left);
        const y = Math.min(box.bottom, second.bottom) - Math.max(box.top, second.top);
        // Line boxes are taller than letters: a third of their height may be shared.
        if (x > 1 && y > box.height / 3) found.push(`“${text}” and “${other}” overlap in “${name}”`);
      }
    });
  }
  return found;
}

// Runs in the page. What sticks out of the screen, other than what scrolls by itself.
function tooWide() {
  const wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= wide) return [];
  const out = [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > wide + 1 && !e.closest(".scroll-table, .strip"));
  return out.slice(0, 3).map(e => `<${e.tagName.toLowerCase()} class="${e.className}"> is wider than the screen`).concat("the page scrolls sideways");
}

// Runs in the page. Each figure's two files.
async function downloads() {
  const found = [];
  for (const link of document.querySelectorAll("a[download]")) {
    const text = new TextDecoder().decode(await (await fetch(link.href)).arrayBuffer());
    if (link.download.endsWith(".svg")) {
      const parsed = new DOMParser().parseFromString(text, "image/svg+xml");
      if (parsed.querySelector("parsererror")) found.push(`${link.download} is no SVG`);
      if (/var\(|url\(|href/.test(text)) found.push(`${link.download} reaches for something`);
    } else if (text.trim().split("\n").length < 2) found.push(`${link.download} has no numbers`);
  }
  return found;
}

for (const path of pages) {
  const url = pathToFileURL(resolve(path)).href;
  const name = basename(path, ".html");
  for (const scheme of ["light", "dark"]) {
    for (const width of [1280, 390]) {
      const at = `${name}, ${width} px, ${scheme}`;
      const page = await browser.newPage();
      page.on("pageerror", error => faults.push(`${at}: script error: ${error.message}`));
      page.on("console", message => message.type() === "error" && faults.push(`${at}: ${message.text()}`));
      page.on("request", request => /^(file|data|blob):/.test(request.url()) || faults.push(`${at}: asks for ${request.url()}`));
      await page.setViewport({ width, height: 900 });
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
      await page.goto(url);
      await page.screenshot({ path: `${shots}/${name}-${width}-${scheme}-first.png` });
      await page.evaluate(() => document.querySelectorAll("details").forEach(fold => (fold.open = true)));
      const overflow = await page.evaluate(tooWide);
      faults.push(...overflow.map(fault => `${at}: ${fault}`));
      if (scheme === "light") faults.push(...(await page.evaluate(pictures)).map(fault => `${at}: ${fault}`));
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => axe.run({ resultTypes: ["violations"] }));
      for (const { id, help, nodes } of violations)
        faults.push(`${at}: axe-core: ${id} (${help}) ${nodes.length} times, first: ${nodes[0].html.slice(0, 160)}`);
      if (scheme === "light" && width === 1280) faults.push(...(await page.evaluate(downloads)).map(fault => `${at}: ${fault}`));
      const height = await page.evaluate(() => document.documentElement.scrollHeight);
      for (let top = 0, part = 0; process.env.SHOTS === "all" && top < height && part < 12; top += 2400, part += 1)
        await page.screenshot({ path: `${shots}/${name}-${width}-${scheme}-${part}.png`, clip: { x: 0, y: top, width, height: Math.min(2400, height - top) } });
      await page.close();
    }
  }
  const page = await browser.newPage();
  await page.goto(url);
  await page.emulateMediaType("print");
  await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
  const shut = await page.evaluate(() => [...document.querySelectorAll("details > :not(summary)")].filter(e => e.getBoundingClientRect().height === 0).length);
  if (shut) faults.push(`${name}, print: ${shut} folded parts stay shut`);
  await page.evaluate(() => dispatchEvent(new Event("afterprint")));
  const open = await page.evaluate(() => document.querySelectorAll("details[open]").length);
  if (open) faults.push(`${name}, print: ${open} folds stay open afterwards`);
  await page.pdf({ path: `${shots}/${name}.pdf`, format: "A4", preferCSSPageSize: true });
  await page.close();
  console.log(`${name}: looked at`);
}
await browser.close();
for (const fault of faults.slice(0, 60)) console.error(fault);
if (faults.length) {
  console.error(`${faults.length} faults`);
  process.exit(1);
}
