/** The CUDA driver that tests take: the machine's with WEIGHTLOOM_TEST_CUDA=1, else the mock. */
import { cudaMock } from "../scripts/cuda-mock.mjs";

/** Whether a GPU is to be tested, and not the mock. */
export const realCuda: boolean = process.env.WEIGHTLOOM_TEST_CUDA === "1";

/** Path of the mock's library; undefined where it cannot be compiled. */
export function mockDriver(): string | undefined {
  return cudaMock();
}

/**
 * Makes the driver of this process the one to be tested; it is looked for once in a process, and so
 * this comes before anything else. False where there is none.
 */
export function takeTestDriver(): boolean {
  if (realCuda) return true;
  const path = mockDriver();
  if (path === undefined) return false;
  process.env.WEIGHTLOOM_CUDA_DRIVER = path;
  return true;
}
