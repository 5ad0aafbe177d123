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
          ],
        },
      },
    },
  },
  server: { proxy: Object.fromEntries(["/api", "/ajax-api", "/get-artifact"].map((path) => [path, SERVER])) },
});
