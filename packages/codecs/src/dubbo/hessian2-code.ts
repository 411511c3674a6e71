/**
 * The lead bytes of Hessian 2 values, each of which says what follows:
 *
 *   00-1f string     30-33 string    52 R, 53 S string   4e N null      43 C class definition, then its object
 *   20-2f binary     34-37 binary    41 A, 42 B binary   54 T, 46 F     4f O, 60-6f object
 *   80-d7, 49 I int  38-3f, 59 Y, 4c L, d8-ff long       4a, 4b date    51 Q reference
 *   5b-5f, 44 D double     48 H, 4d M map, until 5a Z    55 U, 57 W list until Z    56 V, 58 X, 70-7f list
 */

/** Those that are looked for by name. */
export const Code = {
  shortStringMax: 0x1f,
  binary: 0x20,
  mediumString: 0x30,
  mediumStringMax: 0x33,
  mediumBinary: 0x34,
  chunkedBinary: 0x41,
  finalBinary: 0x42,
  int32: 0x49,
  map: 0x48,
  typedMap: 0x4d,
  nothing: 0x4e,
  chunkedString: 0x52,
  finalString: 0x53,
  end: 0x5a,
  shortObject: 0x60,
  int: 0x80,
  intMax: 0xd7,
} as const

/** How a value is passed over. 1 to 9: so many bytes, the lead byte among them. */
export const Shape = {
  Invalid: 0,
  MaxFlat: 9,
  Text: 10,
  Binary: 11,
  Reference: 12,
  ListUntilEnd: 13,
  TypedListUntilEnd: 14,
  List: 15,
  TypedList: 16,
  ShortList: 17,
  ShortTypedList: 18,
  Map: 19,
  TypedMap: 20,
  ClassDefinition: 21,
  Object: 22,
  ShortObject: 23,
} as const

type Row = readonly [first: number, last: number, shape: number]

const ROWS: readonly Row[] = [
  [0x00, 0x1f, Shape.Text],
  [0x20, 0x2f, Shape.Binary],
  [0x30, 0x33, Shape.Text],
  [0x34, 0x37, Shape.Binary],
  [0x38, 0x3f, 3], // long of three bytes
  [0x41, 0x42, Shape.Binary],
  [0x43, 0x43, Shape.ClassDefinition],
  [0x44, 0x44, 9], // double
  [0x46, 0x46, 1], // false
  [0x48, 0x48, Shape.Map],
  [0x49, 0x49, 5], // int
  [0x4a, 0x4a, 9], // date in milliseconds
  [0x4b, 0x4b, 5], // date in minutes
  [0x4c, 0x4c, 9], // long
  [0x4d, 0x4d, Shape.TypedMap],
  [0x4e, 0x4e, 1], // null
  [0x4f, 0x4f, Shape.Object],
  [0x51, 0x51, Shape.Reference],
  [0x52, 0x53, Shape.Text],
  [0x54, 0x54, 1], // true
  [0x55, 0x55, Shape.TypedListUntilEnd],
  [0x56, 0x56, Shape.TypedList],
  [0x57, 0x57, Shape.ListUntilEnd],
  [0x58, 0x58, Shape.List],
  [0x59, 0x59, 5], // long from an int
  [0x5b, 0x5c, 1], // 0.0 and 1.0
  [0x5d, 0x5d, 2], // double from a byte
  [0x5e, 0x5e, 3], // double from a short
  [0x5f, 0x5f, 5], // double from thousandths, or from a float
  [0x60, 0x6f, Shape.ShortObject],
  [0x70, 0x77, Shape.ShortTypedList],
  [0x78, 0x7f, Shape.ShortList],
  [0x80, 0xbf, 1], // int
  [0xc0, 0xcf, 2],
  [0xd0, 0xd7, 3],
  [0xd8, 0xef, 1], // long
  [0xf0, 0xff, 2],
]

/** By lead byte. */
export const SHAPES: Uint8Array = shapesOf(ROWS)

function shapesOf(rows: readonly Row[]): Uint8Array {
  const shapes = new Uint8Array(256)
  for (const [first, last, shape] of rows) shapes.fill(shape, first, last + 1)
  return shapes
}
