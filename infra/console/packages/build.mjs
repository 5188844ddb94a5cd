// Bundles the packages: `node build.mjs FOLDER` writes vendor.js and vendor/ there. The same lock file gives the same bytes.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const folder = process.argv[2];
const options = {
  absWorkingDir: here,
  bundle: true,
  charset: "utf8",
  conditions: ["production"],
  format: "esm",
  legalComments: "none", // the texts of all licences are in one file beside
  loader: { ".css": "text" },
  metafile: true,
  minify: true,
  target: "es2022",
};

const packages = new Set();
for (const [entry, out] of [["vendor", "vendor.js"], ["sign-in", "vendor/sign-in.js"], ["highlight", "vendor/highlight.js"], ["plots", "vendor/plots.js"]]) {
  const { metafile } = await build({ ...options, entryPoints: [`${entry}.entry.js`], outfile: join(folder, out) });
  for (const input of Object.keys(metafile.inputs)) {
    const found = /^(?:\.\.\/)*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (found) {
      packages.add(found[1]);
    }
  }
}

const texts = [...packages].sort().map((name) => {
  const root = join(here, "node_modules", name);
  const { version, license } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const file = readdirSync(root).find((one) => /^licen[cs]e/i.test(one));
  const text = file ? readFileSync(join(root, file), "utf8").trim() : `Licensed under ${license}.`;
  return `${name} ${version}\n${"=".repeat(name.length + version.length + 1)}\n\n${text}\n`;
});
mkdirSync(join(folder, "vendor"), { recursive: true });
writeFileSync(join(folder, "vendor", "LICENSES.txt"), texts.join("\n\n"));
