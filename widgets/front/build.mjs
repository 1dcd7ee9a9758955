// The bundle of `src/`, one script and one style sheet, beside the page's template. `build.py` calls it.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const version = JSON.parse(readFileSync("node_modules/anywidget/package.json", "utf8")).version;

// anywidget's front end is a module of RequireJS; its last line names what it wants. It gives a widget up that is not ready after two seconds,
// which on a machine with thirty people at once it may not be.
const anywidget = {
  name: "anywidget",
  setup(own) {
    own.onLoad({ filter: /anywidget[\\/]dist[\\/]index\.js$/ }, ({ path }) => {
      const text = readFileSync(path, "utf8");
      const own = text.replace(/define\(\["@jupyter-widgets\/base"\], (\w+)\);/, "export default $1;");
      const contents = own.replace("AbortSignal.timeout(2e3)", "AbortSignal.timeout(6e4)");
      if (own === text || contents === own) throw new Error("Expected anywidget to end with its define and to wait for two seconds; it does not.");
      return { contents, loader: "js" };
    });
  },
};

const { metafile } = await build({
  entryPoints: { front: "src/index.ts" },
  outdir: process.argv[2],
  bundle: true,
  minify: true,
  format: "iife",
  target: ["chrome109", "firefox115", "safari16.4"],
  legalComments: "none",
  define: { ANYWIDGET: JSON.stringify(version), "process.env.NODE_ENV": '"production"' },
  plugins: [anywidget],
  metafile: true,
  logLevel: "warning",
});

// The licenses of all that went in, by package. Some come without their text; it is that of their repository.
const REPOSITORIES = { "@lumino/": "licenses/lumino.txt", "@jupyter-widgets/": "licenses/jupyter-widgets.txt" };
const text = (name, folder) => {
  const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
  const known = Object.keys(REPOSITORIES).find((one) => name.startsWith(one));
  if (!file && !known) throw new Error(`${name} comes without the text of its license; put it under licenses/ and name it here`);
  return readFileSync(file ? `${folder}/${file}` : REPOSITORIES[known], "utf8");
};
const packages = [...new Set(Object.keys(metafile.inputs).flatMap((path) => path.match(/^node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0] ?? []))].sort();
const licenses = packages.map((folder) => {
  const { name, version: versionInfo, license: licenseId } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  return { name, versionInfo, licenseId, extractedText: text(name, folder) };
});
writeFileSync(`${process.argv[2]}/front-licenses.json`, `${JSON.stringify({ packages: licenses }, null, 2)}\n`);
