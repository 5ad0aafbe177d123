/** Zstandard without dictionaries: RFC 8878, whose names are used here. */

const BROKEN = "A page of the file is damaged.";

/** Reads bits from the end of its bytes to their beginning; before that are zeros. */
class Backward {
  at: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    const last = bytes.at(-1) ?? 0;
    if (last === 0) throw new Error(BROKEN);
    this.#bytes = bytes;
    // The highest bit that is set only marks where the bits begin.
    this.at = bytes.length * 8 - 1 - Math.clz32(last) + 24;
  }

  /** The next `count` bits, at most 32, without taking them. */
  peek(count: number): number {
    const from = this.at - count;
    if (from < 0) return this.#bits(0, Math.max(0, this.at)) * 2 ** (this.at > 0 ? -from : 0);
    return this.#bits(from, count);
  }

  read(count: number): number {
    const value = this.peek(count);
    this.at -= count;
    return value;
  }

  #bits(from: number, count: number): number {
    if (count <= 24) {
      // Bytes beyond the end count as zero in shifts.
      const bytes = this.#bytes;
      const i = from >> 3;
      const four = (bytes[i] as number) | ((bytes[i + 1] as number) << 8) | ((bytes[i + 2] as number) << 16) | ((bytes[i + 3] as number) << 24);
      return (four >>> (from & 7)) & ((1 << count) - 1);
    }
    let value = 0;
    const first = from >> 3;
    const end = (from + count + 7) >> 3;
    for (let i = end - 1; i >= first; i--) value = value * 256 + (this.#bytes[i] ?? 0);
    return Math.floor(value / 2 ** (from & 7)) % 2 ** count;
  }
}

interface Fse {
  accuracy: number;
  symbol: Uint8Array;
  bits: Uint8Array;
  base: Uint16Array;
}

const highBit = (value: number): number => 31 - Math.clz32(value);

function buildFse(norm: readonly number[], accuracy: number): Fse {
  const size = 1 << accuracy;
  const table = { accuracy, symbol: new Uint8Array(size), bits: new Uint8Array(size), base: new Uint16Array(size) };
  const next = norm.map((count) => Math.max(1, count));
  let high = size;
  norm.forEach((count, symbol) => { if (count === -1) table.symbol[--high] = symbol; });
  const step = (size >> 1) + (size >> 3) + 3;
  let at = 0;
  norm.forEach((count, symbol) => {
    for (let i = 0; i < count; i++) {
      table.symbol[at] = symbol;
      do at = (at + step) & (size - 1); while (at >= high);
    }
  });
  if (at !== 0) throw new Error(BROKEN);
  for (let i = 0; i < size; i++) {
    const state = next[table.symbol[i] as number] as number;
    next[table.symbol[i] as number] = state + 1;
    table.bits[i] = accuracy - highBit(state);
    table.base[i] = (state << (table.bits[i] as number)) - size;
  }
  return table;
}

/** The table that stands at the beginning of bytes, and how many of them it takes. */
function readFse(bytes: Uint8Array, most: number): [Fse, number] {
  let bit = 4;
  const bits = (count: number): number => {
    let value = 0;
    for (let i = 0; i < count; i++) value |= (((bytes[(bit + i) >> 3] ?? 0) >> ((bit + i) & 7)) & 1) << i;
    bit += count;
    return value;
  };
  const accuracy = ((bytes[0] ?? 0) & 15) + 5;
  if (accuracy > most) throw new Error(BROKEN);
  const norm: number[] = [];
  let left = 1 << accuracy;
  while (left > 0 && norm.length < 256) {
    const width = highBit(left + 1) + 1;
    let value = bits(width);
    const low = (1 << (width - 1)) - 1;
    const threshold = (1 << width) - 1 - (left + 1);
    if ((value & low) < threshold) {
      bit -= 1;
      value &= low;
    } else if (value > low) value -= threshold;
    const count = value - 1;
    left -= Math.abs(count);
    norm.push(count);
    for (let zeros = count === 0 ? 3 : 0; zeros === 3; ) {
      zeros = bits(2);
      for (let i = 0; i < zeros; i++) norm.push(0);
    }
  }
  if (left !== 0 || bit > bytes.length * 8) throw new Error(BROKEN);
  return [buildFse(norm, accuracy), (bit + 7) >> 3];
}

