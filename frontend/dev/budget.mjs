// The first screen loads at most 250 KB of script, compressed. Counts what index.html loads and all it imports statically.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const BUDGET_BYTES = 250 * 1024;
const dist = fileURLToPath(new URL("../dist/", import.meta.url));
const manifest = JSON.parse(readFileSync(`${dist}.vite/manifest.json`, "utf8"));

function withImports(name, seen = new Set()) {
  if (seen.has(name)) return seen;
  seen.add(name);
  for (const next of manifest[name].imports ?? []) withImports(next, seen);
  return seen;
}

const sizes = [...withImports("index.html")]
  .map((name) => manifest[name].file)
  .filter((file) => file.endsWith(".js"))
  .map((file) => ({ file, bytes: gzipSync(readFileSync(dist + file), { level: 9 }).length }));
const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
for (const { file, bytes } of sizes) console.log(`${String(bytes).padStart(8)}  ${file}`);
console.log(JSON.stringify({ budget: "first-screen-script-gzip-bytes", value: total, limit: BUDGET_BYTES, ok: total <= BUDGET_BYTES }));
process.exitCode = total <= BUDGET_BYTES ? 0 : 1;
