/** Scatter and contour: a point a run between two columns, coloured by run, group or a third column. */

import { createMemo, For, Show, type JSX } from "solid-js";
import { t } from "../../app/prefs";
import { boundsOf, ramp, surfaceOf } from "../../core/made";
import { formatNumber } from "../../core/format";
import { Axes, BOTTOM, LEFT, Picture, scaleOf, TOP, type KindProps, type Size } from "./frame";

/** Squares of a contour's ground, each way. */
const GRID = 36;

export function Points(props: KindProps): JSX.Element {
  const x = createMemo(() => props.values(props.made.x));
  const y = createMemo(() => props.values(props.made.y));
  const z = createMemo(() => (props.made.z ? props.values(props.made.z) : null));
  const points = createMemo(() => props.runs.flatMap((run, i) => {
    const [px, py] = [x().at[i], y().at[i]];
    return px === null || py === null || px === undefined || py === undefined ? [] : [{ run, i, x: px, y: py }];
  }));
  const color = (run: KindProps["runs"][number], i: number): string => {
    const third = z();
    if (!third) return run.group ? props.colorOf(run.group) : run.color;
    const [low, high] = boundsOf(third);
    const value = third.at[i];
    return value === null || value === undefined ? "var(--line-strong)" : ramp(high > low ? (value - low) / (high - low) : 0.5);
  };
  const label = (): string => t("made.points_label", { x: x().name, y: y().name, n: points().length });
  return (
    <Picture label={label()}>
      {(size) => {
        const sx = createMemo(() => scaleOf(x(), LEFT, size().width - 12));
        const sy = createMemo(() => scaleOf(y(), size().height - BOTTOM, TOP));
        return (
          <>
            <Show when={props.made.kind === "contour" && z()}><Ground {...props} size={size()} /></Show>
            <Axes x={x()} y={y()} sx={sx()} sy={sy()} />
            <For each={points()}>
              {(point) => (
                <circle cx={sx().pixel(point.x)} cy={sy().pixel(point.y)} r={props.hot === point.run.id ? 7 : 4.5} fill={color(point.run, point.i)} class="run-point"
                  classList={{ dim: props.hot !== null && props.hot !== point.run.id }} onPointerEnter={() => props.onHot(point.run.id)} onPointerLeave={() => props.onHot(null)}
                  onClick={() => props.onOpen(point.run.id)}>
                  <title>{`${point.run.name}\n${x().name}: ${x().shown[point.i]}\n${y().name}: ${y().shown[point.i]}${z() ? `\n${z()?.name}: ${z()?.shown[point.i]}` : ""}`}</title>
                </circle>
              )}
            </For>
            <Show when={z() && !z()?.texts ? z() : null}>
              {(third) => <text class="axis-name" x={size().width - 12} y={11} text-anchor="end">{`${third().name}: ${formatNumber(boundsOf(third())[0])} – ${formatNumber(boundsOf(third())[1])}`}</text>}
            </Show>
          </>
        );
      }}
    </Picture>
  );
}

/** What lies between the points, by their third column. */
function Ground(props: KindProps & { size: Size }): JSX.Element {
  const cells = createMemo(() => {
    const [x, y, z] = [props.values(props.made.x), props.values(props.made.y), props.values(props.made.z)];
    const sx = scaleOf(x, 0, 1);
    const sy = scaleOf(y, 0, 1);
    const points = props.runs.flatMap((_, i) => {
      const [px, py, pz] = [x.at[i], y.at[i], z.at[i]];
      return typeof px === "number" && typeof py === "number" && typeof pz === "number" ? [{ x: sx.pixel(px), y: sy.pixel(py), z: pz }] : [];
    });
    const [low, high] = boundsOf(z);
    return points.length ? [...surfaceOf(points, GRID)].map((value) => ramp(high > low ? (value - low) / (high - low) : 0.5)) : [];
  });
  const step = (): [number, number] => [(props.size.width - 12 - LEFT) / GRID, (props.size.height - BOTTOM - TOP) / GRID];
  return (
    <g class="ground">
      <For each={cells()}>
        {(fill, i) => <rect x={LEFT + (i() % GRID) * step()[0]} y={props.size.height - BOTTOM - (Math.floor(i() / GRID) + 1) * step()[1]} width={step()[0] + 0.6} height={step()[1] + 0.6} fill={fill} />}
      </For>
    </g>
  );
}
