/**
 * RE2 patterns, matched in full and in linear time. V8's own engine runs those whose meaning in JavaScript is
 * provably the same; it counts its steps and changes to a linear engine when it backtracks too much. All others
 * run on re2js, an implementation of RE2.
 */
import { setFlagsFromString } from 'node:v8'
import { RE2JS } from 're2js'

/** Longer ones are left to re2js: V8 compiles at length what it runs often. */
const MAX_NATIVE_LENGTH = 1_000
const SURROGATE = /[\ud800-\udfff]/

/** A test whether a text matches as a whole. Throws a SyntaxError for what is not RE2. */
export function compilePattern(pattern: string): (text: string) => boolean {
  const re2 = compileRe2(pattern)
  const native = compileNative(pattern)
  if (native === undefined) return (text) => re2.testExact(text)
  // Native classes see UTF-16 halves where RE2 sees one character.
  return (text) => (SURROGATE.test(text) ? re2.testExact(text) : native.test(text))
}

function compileRe2(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern)
  } catch (error: unknown) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new SyntaxError(`not an RE2 pattern: ${reason}`, { cause: error })
  }
}

/** undefined where JavaScript reads the pattern otherwise, or its linear engine cannot run it. */
function compileNative(pattern: string): RegExp | undefined {
  const translated = pattern.length > MAX_NATIVE_LENGTH ? undefined : translate(pattern)
  if (translated === undefined) return undefined
  const source = `^(?:${translated})$`
  setFlagsFromString('--enable-experimental-regexp-engine')
  setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks')
  try {
    new RegExp(source, 'l').test('')
    return new RegExp(source)
  } catch {
    // The flag `l` is refused where the linear engine cannot take over.
    return undefined
  }
}

/** What starts at a place of a pattern, and its JavaScript form: `same` when it is the same text. */
interface Token {
  readonly syntax: RegExp
  readonly translation: string | undefined
}

/*
 * Every token that means the same in both languages for texts without surrogates; a pattern that holds
 * anything else is left to re2js. Differences are \s (RE2: five characters), `.` (RE2: all but \n) and captures.
 */
const TOKENS: readonly Token[] = [
  { syntax: /[A-Za-z0-9 !"#%&',/:;<=>@_`~-]+/y, translation: undefined },
  { syntax: /\\[dDwWbBtnrf]/y, translation: undefined },
  { syntax: /\\[!-/:-@[-`{-~]/y, translation: undefined },
  { syntax: /\\s/y, translation: '[\\t\\n\\f\\r ]' },
  { syntax: /\\S/y, translation: '[^\\t\\n\\f\\r ]' },
  { syntax: /\./y, translation: '[^\\n]' },
  {
    syntax: /\[\^?(?:[A-Za-z0-9 !"#%&'()*+,./:;<=>?@_`{|}~$-]|\\[dDwWtnrf]|\\[!-,./:-@[-`{-~])+\]/y,
    translation: undefined,
  },
  { syntax: /\(\?:/y, translation: undefined },
  { syntax: /\((?!\?)/y, translation: '(?:' },
  { syntax: /[)|^$]/y, translation: undefined },
  { syntax: /(?:[*+?]|\{[0-9]{1,4}(?:,(?:[0-9]{1,4})?)?\})\??/y, translation: undefined },
]

function translate(pattern: string): string | undefined {
  let translated = ''
  for (let at = 0; at < pattern.length; ) {
    const token = TOKENS.find(({ syntax }) => {
      syntax.lastIndex = at
      return syntax.test(pattern)
    })
    if (token === undefined) return undefined
    translated += token.translation ?? pattern.slice(at, token.syntax.lastIndex)
    at = token.syntax.lastIndex
  }
  return translated
}
