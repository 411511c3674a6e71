// @meltemi/sdk@0.1.0/src/bytes/byte-writer.ts
var NO_CHUNK = Buffer.alloc(0);

// @meltemi/sdk@0.1.0/src/failure.ts
var ErrorType = {
  RouteNotFound: 0,
  ClusterNotFound: 1,
  NoHealthyUpstream: 2,
  BadResponse: 3,
  Unspecified: 4,
  OverLimit: 5,
  Timeout: 6,
  Denied: 7,
  Fault: 8
};
var ProtocolError = class extends Error {
  name = "ProtocolError";
};

// @meltemi/sdk@0.1.0/src/bytes/receive-buffer.ts
var NO_BYTES = Buffer.alloc(0);

// @meltemi/sdk@0.1.0/src/filter.ts
var FilterStatus = { Continue: 0, Stop: 1, Pause: 2 };

// @meltemi/sdk@0.1.0/src/message.ts
var MessageType = {
  Request: 0,
  Response: 1,
  Oneway: 2,
  StreamInit: 3,
  StreamData: 4,
  StreamCloseOneWay: 5,
  StreamCloseTwoWay: 6,
  Heartbeat: 7,
  Error: 8
};
var ResponseStatus = { Ok: 0, Error: 1 };
var DecodeStatus = { WaitForData: 0, Done: 1 };
var Affinity = { None: 0, Pin: 1, Unpin: 2 };
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

