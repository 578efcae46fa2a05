import { expect, test } from "vitest";
import { patiently, RETRIES } from "../../../lib/run/patience.ts";

function failing(times: number, code: string) {
  let calls = 0;
  return {
    body: () => {
      calls++;
      if (calls <= times) throw Object.assign(new Error(code), { code });
      return calls;
    },
    calls: () => calls,
  };
}

test("what is in the way for a moment is waited for", () => {
  expect(patiently(failing(2, "EBUSY").body, [1, 1, 1])).toBe(3);
  expect(patiently(failing(3, "EPERM").body, [1, 1, 1])).toBe(4);
});

test("but not for ever", () => {
  const { body, calls } = failing(9, "EACCES");
  expect(() => patiently(body, [1, 1])).toThrow("EACCES");
  expect(calls()).toBe(3);
});

test("any other error comes at once", () => {
  const { body, calls } = failing(1, "ENOSPC");
  expect(() => patiently(body, [1, 1])).toThrow("ENOSPC");
  expect(calls()).toBe(1);
});

test("only Windows needs it", () => {
  const { body, calls } = failing(1, "EPERM");
  if (process.platform === "win32") expect(patiently(body)).toBe(2);
  else expect(() => patiently(body)).toThrow("EPERM");
  expect(calls()).toBe(process.platform === "win32" ? 2 : 1);
  expect(RETRIES > 0).toBe(process.platform === "win32");
});
