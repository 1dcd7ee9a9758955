// The bundle of `src/`, one script and one style sheet, beside the page's template. `build.py` calls it.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const version = JSON.parse(readFileSync("node_modules/anywidget/package.json", "utf8")).version;

// anywidget's front end is a module of RequireJS; its last line names what it wants. It gives a widget up that is not ready after two seconds,
// which on a machine with thirty people at once it may not be. Each widget has it load its script anew; ours of one kind share one module.
const CHANGES = [
  [/define\(\["@jupyter-widgets\/base"\], (\w+)\);/, "export default $1;"],
  ["AbortSignal.timeout(2e3)", "AbortSignal.timeout(6e4)"],
  ["await loadEsm(esm)", 'await (anywidgetId?.startsWith("tiltyard_widgets.") ? loadOnce(esm) : loadEsm(esm))'],
  ["async function loadEsm(esm) {", "const kept = new Map();\nconst loadOnce = (esm) => kept.get(esm) ?? kept.set(esm, loadEsm(esm)).get(esm);\n$&"],
];
const anywidget = {
  name: "anywidget",
  setup(own) {
    own.onLoad({ filter: /anywidget[\\/]dist[\\/]index\.js$/ }, ({ path }) => {
      const contents = CHANGES.reduce((text, [found, put]) => {
        const changed = text.replace(found, put);
        if (changed === text) throw new Error(`Expected anywidget's script to have ${found}; it does not.`);
        return changed;
      }, readFileSync(path, "utf8"));
      return { contents, loader: "js" };
    });
  },
};

// A third of the script were the parsers of sanitize-html, for HTML in a label (`description_allow_html`): a page that has some is left to Voila's script.
const unsanitized = {
  name: "unsanitized",
  setup(own) {
    own.onResolve({ filter: /^sanitize-html$/ }, ({ path }) => ({ path, namespace: "left-out" }));
    own.onLoad({ filter: /.*/, namespace: "left-out" }, () => ({ contents: 'export default () => { throw new Error("no HTML is sanitized here"); };' }));
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
  plugins: [anywidget, unsanitized],
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
