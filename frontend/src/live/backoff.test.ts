import fc from "fast-check";
import { expect, test } from "vitest";
import { delayMs, LEAST_DELAY_MS, MOST_DELAY_MS } from "./backoff";

test("a delay is never shorter than half a second nor longer than half a minute", () => {
  fc.assert(
    fc.property(fc.nat(10_000), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (attempt, random) => {
      const delay = delayMs(attempt, random);

      expect(delay).toBeGreaterThanOrEqual(LEAST_DELAY_MS);
      expect(delay).toBeLessThanOrEqual(MOST_DELAY_MS);
    }),
  );
});

test("the span that chance chooses from doubles with each attempt", () => {
  expect([0, 1, 2, 3].map((attempt) => delayMs(attempt, 0.999999))).toEqual([500, 1_000, 2_000, 4_000]);
});
