/**
 * Walks through Hessian 2 values without making them: a value is passed by a table of lead bytes, a container by a stack
 * of what is left in it. References are passed like numbers and never followed, so a cycle is nothing special. Every
 * value takes a byte at least, so the walk is linear in the body, and no count in it is believed beyond the bytes that
 * are there.
 */

import { type Metadata, ProtocolError } from '@meltemi/sdk'
import { Code, SHAPES, Shape } from './hessian2-code.ts'
import { byteAt, decodeText, isAscii, TextChunk, textEnd } from './hessian2-text.ts'
import { Names } from './names.ts'

/** Deeper than what Java's own reader, which recurses, can take. */
const MAX_DEPTH = 4096
const FIRST_DEPTH = 16
const MAX_CLASSES = 4096
/** Of an open container instead of how many values are left: an end mark closes it. */
const UNTIL_END = -1
/** The same in a map, before a key and before a value. */
const KEY = -2
const VALUE = -3
const NO_BYTES = Buffer.alloc(0)

export class Hessian2Reader {
  /** Position of the walk in the message. */
  at = 0
  /** The string that was read last is `text`, or, where it is one piece of ASCII, bytes [textStart, textEnd). */
  text: string | undefined
  textStart = 0
  textEnd = 0
  /** How many values were passed that later ones may refer to, or that refer to earlier ones. */
  related = 0
  #bytes: Buffer = NO_BYTES
  #end = 0
  readonly #chunk = new TextChunk()
  readonly #names = new Names()
  /** Per open container how many values are left in it, or one of the words above. */
  #left = new Int32Array(FIRST_DEPTH)
  #depth = 0
  /** How many fields the objects of each class have, in the order of their definitions. */
  readonly #fields: number[] = []

  /** Begins with the values at `at`. */
  start(bytes: Buffer, at: number): void {
    this.#bytes = bytes
    this.#end = bytes.length
    this.at = at
    this.related = 0
    this.#fields.length = 0
  }

  /** Lets go of the message. */
  stop(): void {
    this.#bytes = NO_BYTES
    this.text = undefined
  }

  get isAtEnd(): boolean {
    return this.at === this.#end
  }

