/** Runs `task` `count` times, two at a time. @returns the result of each */
export async function inTwoLanes<T>(count: number, task: (lane: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let started = 0;
  const run = async (lane: number) => {
    while (started++ < count) results.push(await task(lane));
  };
  await Promise.all([run(1), run(2)]);
  return results;
}
