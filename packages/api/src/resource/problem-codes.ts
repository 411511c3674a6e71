/**
 * Every kind of problem that resources can have, with what it means. A code keeps its meaning in all versions, so that
 * programs can rely on it. docs/resources.md lists them; a test compares.
 */
export const PROBLEM_CODES = {
  // of a text
  unreadable: 'The file cannot be read, or is no YAML or JSON.',
  'not-a-resource': 'A document has no apiVersion and kind, or is something else, such as a bootstrap.',
  'skipped-kind': 'A resource of a kind that Meltemi does not act on.',
  'unknown-kind': 'There is no such kind in the group metaprotocol.aeraki.io.',
  'unknown-version': 'The kind is known, but not in this group or version.',
  'bad-metadata': 'Name, namespace, labels or annotations are not as Kubernetes has them.',
  'ignored-namespace': 'A kind without namespace was given one.',
  'duplicate-key': 'A field is given twice; the last one counts.',
  'duplicate-resource': 'Two resources have the same kind, namespace and name.',
  // of one resource
  'unknown-field': 'There is no such field.',
  'no-effect': 'What is written has no effect here.',
  'missing-field': 'A field that is needed is not there.',
  'invalid-value': 'A value is not of the kind, form or range that its field takes.',
  'invalid-regex': 'A regular expression is not RE2.',
  'conflicting-fields': 'Two fields or values exclude each other, or one needs another.',
  'duplicate-value': 'A value that must be the only one of its list is there twice.',
  weights: 'Weights do not add up to 100, or are of no use.',
  'nothing-to-do': 'A MetaRouter has no routes and no limits, or a policy that does not allow no rules.',
  'unreachable-route': 'An earlier route takes every message.',
  'not-supported-yet': 'The field is right, but what it asks for is not built yet.',
  // of resources beside each other
  'unknown-host': 'There is no service with this host.',
  'unknown-port': 'The service has no such port.',
  'missing-subset': 'No DestinationRule of the service has this subset.',
  'shadowed-route': 'An earlier route takes all messages that this one is for.',
  'duplicate-host': 'Two services have the same host.',
  'duplicate-router': 'Two MetaRouters are for the same host.',
  'duplicate-destination-rule': 'Two DestinationRules are for the same host.',
  'duplicate-protocol': 'Two ApplicationProtocols have the same name of a protocol.',
  'unknown-protocol': 'The name of a port begins with `tcp-metaprotocol-`, but no known protocol follows.',
  'malformed-port-name': 'The name of a port names no protocol after `tcp-metaprotocol`.',
  'unknown-codec': 'No codec of this name comes with Meltemi, and no module brings it.',
  'no-endpoints': 'A service, or a subset of it, has no workloads.',
  'no-identity': 'A policy asks who a client is, and no client shows a certificate.',
  'address-conflict': 'Two services have the same address and port.',
  // of a control plane at work
  'module-unavailable': 'The module of an ApplicationProtocol is not there, or not what its digest says.',
  'translation-failed': 'A fault in Meltemi keeps a service from being configured; the others are.',
} as const

export type ProblemCode = keyof typeof PROBLEM_CODES