  /** The lead byte of the next value. */
  get code(): number {
    return byteAt(this.#bytes, this.at, this.#end)
  }

  get isText(): boolean {
    return SHAPES[this.code] === Shape.Text
  }

  /** Whether the map or list that the walk is in ends here; then the end mark is passed. */
  takeEnd(): boolean {
    if (this.code !== Code.end) return false
    this.at++
    return true
  }

  get isInt(): boolean {
    const { code } = this
    return (code >= Code.int && code <= Code.intMax) || code === Code.int32
  }

  readText(): void {
    const { at } = this
    const bytes = this.#bytes
    const chunk = this.#chunk
    chunk.read(bytes, at, this.#end)
    const end = chunk.start + chunk.units
    if (chunk.isLast && isAscii(bytes, chunk.start, end)) {
      this.text = undefined
      this.textStart = chunk.start
      this.textEnd = end
      this.at = end
      return
    }
    this.at = textEnd(bytes, at, this.#end, chunk)
    this.text = decodeText(bytes, at, this.at, chunk)
  }

  /** Reads a string that has most likely come before. */
  readName(): string {
    this.readText()
    return this.text ?? this.#names.of(this.#bytes, this.textStart, this.textEnd)
  }

  /** Reads a string as a property of this message. */
  readProperty(key: string, metadata: Metadata): void {
    this.readText()
    if (this.text === undefined) metadata.setSlice(key, this.textStart, this.textEnd)
    else metadata.set(key, this.text)
  }

  skipText(): void {
    this.at = textEnd(this.#bytes, this.at, this.#end, this.#chunk)
  }

  readInt(): number {
    const { code } = this
    if (code >= 0x80 && code <= 0xbf) {
      this.at++
      return code - 0x90
    }
    if (code >= 0xc0 && code <= 0xcf) return ((code - 0xc8) << 8) + this.#uint(2)
    if (code >= 0xd0 && code <= 0xd7) return ((code - 0xd4) << 16) + this.#uint(3)
    if (code === Code.int32) return this.#uint(5) | 0
    throw new ProtocolError(`byte ${hex(code)} does not begin an int`)
  }

  /** Passes one value, whatever is in it. */
  skipValue(): void {
    this.#depth = 0
    do {
      this.#enter()
      if (this.#depth > 0) this.#next()
    } while (this.#depth > 0)
  }

  /** Passes what stands before the entries of a map. */
  enterMap(): void {
    const isTyped = this.code === Code.typedMap
    this.at++
    if (isTyped) this.#skipType()
  }

  /** Passes a flat value, or the beginning of a container. */
  #enter(): void {
    const shape = SHAPES[this.code] as number
    if (shape === Shape.Text) this.skipText()
    else if (shape > Shape.MaxFlat) this.#enterContainer(shape)
    else if (shape === Shape.Invalid) throw new ProtocolError(`byte ${hex(this.code)} does not begin a value`)
    else this.#pass(shape)
  }

  /** Closes containers that are over; then the next value is one of the innermost one. */
  #next(): void {
    while (this.#depth > 0) {
      const top = this.#depth - 1
      const left = this.#left[top] as number
      if (left > 0) {
        this.#left[top] = left - 1
        return
      }
      if (left === VALUE) {
        this.#left[top] = KEY
        return
      }
      if (left !== 0 && !this.takeEnd()) {
        if (left === KEY) this.#left[top] = VALUE
        return
      }
      this.#depth = top
    }
  }

  #enterContainer(shape: number): void {
    const { code } = this
    if (shape === Shape.Binary) {
      this.#skipBinary()
      return
    }
    this.related++
    this.at++
    switch (shape) {
      case Shape.Reference:
        this.readInt()
        break
      case Shape.ListUntilEnd:
        this.#open(UNTIL_END)
        break
      case Shape.TypedListUntilEnd:
        this.#skipType()
        this.#open(UNTIL_END)
        break
      case Shape.List:
        this.#openCounted(this.readInt())
        break
      case Shape.TypedList:
        this.#skipType()
        this.#openCounted(this.readInt())
        break
      case Shape.ShortList:
        this.#openCounted(code & 7)
        break
      case Shape.ShortTypedList:
        this.#skipType()
        this.#openCounted(code & 7)
        break
      case Shape.Map:
        this.#open(KEY)
        break
      case Shape.TypedMap:
        this.#skipType()
        this.#open(KEY)
        break
      case Shape.ClassDefinition:
        this.#readClasses()
        this.#enter()
        break
      case Shape.Object:
        this.#openObject(this.readInt())
        break
      default:
        this.#openObject(code - Code.shortObject)
    }
  }

  /** Reads definitions, behind which an object comes: of the last of these classes, or of an earlier one. */
  #readClasses(): void {
    this.#readClass()
    while (SHAPES[this.code] === Shape.ClassDefinition) {
      this.at++
      this.#readClass()
    }
    const shape = SHAPES[this.code]
    if (shape === Shape.Object || shape === Shape.ShortObject) return
    throw new ProtocolError(`byte ${hex(this.code)} behind a class definition does not begin an object`)
  }

  #readClass(): void {
    if (this.#fields.length === MAX_CLASSES) throw new ProtocolError(`more than ${MAX_CLASSES} classes are defined`)
    this.skipText()
    const count = this.#checked(this.readInt())
    this.#fields.push(count)
    for (let n = 0; n < count; n++) this.skipText()
  }

  #openObject(index: number): void {
    const count = this.#fields[index]
    if (count === undefined) throw new ProtocolError(`class ${index} of ${this.#fields.length} is not defined`)
    this.#openCounted(count)
  }

  #openCounted(count: number): void {
    this.#open(this.#checked(count))
  }

  #open(left: number): void {
    const depth = this.#depth
    if (depth === MAX_DEPTH) throw new ProtocolError(`values are nested deeper than ${MAX_DEPTH}`)
    if (depth === this.#left.length) this.#grow()
    this.#left[depth] = left
    this.#depth = depth + 1
  }

  #grow(): void {
    const deeper = new Int32Array(2 * this.#left.length)
    deeper.set(this.#left)
    this.#left = deeper
  }

  /** A count that the bytes which are left can hold. */
  #checked(count: number): number {
    if (count >= 0 && count <= this.#end - this.at) return count
    throw new ProtocolError(`${count} values do not fit the ${this.#end - this.at} bytes that are left`)
  }

  /** A type is a string, or the number of one that came before. */
  #skipType(): void {
    if (this.isText) this.skipText()
    else this.readInt()
  }

  #skipBinary(): void {
    let { code } = this
    while (code === Code.chunkedBinary) {
      this.#pass(3 + this.#lengthAt(1))
      code = this.code
    }
    if (code === Code.finalBinary) this.#pass(3 + this.#lengthAt(1))
    else if (SHAPES[code] !== Shape.Binary) throw new ProtocolError(`byte ${hex(code)} does not go on a binary`)
    else if (code < Code.mediumString) this.#pass(1 + code - Code.binary)
    else this.#pass(2 + ((code - Code.mediumBinary) << 8) + byteAt(this.#bytes, this.at + 1, this.#end))
  }

  #lengthAt(offset: number): number {
    const at = this.at + offset
    return (byteAt(this.#bytes, at, this.#end) << 8) | byteAt(this.#bytes, at + 1, this.#end)
  }

  /** The bytes behind the lead byte of a value of `size` as an unsigned number; passes them. */
  #uint(size: number): number {
    let value = 0
    for (let n = 1; n < size; n++) value = (value << 8) | byteAt(this.#bytes, this.at + n, this.#end)
    this.at += size
    return value
  }

  #pass(size: number): void {
    this.at += size
    if (this.at > this.#end) throw new ProtocolError('value ends beyond the body')
  }
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0')
}