interface Huffman {
  width: number;
  symbol: Uint8Array;
  bits: Uint8Array;
}

/** The table of literals that stands at the beginning of bytes, and how many of them it takes. */
function readHuffman(bytes: Uint8Array): [Huffman, number] {
  const head = bytes[0] ?? 0;
  const length = head >= 128 ? (head - 126) >> 1 : head;
  const body = bytes.subarray(1, 1 + length);
  const weights = head >= 128
    ? Array.from({ length: head - 127 }, (_, i) => ((body[i >> 1] ?? 0) >> (i & 1 ? 0 : 4)) & 15)
    : readWeights(body);
  const sum = weights.reduce((total, weight) => total + (weight ? 2 ** (weight - 1) : 0), 0);
  const width = highBit(sum) + 1;
  const rest = 2 ** width - sum;
  // The last symbol fills what is left, which must be a power of two.
  if (!sum || width > 11 || 2 ** highBit(rest) !== rest) throw new Error(BROKEN);
  weights.push(highBit(rest) + 1);
  const table = { width, symbol: new Uint8Array(2 ** width), bits: new Uint8Array(2 ** width) };
  let at = 0;
  for (let weight = 1; weight <= width; weight++) {
    weights.forEach((each, symbol) => {
      if (each !== weight) return;
      table.symbol.fill(symbol, at, at + 2 ** (weight - 1));
      table.bits.fill(width + 1 - weight, at, at + 2 ** (weight - 1));
      at += 2 ** (weight - 1);
    });
  }
  return [table, 1 + length];
}

/** Weights behind an FSE table, told by two states in turn until the bits are used up. */
function readWeights(bytes: Uint8Array): number[] {
  const [table, used] = readFse(bytes, 6);
  const stream = new Backward(bytes.subarray(used));
  const states = [stream.read(table.accuracy), stream.read(table.accuracy)];
  const weights: number[] = [];
  for (let turn = 0; weights.length < 256; turn ^= 1) {
    const state = states[turn] as number;
    weights.push(table.symbol[state] as number);
    const bits = table.bits[state] as number;
    if (stream.at < bits) {
      weights.push(table.symbol[states[turn ^ 1] as number] as number);
      return weights;
    }
    states[turn] = (table.base[state] as number) + stream.read(bits);
  }
  throw new Error(BROKEN);
}

function readStream(bytes: Uint8Array, table: Huffman, out: Uint8Array): void {
  const stream = new Backward(bytes);
  for (let i = 0; i < out.length; i++) {
    const found = stream.peek(table.width);
    out[i] = table.symbol[found] as number;
    stream.at -= table.bits[found] as number;
  }
  if (stream.at !== 0) throw new Error(BROKEN);
}

const LITERAL_LENGTHS: [number, number][] = [
  ...Array.from({ length: 16 }, (_, i): [number, number] => [i, 0]),
  [16, 1], [18, 1], [20, 1], [22, 1], [24, 2], [28, 2], [32, 3], [40, 3], [48, 4], [64, 6], [128, 7], [256, 8], [512, 9], [1024, 10], [2048, 11], [4096, 12],
  [8192, 13], [16384, 14], [32768, 15], [65536, 16],
];
const MATCH_LENGTHS: [number, number][] = [
  ...Array.from({ length: 32 }, (_, i): [number, number] => [i + 3, 0]),
  [35, 1], [37, 1], [39, 1], [41, 1], [43, 2], [47, 2], [51, 3], [59, 3], [67, 4], [83, 4], [99, 5], [131, 7], [259, 8], [515, 9], [1027, 10], [2051, 11],
  [4099, 12], [8195, 13], [16387, 14], [32771, 15], [65539, 16],
];
const times = (value: number, count: number): number[] => new Array<number>(count).fill(value);
const USUAL = {
  literal: buildFse([4, 3, ...times(2, 11), 1, 1, 1, ...times(2, 9), 3, 2, ...times(1, 5), ...times(-1, 4)], 6),
  offset: buildFse([...times(1, 6), 2, 2, 2, ...times(1, 15), ...times(-1, 5)], 5),
  match: buildFse([1, 4, 3, ...times(2, 6), ...times(1, 37), ...times(-1, 7)], 6),
};
const MOST_ACCURATE = { literal: 9, offset: 8, match: 9 };
const KINDS = ["literal", "offset", "match"] as const;

