/** Thrift's compact protocol, as far as Parquet's metadata use it. */

export type Field = number | bigint | boolean | Uint8Array | Field[] | Fields;
export type Fields = Map<number, Field>;

const DEEPEST = 32;

export class ThriftReader {
  at: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.at = at;
  }

  struct(depth = 0): Fields {
    if (depth > DEEPEST) throw new Error("The metadata nest too deeply.");
    const fields: Fields = new Map();
    let id = 0;
    for (;;) {
      const head = this.#byte();
      const type = head & 15;
      if (type === 0) return fields;
      id = head >> 4 ? id + (head >> 4) : Number(this.#zigzag());
      fields.set(id, type === 1 || type === 2 ? type === 1 : this.#value(type, depth));
    }
  }

  #value(type: number, depth: number): Field {
    switch (type) {
      case 1: case 2: return this.#byte() === 1;
      case 3: return (this.#byte() << 24) >> 24;
      case 4: case 5: return Number(this.#zigzag());
      case 6: return this.#zigzag();
      case 7: return this.#double();
      case 8: return this.#binary();
      case 9: case 10: return this.#list(depth);
      case 12: return this.struct(depth + 1);
      default: throw new Error(`The metadata hold type ${type}, which they cannot.`);
    }
  }

  #list(depth: number): Field[] {
    const head = this.#byte();
    const size = head >> 4 === 15 ? Number(this.#varint()) : head >> 4;
    if (size > this.#bytes.length) throw new Error("The metadata end too early.");
    return Array.from({ length: size }, () => this.#value(head & 15, depth + 1));
  }

  #binary(): Uint8Array {
    const size = Number(this.#varint());
    const found = this.#bytes.subarray(this.at, this.at + size);
    if (found.length < size) throw new Error("The metadata end too early.");
    this.at += size;
    return found;
  }

  #double(): number {
    const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset + this.at, 8);
    this.at += 8;
    return view.getFloat64(0, true);
  }

  #byte(): number {
    const found = this.#bytes[this.at++];
    if (found === undefined) throw new Error("The metadata end too early.");
    return found;
  }

  #varint(): bigint {
    let [value, shift] = [0n, 0n];
    for (;;) {
      const byte = this.#byte();
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
      shift += 7n;
      if (shift > 63n) throw new Error("The metadata hold a number that is too long.");
    }
  }

  #zigzag(): bigint {
    const value = this.#varint();
    return (value >> 1n) ^ -(value & 1n);
  }
}

const decoder = new TextDecoder();

/** Fields by number, as what they should be; a wrong or missing one is the word's nothing. */
export const numberAt = (fields: Fields | undefined, id: number): number | undefined => {
  const found = fields?.get(id);
  return typeof found === "number" || typeof found === "bigint" ? Number(found) : undefined;
};
export const structAt = (fields: Fields | undefined, id: number): Fields | undefined => {
  const found = fields?.get(id);
  return found instanceof Map ? found : undefined;
};
export const listAt = (fields: Fields | undefined, id: number): Field[] => {
  const found = fields?.get(id);
  return Array.isArray(found) ? found : [];
};
export const textAt = (fields: Fields | undefined, id: number): string => {
  const found = fields?.get(id);
  return found instanceof Uint8Array ? decoder.decode(found) : "";
};
