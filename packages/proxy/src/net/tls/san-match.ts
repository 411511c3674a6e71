import type { SanMatcherConfig, StringMatch } from '@meltemi/api/model'
import { isHost, type SubjectAltName } from './peer-names.ts'

/** How a text is compared; whoever compiles it stands above this folder. */
export type CompileMatch = (match: StringMatch) => (text: string) => boolean

export type SanMatch = (names: readonly SubjectAltName[]) => boolean

/** One matcher must fit one name; without any, every certificate will do. */
export function compileSans(sans: readonly SanMatcherConfig[], compile: CompileMatch): SanMatch {
  if (sans.length === 0) return () => true
  const tests = sans.map((san) => compileSan(san, compile))
  return (names) => names.some((name) => tests.some((fits) => fits(name)))
}

/** An exact DNS name fits a certificate for `*.` its domain, as in Envoy. */
function compileSan({ type, match }: SanMatcherConfig, compile: CompileMatch): (name: SubjectAltName) => boolean {
  const fits = compile(match)
  const mayFitStar = match.kind === 'exact' && (type === 'dns' || type === 'any')
  const fitsStar = (name: SubjectAltName) => mayFitStar && name.type === 'dns' && isHost(name.value, match.text)
  return (name) => (type === 'any' || name.type === type) && (fits(name.value) || fitsStar(name))
}
