/** What stands where the attachments of a message do. */
export const Form = {
  /** A map with entries: `H` or `M`. */
  Map: 0,
  /** Null instead of a map. */
  Null: 1,
  /** Nothing: the body ends before. */
  Absent: 2,
  /** Something that is no map; it cannot be changed. */
  Other: 3,
} as const
export type Form = (typeof Form)[keyof typeof Form]

/** What decode has found in a message, so that encode can change its attachments without looking for them. */
export class Layout {
  form: Form = Form.Absent
  /** Where the attachments begin, and where their end mark is. */
  at = 0
  end = 0
  /** There are attachments that are no properties, since key or value is no string. */
  hasHidden = false
  /** The timeout among the attachments, 0 when there is none; it is a number there, or a string. */
  timeoutMs = 0
  isTimeoutNumber = false
}
