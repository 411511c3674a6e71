// @meltemi/sdk@0.1.0/src/bytes/byte-writer.ts
var NO_CHUNK = Buffer.alloc(0);

// @meltemi/sdk@0.1.0/src/failure.ts
var ProtocolError = class extends Error {
  name = "ProtocolError";
};

// @meltemi/sdk@0.1.0/src/bytes/receive-buffer.ts
var NO_BYTES = Buffer.alloc(0);

// @meltemi/sdk@0.1.0/src/message.ts
var DecodeStatus = { WaitForData: 0, Done: 1 };
var NO_BYTES2 = Buffer.alloc(0);
var Mutation = class _Mutation {
  /** The empty one, shared and frozen: `set` throws. */
  static none = new _Mutation();
  #keys = [];
  #values = [];
  get size() {
    return this.#keys.length;
  }
  key(index) {
    return this.#keys[index];
  }
  value(index) {
    return this.#values[index];
  }
  /** Adds a change, or replaces the one under the same key. */
  set(key, value) {
    if (this === _Mutation.none) throw new TypeError("Mutation.none is shared: make a new Mutation");
    const keys = this.#keys;
    let at = 0;
    while (at < keys.length && keys[at] < key) at++;
    if (keys[at] === key) {
      this.#values[at] = value;
      return;
    }
    keys.splice(at, 0, key);
    this.#values.splice(at, 0, value);
  }
};

// codec.ts
var AT = { length: 0, id: 4, body: 8 };
var draft = {
  name: "meltemi.frozen.draft",
  contract: 0,
  correlation: "id",
  create: () => ({
    decode(buffer, metadata) {
      if (!buffer.has(AT.body)) return DecodeStatus.WaitForData;
      const length = buffer.u32(AT.length);
      if (length < AT.body) throw new ProtocolError(`length ${length} is below ${AT.body}`);
      if (!buffer.has(length)) return DecodeStatus.WaitForData;
      metadata.requestId = buffer.u32(AT.id);
      metadata.headerSize = AT.body;
      metadata.bodySize = length - AT.body;
      metadata.message = buffer.take(length);
      return DecodeStatus.Done;
    },
    encode(metadata, _mutation, out) {
      out.bytes(metadata.message, 0, AT.id).u32(Number(metadata.requestId)).bytes(metadata.message, AT.body);
    },
    onError(request, failure, out) {
      const text = Buffer.from(failure.message);
      out.u32(AT.body + text.length).u32(Number(request.requestId)).bytes(text);
    },
    patchIds(head, requestId, _streamId) {
      head.writeUInt32BE(Number(requestId), AT.id);
      return true;
    }
  })
};
var codecs = [draft];
export {
  codecs
};
