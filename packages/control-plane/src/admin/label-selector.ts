import { badRequest } from './status-error.ts'

const MAX_TERMS = 64
const TERM = /^(!)?\s*([A-Za-z0-9](?:[A-Za-z0-9._/-]{0,316}[A-Za-z0-9])?)\s*(?:(==|=|!=)\s*([A-Za-z0-9._-]{0,63}))?$/

/** True for the labels that are wanted. */
export type LabelSelector = (labels: Readonly<Record<string, string>>) => boolean

/**
 * `app=a,version!=v1,tier,!old`: all of them must hold. Throws a StatusError for anything else, the set-based `in (…)`
 * among it. `!=` holds for labels that are not there, as in Kubernetes.
 */
export function parseLabelSelector(text: string): LabelSelector {
  if (text.trim() === '') return () => true
  const terms = text.split(',')
  if (terms.length > MAX_TERMS) throw badRequest(`labelSelector: expected at most ${MAX_TERMS} terms`)
  const selectors = terms.map(parseTerm)
  return (labels) => selectors.every((selector) => selector(labels))
}

function parseTerm(text: string): LabelSelector {
  const [, not, key, operator, value] = TERM.exec(text.trim()) ?? []
  if (key === undefined || (not !== undefined && operator !== undefined)) {
    throw badRequest(`labelSelector: expected key=value, key!=value, key or !key, got "${text.trim().slice(0, 100)}"`)
  }
  if (operator === undefined) return (labels) => Object.hasOwn(labels, key) === (not === undefined)
  const isEqual: LabelSelector = (labels) => Object.hasOwn(labels, key) && labels[key] === value
  return operator === '!=' ? (labels) => !isEqual(labels) : isEqual
}
