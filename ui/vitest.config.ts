import { defineConfig } from "vitest/config";

// The tested core knows neither Solid nor the browser, so its tests need no plug-in and no page.
export default defineConfig({ test: { environment: "node", include: ["src/**/*.test.ts"] }, assetsInclude: ["**/*.parquet"] });
