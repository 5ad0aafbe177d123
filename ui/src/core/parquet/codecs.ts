/** Bytes of Parquet pages, unpacked. */

import { zstd } from "./zstd";

const STREAMS: Record<number, string> = { 2: "gzip", 4: "brotli" };
const NAMES = ["none", "snappy", "gzip", "lzo", "brotli", "lz4", "zstd", "lz4_raw"];

/** `size` bytes out of packed ones; an error names the method that browsers do not know. */
export async function unpack(packed: Uint8Array, codec: number, size: number): Promise<Uint8Array> {
  if (codec === 0) return packed;
  if (codec === 1) return snappy(packed, size);
  if (codec === 6) return zstd(packed, size);
  if (codec === 7) return lz4(packed, size);
  const stream = STREAMS[codec];
  if (stream === undefined) throw new Error(`It is compressed with ${NAMES[codec] ?? `method ${codec}`}, which browsers cannot open.`);
  let unpacker: DecompressionStream;
  try {
    unpacker = new DecompressionStream(stream as CompressionFormat);
  } catch {
    throw new Error(`It is compressed with ${stream}, which this browser cannot open.`);
  }
  const body = new Blob([packed as Uint8Array<ArrayBuffer>]).stream().pipeThrough(unpacker);
  return new Uint8Array(await new Response(body).arrayBuffer());
}

const BROKEN = "A page of the file is damaged.";

/** Snappy's raw format: https://github.com/google/snappy/blob/main/format_description.txt */
export function snappy(packed: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(size);
  let [from, to] = [0, 0];
  while ((packed[from] ?? 0) & 128) from += 1;
  from += 1;
  const little = (n: number): number => {
    let value = 0;
    for (let i = 0; i < n; i++) value += (packed[from++] ?? 0) * 2 ** (8 * i);
    return value;
  };
  while (from < packed.length) {
    const tag = packed[from++] as number;
    let length = (tag >> 2) + 1;
    if ((tag & 3) === 0) {
      if (length > 60) length = little(length - 60) + 1;
      if (from + length > packed.length || to + length > size) throw new Error(BROKEN);
      out.set(packed.subarray(from, from + length), to);
      from += length;
      to += length;
      continue;
    }
    let back: number;
    if ((tag & 3) === 1) {
      length = ((tag >> 2) & 7) + 4;
      back = ((tag >> 5) << 8) | little(1);
    } else back = little((tag & 3) === 2 ? 2 : 4);
    to = repeat(out, to, back, length);
  }
  return out;
}

/** LZ4's block format: https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md */
export function lz4(packed: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(size);
  let [from, to] = [0, 0];
  const longer = (length: number): number => {
    if (length !== 15) return length;
    for (let more = 255; more === 255; length += more) more = packed[from++] ?? 0;
    return length;
  };
  while (from < packed.length) {
    const token = packed[from++] as number;
    const length = longer(token >> 4);
    if (from + length > packed.length || to + length > size) throw new Error(BROKEN);
    out.set(packed.subarray(from, from + length), to);
    from += length;
    to += length;
    if (from >= packed.length) break;
    const back = (packed[from] ?? 0) | ((packed[from + 1] ?? 0) << 8);
    from += 2;
    to = repeat(out, to, back, longer(token & 15) + 4);
  }
  return out;
}

/** Copies what stands `back` bytes before, which may overlap; says where it ends. */
function repeat(out: Uint8Array, to: number, back: number, length: number): number {
  if (back <= 0 || back > to || to + length > out.length) throw new Error(BROKEN);
  for (let i = 0; i < length; i++) out[to + i] = out[to - back + i] as number;
  return to + length;
}
