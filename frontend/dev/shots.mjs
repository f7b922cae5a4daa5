// Looks at the page in Chromium against a running system (or dev/mock.mjs) and keeps pictures of each screen and theme.
// usage: node dev/shots.mjs SIGN_IN_LINK FOLDER
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import axe from "axe-core";
import { chromium } from "playwright-core";

const [link, folder] = process.argv.slice(2);
if (link === undefined || folder === undefined) throw new Error("usage: node dev/shots.mjs SIGN_IN_LINK FOLDER");
await mkdir(folder, { recursive: true });
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
const page = await context.newPage();
page.on("console", (message) => message.type() !== "debug" && console.log(`console ${message.type()}: ${message.text()}`));
page.on("pageerror", (error) => console.log(`page error: ${error.message}`));
let serious = 0;
const shot = async (name, options) => {
  await page.screenshot({ path: join(folder, `${name}.png`), ...options });
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => globalThis.axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"] }));
  for (const { id, impact, nodes } of violations) {
    if (impact === "serious" || impact === "critical") serious += 1;
    console.log(`axe ${name}: ${impact} ${id} at ${nodes.map((node) => node.target.join(" ")).slice(0, 3).join(", ")}`);
  }
};

await page.goto(new URL("/", link).href);
await page.getByTestId("signed-out").waitFor();
await shot("signed-out");
await page.goto("about:blank");
await page.goto(link);
await page.getByTestId("app-row").first().waitFor();
if (page.url().includes("code")) throw new Error("the code is still in the address bar");
await page.waitForTimeout(3_000);
for (const scheme of ["light", "dark"]) {
  await page.emulateMedia({ colorScheme: scheme });
  await shot(`apps-${scheme}`);
}
await page.emulateMedia({ colorScheme: "light" });
const first = page.getByTestId("app-row").filter({ hasText: "shop" }).first().getByRole("link").first();
await first.click();
await page.getByTestId("timeline").waitFor();
for (const scheme of ["light", "dark"]) {
  await page.emulateMedia({ colorScheme: scheme });
  await page.waitForTimeout(2_500);
  await shot(`app-${scheme}`, { fullPage: true });
}
await page.emulateMedia({ colorScheme: "light" });
const back = page.getByTestId("action-roll-back").last();
if (await back.count()) {
  await back.click();
  await page.getByTestId("action-panel").waitFor();
  await shot("roll-back");
  await page.getByTestId("confirm").click();
  await page.getByTestId("request").waitFor();
  await shot("requested");
  await page.waitForTimeout(4_000);
  await shot("followed", { fullPage: true });
}
await page.getByTestId("action-delete").click();
await page.getByTestId("action-panel").waitFor();
await shot("delete");
await page.keyboard.press("Escape");
await page.setViewportSize({ width: 375, height: 800 });
await shot("app-narrow", { fullPage: true });
await page.goto(new URL("/", link).href);
await page.getByTestId("app-row").first().waitFor();
await shot("apps-narrow", { fullPage: true });
await browser.close();
console.log(JSON.stringify({ serious_accessibility_findings: serious }));
process.exitCode = serious === 0 ? 0 : 1;
