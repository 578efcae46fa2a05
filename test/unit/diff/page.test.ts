/** What the page says; that a browser shows it is looked at by `npm run test:page`. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { diffPage, escapeHtml } from "../../../lib/diff/page.ts";
import { diff } from "../../../lib/diff.ts";
import { makeLlama, makeModel, refusal, useFolder } from "../../make.ts";

const folder = useFolder("page");
const [base, a, b] = ["base", "a", "b"].map((name, seed) => {
  return makeLlama(join(folder, name), { layers: 3, seed: seed + 1 });
});

test("without tensors outside of the layers there is no column for them", async () => {
  const w = (seed: number) => ({ dtype: "F32", shape: [2], seed }) as const;
  const layered = (name: string, seed: number) => {
    const names = Array.from({ length: 51 }, (_, i) => `layers.${i}.w`);
    const tensors = Object.fromEntries(names.map((each) => [each, w(seed)]));
    return makeModel(join(folder, name), tensors);
  };
  const found = await diff([layered("p", 1), layered("q", 2)]);
  const page = await diffPage(found);
  const [first] = page.match(/<svg .*?<\/svg>/s) ?? [];
  expect(first).toContain(`aria-label="w, 50: `);
  expect(first).not.toContain(`aria-label="w, \u2013: `);
});

test("tensors that a model lacks are told with the base's path, and have no field there", async () => {
  const w = (seed: number) => ({ dtype: "F32", shape: [2], seed }) as const;
  const from = makeModel(join(folder, "from"), { v: w(1), w: w(1) });
  const poor = makeModel(join(folder, "less"), { w: w(2) });
  const more = makeModel(join(folder, "more"), { v: w(3), w: w(3), x: w(3) });
  const page = await diffPage(await diff([poor, more], { base: from }));
  expect(page).toContain(`<td>x</td><td>${from}</td><td>missing, but there in ${more}</td>`);
  expect(page).toContain(`<td>v</td><td>${poor}</td><td>missing</td>`);
});

describe("with a base", async () => {
  const found = await diff([a, b], { base });
  const page = await diffPage(found);

  test("has a heat map for each figure and model, and the matrix", () => {
    const captions = [...page.matchAll(/<figcaption>(.*)<\/figcaption>/g)].map(([, text]) => text);
    expect(captions).toEqual([
      `Relative L2 distance of ${a} from ${base}`,
      `Redundancy of the task vector of ${a}`,
      `Relative L2 distance of ${b} from ${base}`,
      `Redundancy of the task vector of ${b}`,
      "Sign conflicts between the task vectors",
      "Cosines between the task vectors",
    ]);
    expect(page.match(/<svg /g)).toHaveLength(6);
  });

  test("has a field for every tensor in each map", () => {
    const [first] = page.match(/<svg .*?<\/svg>/s) ?? [];
    const fields = first?.match(/aria-label="[^"]*, [^"]*: [^"]*"/g) ?? [];
    expect(fields).toHaveLength(found.tensors.length);
    const q = found.tensors.find(({ tensor }) => tensor.endsWith("layers.1.mlp.up_proj.weight"));
    const value = q?.differences[0].relativeL2;
    expect(first).toContain(`aria-label="mlp.up_proj, 1: ${value}"`);
  });

  test("lists every tensor", () => {
    for (const { tensor } of found.tensors) expect(page).toContain(`<td>${tensor}</td>`);
  });

  test("asks for nothing from elsewhere, and runs no script", () => {
    const askings = page.match(/<script|<link|<img|<iframe|@import|url\((?!#)|\son\w+=/gi);
    expect(askings).toBeNull();
    const addresses = [...page.matchAll(/https?:[^"' )]*/g)].map(([address]) => address);
    expect(addresses.filter((each) => !each.startsWith("http://www.w3.org/"))).toEqual([]);
    expect(page).toContain("default-src 'none'");
  });
});

test("without a base shows distances from the first model, and what was not compared", async () => {
  const other = makeModel(join(folder, "other"), { more: { dtype: "F32", shape: [2] } });
  const page = await diffPage(await diff([a, b, other]));
  expect(page).toContain(`Relative L2 distance of ${b} from ${a}`);
  expect(page).not.toContain("Redundancy");
  expect(page).toContain("<h2>Not compared</h2>");
});

test("names cannot become markup", async () => {
  const evil = '<script>alert(1)</script>&"\u202e';
  const tensors = { [evil]: { dtype: "F32", shape: [2] } } as const;
  const paths = [1, 2].map((i) => makeModel(join(folder, `evil-${i}`), tensors));
  const page = await diffPage(await diff(paths));
  expect(page).not.toContain("<script");
  expect(page).toContain("&lt;script&gt;");
  expect(escapeHtml("a\u0000b")).toBe("a\ufffdb");
});

test("models that are the same, or share nothing, make a page too", async () => {
  const apart = makeModel(join(folder, "apart"), { w: { dtype: "F32", shape: [2] } });
  expect(await diffPage(await diff([a, a]))).toContain("They are the same, to the byte.");
  expect(await diffPage(await diff([a, apart]))).toContain("Not compared");
});

test("without vega there is an error that says what to install", async () => {
  const found = await diff([a, b]);
  const load = () => Promise.reject(new Error("Cannot find package 'vega'"));
  expect(await refusal(() => diffPage(found, load))).toMatchObject({
    code: "MISSING_PACKAGE",
    hint: "npm install vega",
  });
});
