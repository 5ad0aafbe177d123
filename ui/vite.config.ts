import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";
import solid from "vite-plugin-solid";

const SERVER = process.env.MILLSTREAM_SERVER ?? "http://127.0.0.1:5000";

/** Writes `name.gz` beside each script and style sheet; the server sends it to browsers that take gzip. */
function precompress(): Plugin {
  return {
    name: "precompress",
    apply: "build",
    writeBundle(options, bundle) {
      for (const name of Object.keys(bundle)) {
        if (!/\.(js|css|svg)$/.test(name)) continue;
        const path = join(options.dir ?? "", name);
        writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 9 }));
      }
    },
  };
}

/** Modules, as parts of expressions, that go into one file, without what they need: other pages may need that alone. */
const together = (name: string, ...paths: string[]): { name: string; test: RegExp; includeDependenciesRecursively: boolean } => ({
  name, test: new RegExp(`[\\\\/]src[\\\\/](?:${paths.join("|").replaceAll("/", "[\\\\/]")})\\.`), includeDependenciesRecursively: false,
});

// Asset addresses stay relative so that the pages work below any path prefix: the server rewrites the
// `<base href="/">` of index.html, and every chunk finds its siblings next to itself.
export default defineConfig({
  base: "./",
  plugins: [solid(), precompress()],
  build: {
    outDir: "../src/millstream/server/static",
    emptyOutDir: true,
    target: "es2022",
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            // Each file costs a way to the server: what every page needs is one, what every line chart needs another.
            { name: "index", tags: ["$initial"], priority: 2 },
            { name: "charts", test: /[\\/]src[\\/](chart[\\/](?!kinds|save|svg|ChartEditor|MadeCharts)|pages[\\/]workspace[\\/]ChartPane)/, priority: 1 },
            // Many small files weigh more than few: what is opened at one place, or needed by the same pages, is one.
            together("base", "core/(files|preview|throttle|registry|requirements)"),
            together("dialogs", "parts/(Modal|Dialog)"),
            together("palette", "app/(Help|palette)", "core/seek"),
            together("models", "pages/models/(ModelsPage|ModelPage|VersionTable|Dialogs|Editing|StageSelect|edits)"),
            together("compare", "pages/compare/(?!CompareCharts|ValueDialog).*", "i18n/compare", "core/shared_files"),
            together("bulk", "pages/workspace/(BulkDialogs|SelectionBar|NoneMatch)"),
            together("views", "pages/workspace/(views_menu|ViewDialog)"),
            together("media", "preview/(Preview|ImageView|MediaView|PdfView|HtmlView)"),
            together("text", "preview/(TextView|HexView)", "core/(highlight|binary_files)"),
            together("tables", "preview/(CsvView|NpyView|ZipView|JsonView)"),
            together("kinds", "chart/kinds/.*", "core/importance"),
          ],
        },
      },
    },
  },
  server: { proxy: Object.fromEntries(["/api", "/ajax-api", "/get-artifact"].map((path) => [path, SERVER])) },
});