/** One frame: what was read before is the window that later blocks copy from. */
class Frame {
  readonly #out: Uint8Array;
  #at: number;
  #huffman: Huffman | null = null;
  #tables: Partial<Record<(typeof KINDS)[number], Fse>> = {};
  #offsets = [1, 4, 8];

  constructor(out: Uint8Array, at: number) {
    this.#out = out;
    this.#at = at;
  }

  get at(): number {
    return this.#at;
  }

  put(bytes: Uint8Array): void {
    if (this.#at + bytes.length > this.#out.length) throw new Error(BROKEN);
    this.#out.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  fill(byte: number, count: number): void {
    if (this.#at + count > this.#out.length) throw new Error(BROKEN);
    this.#out.fill(byte, this.#at, (this.#at += count));
  }

  block(bytes: Uint8Array): void {
    const [literals, used] = this.#literals(bytes);
    this.#sequences(bytes.subarray(used), literals);
  }

  #literals(bytes: Uint8Array): [Uint8Array, number] {
    const [first = 0, second = 0, third = 0] = bytes;
    const [kind, format] = [first & 3, (first >> 2) & 3];
    if (kind < 2) {
      const head = format === 1 ? 2 : format === 3 ? 3 : 1;
      const size = head === 1 ? first >> 3 : head === 2 ? (first >> 4) | (second << 4) : (first >> 4) | (second << 4) | (third << 12);
      if (kind === 1) return [new Uint8Array(size).fill(bytes[head] ?? 0), head + 1];
      return [bytes.subarray(head, head + size), head + size];
    }
    const [head, width] = [[3, 10], [3, 10], [4, 14], [5, 18]][format] as [number, number];
    const whole = bytes.subarray(0, head).reduce((sum, byte, i) => sum + byte * 2 ** (8 * i), 0);
    const size = Math.floor(whole / 16) % 2 ** width;
    const packed = Math.floor(whole / 2 ** (4 + width));
    let body = bytes.subarray(head, head + packed);
    if (kind === 2) {
      const [table, used] = readHuffman(body);
      this.#huffman = table;
      body = body.subarray(used);
    }
    if (!this.#huffman) throw new Error(BROKEN);
    return [readLiterals(body, this.#huffman, size, format !== 0), head + packed];
  }

  #sequences(bytes: Uint8Array, literals: Uint8Array): void {
    const [first = 0, second = 0, third = 0] = bytes;
    const head = first < 128 ? 1 : first < 255 ? 2 : 3;
    const count = head === 1 ? first : head === 2 ? ((first - 128) << 8) + second : second + (third << 8) + 0x7f00;
    if (count === 0) return this.put(literals);
    let at = head + 1;
    KINDS.forEach((kind, i) => {
      at += this.#table(kind, ((bytes[head] ?? 0) >> (6 - 2 * i)) & 3, bytes.subarray(at));
    });
    this.#run(new Backward(bytes.subarray(at)), count, literals);
  }

  /** Settles which table tells a part of the sequences; says how many bytes that took. */
  #table(kind: (typeof KINDS)[number], mode: number, bytes: Uint8Array): number {
    if (mode === 0) this.#tables[kind] = USUAL[kind];
    else if (mode === 1) this.#tables[kind] = { accuracy: 0, symbol: bytes.slice(0, 1), bits: new Uint8Array(1), base: new Uint16Array(1) };
    else if (mode === 2) {
      const [table, used] = readFse(bytes, MOST_ACCURATE[kind]);
      this.#tables[kind] = table;
      return used;
    }
    return mode === 1 ? 1 : 0;
  }

  #run(stream: Backward, count: number, literals: Uint8Array): void {
    const { literal, offset, match } = this.#tables;
    if (!literal || !offset || !match) throw new Error(BROKEN);
    const states = { literal: stream.read(literal.accuracy), offset: stream.read(offset.accuracy), match: stream.read(match.accuracy) };
    let taken = 0;
    for (let i = 0; i < count; i++) {
      const code = offset.symbol[states.offset] as number;
      const far = 2 ** code + stream.read(code);
      const [matchBase, matchBits] = MATCH_LENGTHS[match.symbol[states.match] as number] ?? [0, -1];
      if (code > 31 || matchBits < 0) throw new Error(BROKEN);
      const length = matchBase + stream.read(matchBits);
      const [literalBase, literalBits] = LITERAL_LENGTHS[literal.symbol[states.literal] as number] ?? [0, -1];
      if (literalBits < 0) throw new Error(BROKEN);
      const own = literalBase + stream.read(literalBits);
      if (taken + own > literals.length) throw new Error(BROKEN);
      this.put(literals.subarray(taken, (taken += own)));
      this.#copy(this.#distance(far, own), length);
      if (i + 1 < count) {
        for (const [kind, table] of [["literal", literal], ["match", match], ["offset", offset]] as const) {
          states[kind] = (table.base[states[kind]] as number) + stream.read(table.bits[states[kind]] as number);
        }
      }
    }
    if (stream.at !== 0) throw new Error(BROKEN);
    this.put(literals.subarray(taken));
  }

  /** How far back to copy from: a distance, or one of the last three. */
  #distance(far: number, own: number): number {
    const [a, b, c] = this.#offsets as [number, number, number];
    if (far > 3) {
      this.#offsets = [far - 3, a, b];
      return far - 3;
    }
    const which = far - 1 + (own === 0 ? 1 : 0);
    if (which === 0) return a;
    if (which === 1) this.#offsets = [b, a, c];
    else this.#offsets = [which === 2 ? c : a - 1, a, b];
    return this.#offsets[0] as number;
  }