// frames.ts
var AT = { magic: 0, type: 1, status: 2, flags: 3, length: 4, id: 8, stream: 12, timeoutMs: 16, pairsLength: 20, pairs: 22 };
var MAGIC = [241, 242];
var MORE = 1;
var GO_AWAY = 2;
var FramesCodec = class {
  #side;
  #maxPairs;
  /** What the connection has begun with is what it goes on with. */
  #magic = 0;
  constructor(side, options) {
    this.#side = side;
    this.#maxPairs = options.maxPairs ?? 16;
  }
  decode(buffer, metadata) {
    if (!buffer.has(AT.pairs)) return DecodeStatus.WaitForData;
    const magic = buffer.u8(AT.magic);
    if (!MAGIC.includes(magic) || this.#magic !== 0 && magic !== this.#magic) {
      throw new ProtocolError(`magic ${magic} on the ${this.#side} side`);
    }
    const length = buffer.u32(AT.length);
    const headerSize = AT.pairs + buffer.u16(AT.pairsLength);
    if (length < headerSize) throw new ProtocolError(`length ${length} is below ${headerSize}`);
    if (!buffer.has(length)) return DecodeStatus.WaitForData;
    this.#magic = magic;
    const detail = { magic };
    metadata.detail = detail;
    metadata.type = buffer.i8(AT.type);
    metadata.status = buffer.u8(AT.status) === 0 ? ResponseStatus.Ok : ResponseStatus.Error;
    metadata.last = (buffer.u8(AT.flags) & MORE) === 0;
    metadata.requestId = buffer.i32(AT.id);
    metadata.streamId = buffer.i32(AT.stream);
    metadata.timeoutMs = buffer.u32(AT.timeoutMs);
    metadata.headerSize = headerSize;
    metadata.bodySize = length - headerSize;
    metadata.message = buffer.take(length);
    this.#readPairs(metadata);
    return DecodeStatus.Done;
  }
  encode(metadata, mutation, out) {
    const { message, headerSize, requestId, streamId, timeoutMs } = metadata;
    const start = out.length;
    out.bytes(message, 0, AT.length).u32(0).u32(Number(requestId)).u32(streamId).u32(timeoutMs).u16(0);
    const changed = /* @__PURE__ */ new Set();
    for (let n = 0; n < mutation.size; n++) {
      const value = mutation.value(n);
      changed.add(mutation.key(n));
      if (value !== void 0) writePair(out, mutation.key(n), value);
    }
    for (const { key, from, end } of pairsOf(message, headerSize)) if (!changed.has(key)) out.bytes(message, from, end);
    out.setU16(start + AT.pairsLength, out.length - start - AT.pairs);
    out.bytes(message, headerSize);
    out.setU32(start + AT.length, out.length - start);
  }
  onError(request, failure, out) {
    const { magic } = request.detail;
    const isTimeout = failure.type === ErrorType.Timeout;
    const type = request.streamId === 0 ? MessageType.Response : MessageType.Error;
    const start = out.length;
    out.u8(magic).u8(type).u8(isTimeout ? 2 : 1).u8(0).u32(0).u32(Number(request.requestId)).u32(request.streamId).u32(0).u16(0);
    writePair(out, "code", failure.code);
    writePair(out, "blame", `${failure.source} ${failure.retriable}`);
    out.setU16(start + AT.pairsLength, out.length - start - AT.pairs);
    out.utf8(failure.message);
    out.setU32(start + AT.length, out.length - start);
  }
  patchIds(bytes, start, requestId, streamId) {
    bytes.writeUInt32BE(Number(requestId), start + AT.id);
    bytes.writeUInt32BE(streamId, start + AT.stream);
    return true;
  }
  heartbeatReply(request, out) {
    const { magic } = request.detail;
    writeBare(out, magic, { type: MessageType.Heartbeat, id: Number(request.requestId) });
  }
  healthCheck(id, out) {
    writeBare(out, MAGIC[0], { type: MessageType.Heartbeat, id });
  }
  resetStream(opened, streamId, out) {
    const { magic } = opened.detail;
    writeBare(out, magic, { type: MessageType.StreamCloseTwoWay, id: Number(opened.requestId), stream: streamId });
  }
  goAway(out) {
    writeBare(out, this.#magic || MAGIC[0], { type: MessageType.Heartbeat, id: 0, flags: GO_AWAY });
  }
  #readPairs(metadata) {
    for (const { key, start, end } of pairsOf(metadata.message, metadata.headerSize)) metadata.setSlice(key, start, end);
    if (metadata.size > this.#maxPairs) throw new ProtocolError(`${metadata.size} pairs exceed ${this.#maxPairs}`);
    metadata.operation = metadata.get("method") ?? "";
    if (metadata.find("x-once") !== void 0) metadata.idempotent = false;
    if (metadata.get("session") === "begin") metadata.affinity = Affinity.Pin;
    if (metadata.get("session") === "end") metadata.affinity = Affinity.Unpin;
    metadata.set("first-key", metadata.size > 0 ? `${metadata.key(0)}=${metadata.value(0)}` : "none");
    metadata.delete("secret");
  }
};
var frames = {
  name: "meltemi.frozen.frames",
  contract: 1,
  correlation: "id",
  mutation: "both",
  validate: (config) => Object.entries(config).flatMap(
    ([key, value]) => key === "@type" || key === "maxPairs" && Number.isInteger(value) ? [] : [`${key}: there is no such option`]
  ),
  create: (side, config) => new FramesCodec(side, config ?? {}),
  detect: (bytes) => bytes.has(1) ? MAGIC.includes(bytes.u8(0)) : void 0,
  dialect: (metadata) => String(metadata.detail.magic)
};
function writeBare(out, magic, { type, id, stream = 0, flags = 0 }) {
  out.u8(magic).u8(type).u8(0).u8(flags).u32(AT.pairs).u32(id).u32(stream).u32(0).u16(0);
}
function pairsOf(message, headerSize) {
  const pairs = [];
  for (let from = AT.pairs; from < headerSize; ) {
    const keyEnd = from + 1 + message[from];
    const start = keyEnd + 2;
    const end = start > headerSize ? start : start + message.readUInt16BE(keyEnd);
    if (end > headerSize) throw new ProtocolError("a pair reaches beyond the pairs");
    pairs.push({ key: message.toString("utf8", from + 1, keyEnd), from, start, end });
    from = end;
  }
  return pairs;
}
function writePair(out, key, value) {
  out.u8(Buffer.byteLength(key)).utf8(key);
  const at = out.length;
  out.u16(0).utf8(value);
  out.setU16(at, out.length - at - 2);
}

// lines.ts
var LINE_FEED = 10;
var CRLF = 3338;
var CRLF_LITTLE = 2573;
var MINUS = 45;
var MOST_BYTES = 1e3;
var LinesCodec = class {
  decode(buffer, metadata) {
    const end = buffer.indexOf(LINE_FEED, 0);
    if (end < 0 && buffer.length > Math.min(MOST_BYTES, buffer.maxMessageBytes)) throw new ProtocolError("a line is too long");
    if (end < 0) {
      buffer.has(buffer.length + 1);
      return DecodeStatus.WaitForData;
    }
    if (end < 2 || buffer.u16(end - 1) !== CRLF || buffer.u16le(end - 1) !== CRLF_LITTLE) {
      throw new ProtocolError("a line does not end in CR LF");
    }
    metadata.headerSize = end + 1;
    metadata.message = buffer.take(end + 1);
    const [verb = "", key = ""] = metadata.message.toString("latin1", 0, end - 1).split(" ");
    metadata.set("verb", verb);
    metadata.set("key", key);
    if (metadata.type === MessageType.Response && metadata.message[0] === MINUS) metadata.status = ResponseStatus.Error;
    return DecodeStatus.Done;
  }
  encode(metadata, _mutation, out) {
    out.bytes(metadata.message);
  }
  onError(_request, failure, out) {
    out.latin1("-").latin1(failure.message.replaceAll(/[^ -~]/g, " ")).u16le(CRLF_LITTLE);
  }
};
var lines = {
  name: "meltemi.frozen.lines",
  contract: 1,
  correlation: "order",
  create: () => new LinesCodec()
};

// stamp.ts
var DENIED = {
  code: "frozen_denied",
  type: ErrorType.Denied,
  message: "not for you",
  source: "downstream",
  retriable: "no"
};
var stamp = {
  name: "meltemi.frozen.stamp",
  typeUrl: "type.googleapis.com/meltemi.frozen.Stamp",
  parse(json, problem) {
    const { mark } = json;
    if (typeof mark !== "string") problem("mark", `expected a text, got ${typeof mark}`);
    return { mark: String(mark) };
  },
  create({ mark }, host) {
    const seen = host.counter("frozen_seen");
    const done = host.counter("frozen_done");
    return {
      onRequest(context) {
        seen.add(1);
        context.slots[host.slot] = host.now();
        if (context.request.get("deny") !== void 0) return context.fail(DENIED);
        context.mutateRequest("mark", mark);
        context.mutateRequest("drop", void 0);
        context.mutateRequest("from", context.connection.remoteAddress);
        if (context.request.get("hold") === void 0) return FilterStatus.Continue;
        setTimeout(() => context.resume(), 1 + host.random());
        return FilterStatus.Pause;
      },
      onReply(context) {
        context.mutateReply("route", describeRoute(context));
        context.mutateReply("waited", String(host.now() >= Number(context.slots[host.slot])));
        return FilterStatus.Continue;
      },
      onDone: () => done.add(1)
    };
  }
};
function describeRoute({ route, failure, reply, requestMutation, replyMutation }) {
  const changes = `${requestMutation.size}+${replyMutation.size}`;
  return `${route?.name ?? "none"} ${route?.cluster ?? "none"} ${failure?.code ?? "ok"} ${reply?.status ?? "none"} ${changes}`;
}

// wide.ts
var AT2 = { length: 0, id: 4, status: 12, body: 14 };
var SUM_BYTES = 4;
var LOW_HALF = 0xffffffffn;
var WideCodec = class {
  decode(buffer, metadata) {
    if (!buffer.has(AT2.body)) return DecodeStatus.WaitForData;
    const length = buffer.u32le(AT2.length);
    if (length < AT2.body + SUM_BYTES) throw new ProtocolError(`length ${length} is too small`);
    if (!buffer.has(length)) return DecodeStatus.WaitForData;
    metadata.requestId = buffer.i64(AT2.id);
    if (buffer.u32(length - SUM_BYTES) !== sumOf(length, metadata.requestId)) throw new ProtocolError("wrong sum");
    if (buffer.i16(AT2.status) < 0) metadata.status = ResponseStatus.Error;
    metadata.headerSize = AT2.body;
    metadata.bodySize = length - AT2.body;
    metadata.message = buffer.take(length);
    return DecodeStatus.Done;
  }
  encode({ message, requestId }, _mutation, out) {
    const end = message.length - SUM_BYTES;
    out.bytes(message, 0, AT2.id).i64(requestId).bytes(message, AT2.status, end).u32(sumOf(message.length, requestId));
  }
  onError({ requestId }, failure, out) {
    const start = out.length;
    out.u32le(0).i64(requestId).u16(-1).varint(failure.type + 128).zigzag(-failure.message.length).utf8(failure.message);
    const length = out.length - start + SUM_BYTES;
    out.u32(sumOf(length, requestId));
    const bytes = Buffer.alloc(SUM_BYTES);
    bytes.writeUInt32LE(length);
    out.setU32(start, bytes.readUInt32BE());
  }
  patchIds(_bytes, _start, _requestId, _streamId) {
    return false;
  }
};
var wide = {
  name: "meltemi.frozen.wide",
  contract: 1,
  correlation: "id",
  create: () => new WideCodec()
};
function sumOf(length, id) {
  return (length ^ Number(BigInt(id) & LOW_HALF)) >>> 0;
}

// codec.ts
var codecs = [frames, lines, wide];
var filters = [stamp];
export {
  codecs,
  filters
};
