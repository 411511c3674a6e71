/** strftime, in UTC, as far as `LOG_OPERATORS` of the api package allow it. */

const ISO = '%Y-%m-%dT%H:%M:%S.%3fZ'
const SPECIFIER = /%([1-9]?[a-zA-Z%])/g
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]
const DAY_MS = 24 * 60 * 60 * 1000
const ABBREVIATION = 3
const NANO_DIGITS = 9

type DatePart = (date: Date) => string

const PARTS: Readonly<Record<string, DatePart>> = {
  Y: (date) => String(date.getUTCFullYear()),
  y: (date) => two(date.getUTCFullYear() % 100),
  m: (date) => two(date.getUTCMonth() + 1),
  d: (date) => two(date.getUTCDate()),
  e: (date) => String(date.getUTCDate()).padStart(2, ' '),
  H: (date) => two(date.getUTCHours()),
  M: (date) => two(date.getUTCMinutes()),
  S: (date) => two(date.getUTCSeconds()),
  F: (date) => date.toISOString().slice(0, 10),
  T: (date) => date.toISOString().slice(11, 19),
  s: (date) => String(Math.floor(date.getTime() / 1000)),
  j: (date) => String(dayOfYear(date)).padStart(3, '0'),
  b: (date) => (MONTHS[date.getUTCMonth()] as string).slice(0, ABBREVIATION),
  B: (date) => MONTHS[date.getUTCMonth()] as string,
  a: (date) => (DAYS[date.getUTCDay()] as string).slice(0, ABBREVIATION),
  A: (date) => DAYS[date.getUTCDay()] as string,
  z: () => '+0000',
  Z: () => 'UTC',
  '%': () => '%',
}

/**
 * Makes a function of milliseconds since 1970. What is the same for a whole second is made once in it.
 *
 *   '%T.%3f'  ──►  texts '12:30:05.' , ''   digits 3 between them
 */
export function compileTime(format: string): (wallMs: number) => string {
  const { texts, digits } = split(format === '' ? ISO : format)
  let second = Number.NaN
  let rendered: readonly string[] = []
  return (wallMs) => {
    const now = Math.floor(wallMs / 1000)
    if (now !== second) {
      second = now
      const date = new Date(now * 1000)
      rendered = texts.map((parts) => parts.map((part) => (typeof part === 'string' ? part : part(date))).join(''))
    }
    let text = rendered[0] as string
    for (let at = 0; at < digits.length; at++) {
      text += fraction(wallMs - now * 1000, digits[at] as number) + (rendered[at + 1] as string)
    }
    return text
  }
}

/** Between each two texts there are so many digits of the second's fraction. */
function split(format: string): { texts: (string | DatePart)[][]; digits: number[] } {
  const texts: (string | DatePart)[][] = [[]]
  const digits: number[] = []
  let at = 0
  for (const { 0: whole, 1: name = '', index } of format.matchAll(SPECIFIER)) {
    const text = texts.at(-1) as (string | DatePart)[]
    text.push(format.slice(at, index))
    at = index + whole.length
    if (name.endsWith('f')) {
      digits.push(name === 'f' ? NANO_DIGITS : Number(name[0]))
      texts.push([])
    } else text.push(PARTS[name] ?? whole)
  }
  texts.at(-1)?.push(format.slice(at))
  return { texts, digits }
}

function fraction(ms: number, digits: number): string {
  return String(Math.floor(ms * 10 ** (digits - 3))).padStart(digits, '0')
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value)
}

function dayOfYear(date: Date): number {
  return Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / DAY_MS) + 1
}
