/** Values of Parquet pages in all encodings: https://parquet.apache.org/docs/file-format/data-pages/encodings/ */

export type Value = number | bigint | boolean | Uint8Array;

/** The physical types. */
export const [BOOLEAN, INT32, INT64, INT96, FLOAT, DOUBLE, BYTES, FIXED] = [0, 1, 2, 3, 4, 5, 6, 7] as const;

const BROKEN = "A page of the file is damaged.";
/** A page that says that it has more values is not believed. */
const MOST_VALUES = 20_000_000;

/** A number of values that can be. */
export function checkCount(count: number): number {
  if (!(count >= 0 && count <= MOST_VALUES)) throw new Error(BROKEN);
  return count;
}

/** Bytes that are read from the front; beyond their end is an error. */
export class Cursor {
  at = 0;
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  take(length: number): Uint8Array {
    if (length < 0 || this.at + length > this.bytes.length) throw new Error(BROKEN);
    return this.bytes.subarray(this.at, (this.at += length));
  }

  byte(): number {
    const found = this.bytes[this.at++];
    if (found === undefined) throw new Error(BROKEN);
    return found;
  }

  int(): number {
    const found = this.view.getInt32(this.at, true);
    this.at += 4;
    return found;
  }

  varint(): number {
    let [value, scale] = [0, 1];
    for (;;) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
  }

  zigzag(): bigint {
    let [value, shift] = [0n, 0n];
    for (let byte = 128; byte >= 128; shift += 7n) {
      byte = this.byte();
      value |= BigInt(byte & 127) << shift;
    }
    return (value >> 1n) ^ -(value & 1n);
  }
}

/** `count` numbers of `width` bits in runs and bit-packed groups. */
export function readHybrid(cursor: Cursor, width: number, count: number): number[] {
  const found: number[] = [];
  if (width === 0) return new Array<number>(count).fill(0);
  while (found.length < count) {
    const head = cursor.varint();
    if (head & 1) {
      const groups = head >> 1;
      // The last group of a page may be cut where its values end.
      const packed = cursor.take(Math.min(groups * width, cursor.bytes.length - cursor.at));
      if (!packed.length && groups) throw new Error(BROKEN);
      pushPacked(found, packed, width, Math.min(groups * 8, count - found.length));
    } else {
      const bytes = cursor.take(Math.ceil(width / 8));
      const value = bytes.reduce((sum, byte, i) => sum + byte * 2 ** (8 * i), 0);
      const times = Math.min(head >> 1, count - found.length);
      if (!(head >> 1)) throw new Error(BROKEN);
      for (let i = 0; i < times; i++) found.push(value);
    }
  }
  return found;
}

function pushPacked(to: number[], packed: Uint8Array, width: number, count: number): void {
  let [bits, have, at] = [0, 0, 0];
  const modulus = 2 ** width;
  for (let i = 0; i < count; i++) {
    while (have < width) {
      bits += (packed[at++] ?? 0) * 2 ** have;
      have += 8;
    }
    const value = bits % modulus;
    to.push(value);
    bits = (bits - value) / modulus;
    have -= width;
  }
}

/** `count` values, one after the other as they are. */
export function readPlain(cursor: Cursor, type: number, width: number, count: number): Value[] {
  const { view } = cursor;
  if (type === BOOLEAN) {
    const bits = cursor.take(Math.ceil(count / 8));
    return Array.from({ length: count }, (_, i) => (((bits[i >> 3] as number) >> (i & 7)) & 1) === 1);
  }
  if (type === BYTES) return Array.from({ length: count }, () => cursor.take(cursor.int()));
  const size = [0, 4, 8, 12, 4, 8, 0, width][type] ?? 0;
  const start = cursor.at;
  cursor.take(size * count);
  const read: Record<number, (at: number) => Value> = {
    [INT32]: (at) => view.getInt32(at, true), [INT64]: (at) => view.getBigInt64(at, true),
    [FLOAT]: (at) => view.getFloat32(at, true), [DOUBLE]: (at) => view.getFloat64(at, true),
  };
  const one = read[type] ?? ((at: number): Value => cursor.bytes.subarray(at, at + size));
  return Array.from({ length: count }, (_, i) => one(start + i * size));
}

/** Differences between whole numbers, in blocks of small ones. */
export function readDelta(cursor: Cursor): bigint[] {
  const block = cursor.varint();
  const parts = cursor.varint();
  const count = checkCount(cursor.varint());
  let value = cursor.zigzag();
  const found: bigint[] = count ? [value] : [];
  const each = block / parts;
  if (!(each > 0) || each % 8) throw new Error(BROKEN);
  while (found.length < count) {
    const least = cursor.zigzag();
    const widths = cursor.take(parts);
    for (const width of widths) {
      if (found.length >= count) break;
      const packed = cursor.take((each * width) / 8);
      for (let i = 0; i < each && found.length < count; i++) {
        value = BigInt.asIntN(64, value + least + bitsAt(packed, i * width, width));
        found.push(value);
      }
    }
  }
  return found;
}

function bitsAt(bytes: Uint8Array, start: number, width: number): bigint {
  let value = 0n;
  for (let bit = start, done = 0; done < width; ) {
    const take = Math.min(8 - (bit & 7), width - done);
    value |= BigInt(((bytes[bit >> 3] ?? 0) >> (bit & 7)) & ((1 << take) - 1)) << BigInt(done);
    bit += take;
    done += take;
  }
  return value;
}

/** Texts: all lengths, then all bytes. */
function readDeltaLengths(cursor: Cursor): Uint8Array[] {
  return readDelta(cursor).map(Number).map((length) => cursor.take(length));
}

/** Texts of which each says how much of the one before it begins with. */
function readDeltaTexts(cursor: Cursor): Uint8Array[] {
  const shared = readDelta(cursor).map(Number);
  let before = new Uint8Array();
  return readDeltaLengths(cursor).map((rest, i) => {
    const text = new Uint8Array((shared[i] ?? 0) + rest.length);
    text.set(before.subarray(0, shared[i]));
    text.set(rest, shared[i]);
    return (before = text);
  });
}

/** First bytes of all values, then their second ones, and so on. */
function readSplit(cursor: Cursor, type: number, width: number, count: number): Value[] {
  const size = [0, 4, 8, 12, 4, 8, 0, width][type] ?? 0;
  const bytes = cursor.take(size * count);
  const joined = Uint8Array.from(bytes, (_, i) => bytes[(i % size) * count + Math.floor(i / size)] as number);
  return readPlain(new Cursor(joined), type, width, count);
}

/** `count` values of a page's encoding. */
export function readValues(cursor: Cursor, encoding: number, type: number, width: number, count: number, dictionary: readonly Value[] | null): Value[] {
  switch (encoding) {
    case 0: return readPlain(cursor, type, width, count);
    case 2: case 8: {
      if (!dictionary) throw new Error(BROKEN);
      return count ? readHybrid(cursor, cursor.byte(), count).map((i) => dictionary[i] as Value) : [];
    }
    case 3: {
      cursor.take(4);
      return readHybrid(cursor, 1, count).map((bit) => bit === 1);
    }
    case 5: return readDelta(cursor).map((value) => (type === INT32 ? Number(BigInt.asIntN(32, value)) : value));
    case 6: return readDeltaLengths(cursor);
    case 7: return readDeltaTexts(cursor);
    case 9: return readSplit(cursor, type, width, count);
    default: throw new Error(`A column is written in encoding ${encoding}, which is not known here.`);
  }
}
