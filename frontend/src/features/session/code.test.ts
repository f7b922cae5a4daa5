import { describe, expect, test, vi } from "vitest";
import { codeIn, takeCode } from "./code";

describe("the code of a sign-in link", () => {
  test.each([["#code=abc", "abc"], ["#code=a%2Bb", "a+b"], ["#code=", null], ["", null], ["#other=1", null]])(
    "in %s is %s",
    (fragment, code) => expect(codeIn(fragment)).toBe(code),
  );

  test("leaves the address bar and its history entry, and nothing else does", () => {
    const replaceState = vi.fn();
    const history = { replaceState } as unknown as History;
    const location = { hash: "#code=abc", pathname: "/apps/staging/shop", search: "?release=r1" } as Location;

    expect(takeCode(location, history)).toBe("abc");
    expect(replaceState).toHaveBeenCalledWith(null, "", "/apps/staging/shop?release=r1");
  });
});