  #copy(back: number, length: number): void {
    const to = this.#at;
    if (back <= 0 || back > to || to + length > this.#out.length) throw new Error(BROKEN);
    for (let i = 0; i < length; i++) this.#out[to + i] = this.#out[to - back + i] as number;
    this.#at += length;
  }
}

function readLiterals(bytes: Uint8Array, table: Huffman, size: number, four: boolean): Uint8Array {
  const out = new Uint8Array(size);
  if (!four) {
    readStream(bytes, table, out);
    return out;
  }
  const each = (size + 3) >> 2;
  let at = 6;
  for (let i = 0; i < 4; i++) {
    const length = i < 3 ? (bytes[2 * i] ?? 0) | ((bytes[2 * i + 1] ?? 0) << 8) : bytes.length - at;
    readStream(bytes.subarray(at, at + length), table, out.subarray(each * i, i < 3 ? each * (i + 1) : size));
    at += length;
  }
  return out;
}

/** `size` bytes out of one or more frames. */
export function zstd(packed: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(size);
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  let [at, to] = [0, 0];
  while (at + 4 <= packed.length) {
    const magic = view.getUint32(at, true);
    if ((magic & 0xfffffff0) >>> 0 === 0x184d2a50) {
      at += 8 + view.getUint32(at + 4, true);
      continue;
    }
    if (magic !== 0xfd2fb528) throw new Error(BROKEN);
    const head = packed[at + 4] ?? 0;
    const single = (head >> 5) & 1;
    at += 5 + (single ? 0 : 1) + ([0, 1, 2, 4][head & 3] as number) + (head >> 6 ? 2 ** (head >> 6) : single);
    const frame = new Frame(out, to);
    for (let last = 0; !last; ) {
      if (at + 3 > packed.length) throw new Error(BROKEN);
      const block = (packed[at] as number) | ((packed[at + 1] as number) << 8) | ((packed[at + 2] as number) << 16);
      last = block & 1;
      const [kind, length] = [(block >> 1) & 3, block >> 3];
      at += 3;
      if (kind === 0) frame.put(packed.subarray(at, at + length));
      else if (kind === 1) frame.fill(packed[at] ?? 0, length);
      else if (kind === 2) frame.block(packed.subarray(at, at + length));
      else throw new Error(BROKEN);
      at += kind === 1 ? 1 : length;
    }
    to = frame.at;
    at += head & 4 ? 4 : 0;
  }
  if (to !== size) throw new Error(BROKEN);
  return out;
}
