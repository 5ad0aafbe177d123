/** What an archive holds; only its end is read. */

import { createMemo, Show, type JSX } from "solid-js";
import { listZip } from "../core/binary_files";
import { formatBytes } from "../core/format";
import { t } from "../app/prefs";
import { HexView } from "./HexView";
import { sheetOf } from "./sheet";
import { TableView } from "./TableView";
import { Loading, loadFile, type ViewProps } from "./view";

export function ZipView(props: ViewProps): JSX.Element {
  const loaded = loadFile(props, listZip);
  return (
    <Loading path={props.path} loaded={loaded}>
      {(entries) => (
        <Show when={entries()} fallback={<HexView source={props.source} path={props.path} />}>
          {(found) => {
            const sheet = createMemo(() => sheetOf({
              header: [t("preview.entry"), t("preview.entry_size"), t("preview.entry_packed"), t("preview.entry_time")],
              rows: found().map((entry) => [entry.name, formatBytes(entry.size), formatBytes(entry.packed), entry.time]),
            }));
            return <TableView sheet={sheet()} />;
          }}
        </Show>
      )}
    </Loading>
  );
}
