import { describe, expect, test } from "vitest";
import { PALETTE } from "./color";
import { escapeHtml, sheetColor, writeSheet, type Sheet } from "./sheet";

const EVIL = `</style><script>alert(1)</script><img src=x onerror="a()"> ' & javascript:x`;

const sheet = (part: Partial<Sheet> = {}): Sheet => ({
  language: "ko", title: "실험", facts: [["저장소", "/데이터"]], nameLabel: "실행", columns: [{ label: "loss", number: true }, { label: "p", number: false }],
  rows: [{ name: "하나", depth: 1, color: PALETTE.dark[2], cells: [{ text: "0.1", title: "0.12345678901" }, { text: "x", title: "x" }] }],
  rowsNote: "", chartsTitle: "차트", charts: [{ title: "loss", svg: "<svg></svg>", note: "" }], chartsNote: "", ...part,
});

describe("a page as a file", () => {
  test("holds what it was given, exact values too", () => {
    const text = writeSheet(sheet());
    for (const part of ['<html lang="ko">', "<title>실험</title>", '<td class="n" title="0.12345678901"><bdi>0.1</bdi></td>', "<td><bdi>x</bdi></td>", "padding-left:26px", "var(--p2)", "prefers-color-scheme:dark"]) {
      expect(text).toContain(part);
    }
  });

  test("no value becomes markup", () => {
    const text = writeSheet(sheet({
      language: EVIL, title: EVIL, facts: [[EVIL, EVIL]], nameLabel: EVIL, columns: [{ label: EVIL, number: false }], rowsNote: EVIL, chartsTitle: EVIL, chartsNote: EVIL,
      rows: [{ name: EVIL, depth: 0, color: `red"><script>`, cells: [{ text: EVIL, title: `${EVIL} more` }] }], charts: [{ title: EVIL, svg: "<svg></svg>", note: EVIL }],
    }));
    expect(text).not.toMatch(/<script|<img/);
    expect(text.match(/<style>/g)).toHaveLength(1);
    expect(text.match(/<\/style>/g)).toHaveLength(1);
    // A quote that is not escaped would end an attribute.
    expect(text).not.toContain('onerror="');
  });

  test("its policy lets nothing in and runs nothing", () => {
    const text = writeSheet(sheet());
    expect(text).toContain("default-src &#39;none&#39;");
    expect(text).not.toContain("script-src");
    expect(text).not.toMatch(/https?:/);
  });
});

test("signs that a document cannot hold are shown as such, line ends and Korean stay", () => {
  expect(escapeHtml("a\u0000b\u001b\u0085 한글\n\t")).toBe("a\ufffdb\ufffd\ufffd 한글\n\t");
});

test("colours of the palette follow the theme, chosen ones stay, others are none", () => {
  expect(sheetColor(PALETTE.light[3])).toBe("var(--p3)");
  expect(sheetColor("#12abEF")).toBe("#12abEF");
  expect(sheetColor("red;}body{}")).toBe("var(--quiet)");
});
