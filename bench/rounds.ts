/** Runs one case by benny: every sample is a round in which all sides take their turn. */
import benny from "benny";
import type { Case, Round } from "./case.ts";

/** Every other round goes backwards, so that no side always follows the same one. */
async function playRound(sides: Case["sides"], index: number): Promise<Round> {
  const round: Record<string, number> = {};
  const names = Object.keys(sides);
  if (index % 2 === 1) names.reverse();
  for (const name of names) round[name] = await sides[name]();
  return round;
}

/** benny takes each of its samples from `body`, and none from the calls that look at its type. */
async function sample(name: string, samples: number, body: () => Promise<void>): Promise<void> {
  let started = false;
  let failure: { error: unknown } | undefined;
  const guarded = async () => {
    // benny waits for ever for a promise that rejects.
    if (started && failure === undefined) await body().catch((error) => (failure = { error }));
  };
  const start: Parameters<typeof benny.suite>[1] = async () => (suite) =>
    suite.on("start", () => {
      started = true;
    });
  const once = { initCount: 1, minSamples: samples, minTime: 1e-9, maxTime: 1e-9 };
  await benny.suite(name, start, benny.add(name, guarded, once));
  if (failure !== undefined) throw failure.error;
}

/** Checks the case's answer, then plays its rounds. */
export async function playCase(suite: string, each: Case, rounds: number): Promise<Round[]> {
  await each.check();
  const played: Round[] = [];
  const wanted = each.rounds ?? rounds;
  await sample(`${suite} ${each.name}`, wanted, async () => {
    if (played.length < wanted) played.push(await playRound(each.sides, played.length));
  });
  return played;
}
