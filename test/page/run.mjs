/**
 * `npm run test:page`: looks at the page of `weightloom diff --html` in headless Chromium, as
 * somebody would who was sent the file: no network, no script. Exits with 1 when anything is wrong.
 *
 *   CHROMIUM=/path/to/chromium npm run test:page
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const ROOT = join(import.meta.dirname, "../..");
const CLI = join(ROOT, "dist/cli.js");
const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

function findBrowser() {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const known = folders.flatMap((folder) => NAMES.map((name) => join(folder, name)));
  const found = process.env.CHROMIUM ?? known.find((path) => existsSync(path));
  if (found !== undefined) return found;
  console.error("no Chromium was found: install it, or name it in CHROMIUM");
  process.exit(1);
}

function makePage(folder) {
  const models = ["add", "sort", "reverse", "base"].map((name) =>
    join(ROOT, "examples/models", name),
  );
  const file = join(folder, "page.html");
  const args = ["diff", ...models.slice(0, 3), "--base", models[3], "--html", file, "--quiet"];
  const { status, stderr } = spawnSync(process.execPath, [CLI, ...args], { encoding: "utf8" });
  assert.equal(status, 1, stderr);
  return file;
}

/** What of each heat map is seen: fields with their colours, texts, and whether all fit in. */
function readMaps() {
  return [...document.querySelectorAll("figure")].map((figure) => {
    const svg = figure.querySelector("svg");
    const room = svg.getBoundingClientRect();
    const inside = (box) => {
      const slack = 1;
      return (
        box.left >= room.left - slack &&
        box.right <= room.right + slack &&
        box.top >= room.top - slack &&
        box.bottom <= room.bottom + slack
      );
    };
    const fields = [...svg.querySelectorAll(".mark-rect path[aria-label]")];
    const texts = [...svg.querySelectorAll("text")].filter(({ textContent }) => textContent !== "");
    return {
      caption: figure.querySelector("figcaption").textContent,
      fields: fields.map((field) => {
        const { width, height } = field.getBoundingClientRect();
        return { width, height, fill: getComputedStyle(field).fill };
      }),
      texts: texts.map(({ textContent }) => textContent),
      outside: [...fields, ...texts]
        .filter((each) => !inside(each.getBoundingClientRect()))
        .map(({ textContent, ariaLabel }) => ariaLabel ?? textContent),
    };
  });
}

function checkMap({ caption, fields, texts, outside }) {
  const cosines = caption.startsWith("Cosines");
  assert.equal(fields.length, cosines ? 9 : 47, `${caption}: ${fields.length} fields`);
  for (const { width, height } of fields) {
    assert.ok(width > 8 && height > 8, `${caption}: a field of ${width} by ${height}`);
  }
  const colours = new Set(fields.map(({ fill }) => fill));
  assert.ok(colours.size >= 3, `${caption}: ${[...colours].join()} are too few colours`);
  assert.deepEqual(outside, [], `${caption}: cut off`);
  const expected = cosines
    ? ["1.000", "1", "2", "3"]
    : ["mlp.up_proj", "model.embed_tokens", "0", "4"];
  for (const text of expected) assert.ok(texts.includes(text), `${caption}: no ${text}`);
}

/** Chromium itself asks for nothing either: a page that may use the network says the same. */
async function look(browser, file, javaScriptEnabled) {
  const context = await browser.newContext({
    javaScriptEnabled,
    viewport: { width: 1280, height: 900 },
  });
  const page = await context.newPage();
  const asked = [];
  const said = [];
  page.on("request", (request) => asked.push(request.url()));
  page.on("console", (message) => said.push(message.text()));
  page.on("pageerror", (error) => said.push(String(error)));
  const address = pathToFileURL(file).href;
  await page.goto(address);
  assert.deepEqual(asked, [address]);
  assert.deepEqual(said, []);
  const { width } = await page.locator("body").boundingBox();
  assert.ok(width > 600 && width < 1281);
  const shot = await page.screenshot({ fullPage: true });
  assert.ok(shot.length > 20_000, `a picture of ${shot.length} bytes`);
  return { page, shot };
}

const folder = mkdtempSync(join(tmpdir(), "weightloom-page-"));
const browser = await chromium.launch({
  executablePath: findBrowser(),
  args: ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND"],
});
try {
  const file = makePage(folder);
  const plain = await look(browser, file, false);
  const { page, shot } = await look(browser, file, true);
  assert.ok(shot.equals(plain.shot), "it looks the same without scripts");
  const maps = await page.evaluate(readMaps);
  assert.equal(maps.length, 8);
  for (const map of maps) checkMap(map);
  assert.equal(await page.locator("details table tbody tr").count(), 3 * 47);
  await page.locator("summary").click();
  assert.ok(await page.locator("details td").first().isVisible());
  assert.equal(await page.title(), await page.evaluate(() => document.title));
  console.log(`${maps.length} heat maps seen in Chromium ${browser.version()}`);
} finally {
  await browser.close();
  rmSync(folder, { recursive: true, force: true });
}
